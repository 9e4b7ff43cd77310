insert into subject (no, kind, customer_id, merged_into, label, first_at, last_day, traits)
select 1, 'customer', id, null, '', 1, 20000, '{}' from customer limit 1;
insert into subject (no, kind, customer_id, merged_into, label, first_at, last_day, traits)
values (2, 'person', null, null, 'u1', 1, 20000, '{"name":"It''s <b>"}');
insert into subject_name (name, subject) values ('u1', 2), ('a''; drop table subject; --', 2);
insert into event_word (no, kind, word, first_at)
values (1, 'name', 'login', 1), (2, 'source', 'api', 1), (3, 'feature', '<script>alert(1)</script>', 1);
insert into event_day (day, name, source, events) values (20000, 1, 2, 1);
insert into invoice (subject, invoice, due_at) values (2, 'R-1"><img src=x>', 5);
update event_writer set turn = 1, seq = 2, subject = 3, word = 4;
