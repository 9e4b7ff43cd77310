insert into customer_owner (customer_id, member_id, since)
select (select min(id) from customer), (select min(id) from member), 1;
insert into customer_note (id, customer_id, body, author_id, author_name, created_at, edited_at)
select 'note_000000000000000001', (select min(id) from customer), 'It''s "odd": <script>alert(1)</script> ' || 'Ω', (select min(id) from member), 'Ada <b>', 1, 2;
insert into segment (id, name, name_folded, expression, created_by, created_at, updated_at, members, counted_at)
values ('seg_000000000000000001', 'O''Hara & <i>', 'o''hara & <i>', '{"where":{"fact":"property.a\"b","is":"contains","value":"'' or 1=1 --"}}', 'Ada', 1, 2, 1, 3);
insert into segment_member (segment_id, customer_id) select 'seg_000000000000000001', min(id) from customer;
insert into play (id, name, cause, segment_id, actions, url, secret, state, note, failures, quiet_days, created_by, created_at, updated_at)
values ('play_000000000000000001', 'Call <them>', '{"on":"band","to":"churning"}', 'seg_000000000000000001', '{"task":{"title":"Call","due_in_days":2,"assignee":"owner"},"mail":{"owner":true,"to":[]}}',
        'sealed', 'sealed', 'active', null, 0, 14, 'Ada', 1, 2);
insert into play_seen (customer_id, band, falling_fast, churn, at) select min(id), 'at_risk', true, 0.25, 1 from customer;
insert into customer_task (id, customer_id, title, detail, assignee_id, due_day, sort_day, state, created_by, created_at, done_at, done_by)
select 'task_000000000000000001', (select min(id) from customer), 'Call', '</textarea><script>', (select min(id) from member), 20000, 20000, 'open', 'play', 1, null, null;
insert into play_run (id, play_id, customer_id, why, at, task_id, mails, delivery_id)
select 'run_000000000000000001', 'play_000000000000000001', min(id), 'The band is churning now.', 2, 'task_000000000000000001', 1, 'pdl_000000000000000001' from customer;
insert into play_delivery (id, play_id, body, is_test, state, attempts, created_at, next_at, finished_at, status, error, answer)
values ('pdl_000000000000000001', 'play_000000000000000001', '{"event":"play"}', false, 'failed', 6, 2, null, 9, 500, null, '<b>no</b>');
insert into churn_model (id, trained_at, definition, capacity, customers, churned, predictor, report, note)
values ('chm_000000000000000001', 1, '{"inactive_days":30,"horizon_days":60}', 20, 80, 3, null, null, 'Too few were lost.');
insert into churn_score (customer_id, probability, day, at) select min(id), 0.5, 20000, 1 from customer;
