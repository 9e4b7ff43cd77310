insert into site_token (id, site_id, name, token_hash, access, created_by, created_at, last_used_at)
values ('stk_000000000000000001', 'app_aaaaaaaa', 'CI''s <b>own</b>', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'push', 'Ada', 1, null);
insert into site_push (id, site_id, reference, old_commit, new_commit, pushed_by, state, subject, deployment_id, created_at)
values ('push_000000000000000001', 'app_aaaaaaaa', 'refs/heads/main', '0000000000000000000000000000000000000000',
        '0123456789012345678901234567890123456789', 'Ada', 'stored', 'It''s <b>new</b>', 'deploy-20250114-154500', 1);
