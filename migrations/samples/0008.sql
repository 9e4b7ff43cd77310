insert into site_repository (site_id, provider, full_name, name_key, clone_url, web_url, webhook_id, created_at)
values ('app_aaaaaaaa', 'github', 'Codertocat/Hello-World', 'codertocat/hello-world', 'https://github.com/Codertocat/Hello-World.git',
        'https://github.com/Codertocat/Hello-World', '109948940', 1);
insert into webhook_delivery (id, site_id, provider, delivery_id, event, body_hash, received_at, outcome, answer, branch, commit_hash, deployment_id, note)
values ('whd_000000000000000001', 'app_aaaaaaaa', 'github', '72d3162e-cc78-11e3-81ab-4c9367dc0958', 'push', 'e3b0c442', 1, 'queued',
        'it''s being fetched', 'main', '0123456789012345678901234567890123456789', 'deploy-20250114-154500', null);
