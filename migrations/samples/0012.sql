insert into subject (no, kind, customer_id, merged_into, first_at, last_day, traits)
select 1, 'customer', id, null, 1, 20000, '{}' from customer limit 1;
insert into subject (no, kind, customer_id, merged_into, first_at, last_day, traits) values (2, 'person', null, null, 1, 20000, '{"name":"It''s <b>"}');
insert into subject_name (name, subject) values ('u1', 2);
insert into event_word (no, kind, word, first_at) values (1, 'name', 'login', 1), (2, 'source', 'api', 1), (3, 'feature', 'export', 1);
