insert into member_notification (member_id, deployment_failed, deployment_succeeded, rolled_back, changed_at)
select id, true, false, true, 1 from member limit 1;
insert into deployment_told (deployment_id, verdict, site_id, created_at, told_at, held_at, mailed_at)
values ('deploy-20250114-154500', 'success', 'app_aaaaaaaa', 4, 5, null, null);
insert into outgoing_webhook (id, site_id, url, secret, events, state, note, failures, created_by, created_at, updated_at)
values ('hook_000000000000000001', 'app_aaaaaaaa', 'sealed', 'sealed', 'deployment.failed deployment.succeeded', 'stopped', 'It''s gone', 5, 'Ada', 1, 2);
insert into outgoing_delivery (id, webhook_id, event, deployment_id, body, state, attempts, created_at, next_at, finished_at, error)
values ('dlv_000000000000000001', 'hook_000000000000000001', 'deployment.succeeded', 'deploy-20250114-154500', '{"event":"deployment.succeeded"}',
        'failed', 1, 3, null, 4, null);
insert into outgoing_try (delivery_id, number, at, duration_ms, status, error, answer)
values ('dlv_000000000000000001', 1, 4, 25, 500, null, '<b>oh</b>');
