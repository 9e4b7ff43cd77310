insert into environment_version (site_id, version, sealed, changes, restores, created_by, created_at, deployment_id)
values ('app_aaaaaaaa', 1, 'sealed', '{"added":["MAIL_HOST"],"changed":[],"removed":[]}', null, 'Ada', 1, 'deploy-20250114-154500'),
       ('app_aaaaaaaa', 2, '', '{"added":[],"changed":["MAIL_HOST"],"removed":[]}', 1, 'Ada "the owner"', 2, null);
