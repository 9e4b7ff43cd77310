insert into customer (id, name, name_folded, currency, created_at, suspended_at)
values ('cust_aaaaaaaaaaaa', 'Ünïque & Söhne', 'ünïque & söhne', 'EUR', 1, null),
       ('cust_bbbbbbbbbbbb', 'Byte <Bakery>', 'byte <bakery>', 'USD', 2, 3);
insert into member (id, name, email, role, customer_id, password_hash, theme, created_at)
values ('mem_0000000000000000aa', 'Ada Admin', 'ada@example.test', 'admin', null, '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'system', 1),
       ('mem_0000000000000000ab', 'Olga Owner', 'olga@example.test', 'owner', 'cust_aaaaaaaaaaaa', null, 'dark', 2);
insert into session (id, member_id, token_hash, ip, user_agent, created_at, last_seen_at, ends_at)
values ('ses_0000000000000000aa', 'mem_0000000000000000aa', 'session-hash', '192.0.2.1', 'Firefox', 1, 2, 3);
insert into api_token (id, member_id, name, token_hash, scopes, created_at, expires_at, last_used_at)
values ('tok_0000000000000000aa', 'mem_0000000000000000ab', 'deploys', 'token-hash', 'sites:deploy sites:read', 1, null, 2);
insert into invitation (id, email, role, customer_id, token_hash, invited_by, invited_by_name, created_at, expires_at)
values ('inv_0000000000000000aa', 'new@example.test', 'member', 'cust_aaaaaaaaaaaa', 'invitation-hash', 'mem_0000000000000000ab', 'Olga Owner', 1, 2),
       ('inv_0000000000000000ab', 'staff@example.test', 'concierge', null, 'invitation-hash-2', null, 'command line', 1, 2);
insert into password_reset (token_hash, member_id, created_at, expires_at) values ('reset-hash', 'mem_0000000000000000ab', 1, 2);
insert into signin_link (token_hash, member_id, created_at, expires_at) values ('link-hash', 'mem_0000000000000000aa', 1, 2);
insert into setup (id, token_hash, expires_at, completed_at) values ('setup', null, 1, 2);
insert into throttle (name, hits, last_at, blocked_until) values ('sign-in:account:0000', 5, 1, 1001);
insert into audit (id, at, member_id, actor_name, how, token_id, customer_id, action, subject, detail, ip)
values ('aud_0000000000000000aa', 1, 'mem_0000000000000000aa', 'Ada Admin', 'session', null, 'cust_aaaaaaaaaaaa', 'customer.create', 'cust_aaaaaaaaaaaa', '{"name":"Ünïque & Söhne"}', '192.0.2.1'),
       ('aud_0000000000000000ab', 2, null, 'command line', 'cli', null, null, 'member.add', 'mem_0000000000000000aa', '{}', null);
