insert into event_block_subjects (block, subjects) select no, props from event_block limit 1;
