insert into adopted_container (site_id, container, adopted_at) values ('app_aaaaaaaa', 'customer-1-wordpress', 1);
insert into incident (id, site_id, service, state, cause, detail, started_at, ended_at)
values ('inc_000000000000000001', 'app_aaaaaaaa', 'www', 'stopped', 'exited', 'exit code 1', 1, 2),
       ('inc_000000000000000002', 'app_aaaaaaaa', 'edge', 'error', 'no_answer', null, 3, null);
insert into uptime_day (site_id, day, watched_ms, down_ms) values ('app_aaaaaaaa', 20000, 86400000, 1);
insert into site_restart (site_id, requested_at, requested_by) values ('app_aaaaaaaa', 1, 'Ada');
insert into usage_hour (site_id, service, hour, minutes) values ('app_aaaaaaaa', 'www', 480000, '');
insert into usage_day (site_id, day, requests, server_errors, bytes_out) values ('app_aaaaaaaa', 20000, 10, 1, 4096);
insert into usage_size (site_id, database_bytes, files_bytes, measured_at) values ('app_aaaaaaaa', 8000000, null, 1);
insert into public_status_page (site_id, published_at) values ('app_aaaaaaaa', 1);
