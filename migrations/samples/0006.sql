insert into release (id, site_id, commit_hash, images, environment_version, template_version, created_at, live_at, retired_at)
values ('rel_000000000000000001', 'app_aaaaaaaa', '0123456789012345678901234567890123456789', '{"www":"innkeeper/portfolio-www:0123456789abcdef"}', 0, '2', 1, 2, null);
insert into deployment (id, site_id, kind, state, branch, commit_hash, subject, author, requested_by, environment_version, release_id,
                        operation_id, created_at, started_at, served_at, finished_at, watched_until, evidence)
values ('deploy-20250114-154500', 'app_aaaaaaaa', 'push', 'success', 'main', '0123456789012345678901234567890123456789', 'It''s <b>new</b>', 'Ada',
        'Ada', 0, 'rel_000000000000000001', 'op_000000000000000001', 1, 2, 3, 4, null, '{"verdict":"kept"}');
