insert into health_model (id, name, copied_from, draft, created_at, created_by) values ('own_sample', 'It''s <b>ours</b> "quoted"', 'account', '[]', 1, 'Ada <script>');
insert into health_version (no, model_id, version, rules, note, published_at, published_by) values (1001, 'own_sample', 1, '[{"key":"login","label":"<img src=x>","weight":1.0,"measure":{"kind":"count","what":"logins","days":30,"full":20.0},"missing":"neutral"}]', 'It''s <b>', 1, 'Ada <script>');
insert into health_now (customer_id, day, version_no, score, band, coverage, is_new, change_7, change_30, slope, falls_fast, moved_key, moved_change, factors, recent, first_at, last_day, kept_from, kept_to, computed_at)
select id, 20000, 1, 56.834, 'at_risk', 1.0, false, -3.5, null, null, false, 'login', -3.5, '{"login":50.0}', '[null,56.83]', 1, 20000, 19999, 19999, 1 from customer limit 1;
insert into health_month (customer_id, month, points) select id, 19997, '[[19999,56.834,1]]' from customer limit 1;
insert into health_day (day, version_no, healthy, at_risk, churning, unknown) values (19999, 1, 0, 1, 0, 0);
