insert into llm_model (no, provider, name, first_at) values (1, 'it''s "<b>', '<img src=x onerror=alert(1)>''; drop table llm_day; --', 1);
insert into llm_day (day, model, calls, failed, told, told_cost, unpriced, input, cache_read, cache_write, output, input_cost, cache_read_cost, cache_write_cost, output_cost)
values (20000, 1, 3, 1, 1, 12345678, 1, 1000, 500, 0, 200, 5000000, 250000, 0, 5000000);
insert into llm_subject_day (subject, day, model, person, calls, failed, told, unpriced, input, cache_read, cache_write, output, cost)
values (1, 20000, 1, 2, 3, 1, 1, 1, 1000, 500, 0, 200, 22595678);
insert into llm_price (id, label, pattern, since, rates, note, changed_at, changed_by)
values ('price_000000000000000001', '<script>alert(1)</script>', '(a+)+$', 19990, '{"base":{"input":1000000,"output":2000000},"tiers":[]}', 'It''s <b>', 1, 'Ada "<i>"');
