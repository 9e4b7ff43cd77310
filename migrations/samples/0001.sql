insert into job (id, kind, payload, unique_key, state, run_at, attempts, max_attempts, created_at)
values ('job_0000000000000000aa', 'mail.send', '{"mail_id":"mail_0000000000000000aa"}', null, 'done', 1, 1, 8, 1),
       ('job_0000000000000000ab', 'site.provision', '{}', 'site:app_aaaaaaaa', 'dead', 2, 8, 8, 2);
insert into reconciler (name, started_at, duration_ms, summary, error) values ('edge.routes', 1, 2, '1 route', null);
insert into mail (id, recipient, subject, body, state, attempts, error, created_at, sent_at)
values ('mail_0000000000000000aa', 'ada@example.test', 'Welcome', null, 'sent', 1, null, 1, 2);
