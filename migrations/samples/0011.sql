insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets, owner_email,
                  certificate_state, certificate_attempt, created_at, updated_at,
                  preview_of, preview_branch, preview_database, preview_login, preview_expires_at)
select 'app_pppppppp', customer_id, kind, name, 'feature-login--ada.sites.example.com', 'active', '2', 'rel_000000000000000011', 4000, 'sealed',
       owner_email, 'valid', 0, 1, 1, 'app_aaaaaaaa', 'feature/$(login)`;''', 'copy', '{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=', 604800001
from site where id = 'app_aaaaaaaa';
