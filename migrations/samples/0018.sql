insert into health_assignment (segment_id, version_no, priority, assigned_at, assigned_by) values ('seg_000000000000000001', 1001, 1, 4, 'Ada <script>');
insert into health_due (customer_id, marks) select min(id), 2 from customer;
insert into customer_pulse (id, customer_id, points, note, set_by, set_at, until_day)
select 'pulse_000000000000000001', min(id), 25, 'It''s "bad": </textarea><script>alert(1)</script> Ω', 'Ada <b>', 1, 20010 from customer;
insert into customer_pulse (id, customer_id, points, note, set_by, set_at, until_day)
select 'pulse_000000000000000002', min(id), null, '', 'Ada <b>', 2, 19999 from customer;
insert into health_run (id, kind, model_id, rules, state, done, total, asked_by, asked_at, outcome, error)
values ('hrun_000000000000000001', 'dry_run', 'own_sample', '[{"key":"p","label":"<b>","weight":1.0,"measure":{"kind":"pulse"},"missing":"neutral"}]', 'failed', 1, 2, 'Ada <script>', 1, null, 'It''s </p><script>');
