-- Of whom a block of raw events holds any: whoever looks for one customer's reads these short lists instead of the blocks. Blocks from before
-- have none and are looked through.
create table event_block_subjects (
  block bigint not null primary key references event_block (no) on delete cascade,
  -- the numbers of subjects in order, each as the difference from the one before (crate `events`, module `block`)
  subjects bytea not null
);
