insert into funnel_day (kind, days, day, visitors, requests, emails, verified, builds, deployed, is_final, computed_at) values
  ('snapshot', 1, 20000, 120, 51, 30, 24, 26, 19, true, 1), ('cohort', 7, 20000, 800, 340, 210, 160, 150, 0, false, 1);
insert into saved_funnel (id, name, name_folded, query, created_by, created_at)
values ('fnl_000000000000000001', 'It''s <b>"ours"', 'it''s <b>"ours"', 'step1=%3Cscript%3E&step2='' or 1=1 --', 'Ada <i>', 1);
