insert into sample_house (seed, customers, days, until_at, mark, through_day, loaded_at) values (7, 80, 90, 1795000000000, 's7-', 20775, null);
insert into sample_customer (customer_id, seed) select id, 7 from customer limit 1;
insert into event_told (kind, through_at) values ('sign_in', 1795000000000);
