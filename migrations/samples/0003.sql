insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets, owner_email,
                  certificate_state, certificate_attempt, created_at, updated_at)
select 'app_aaaaaaaa', min(id), 'portfolio', 'It''s <b>mine</b>', 'mine.example.test', 'active', '1', 'rel_000000000000000001', 0, 'sealed',
       'ada@example.test', 'valid', 0, 1, 1
from customer;
insert into site_operation (id, site_id, kind, state, requested_by, created_at, finished_at)
values ('op_000000000000000001', 'app_aaaaaaaa', 'create', 'done', 'mem_000000000000000001', 1, 2);
insert into site_step (operation_id, position, name, state, started_at, finished_at)
values ('op_000000000000000001', 0, 'folder', 'done', 1, 2);
