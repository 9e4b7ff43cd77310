-- Who may do what: customers, members, the ways they sign in, throttling, the audit log.

create table customer (
  id text not null primary key,
  name text not null,
  -- in lower case, for search and order
  name_folded text not null,
  currency text not null,
  created_at bigint not null,
  suspended_at bigint
);
create index customer_by_name on customer (name_folded, id);
create index customer_by_created on customer (created_at, id);

create table member (
  id text not null primary key,
  name text not null,
  -- stored in lower case and ASCII, so that the index makes it unique whatever is typed
  email text not null,
  role text not null check (role in ('owner', 'member', 'concierge', 'admin')),
  customer_id text references customer (id),
  -- argon2id as a PHC string; null until the member has chosen one
  password_hash text,
  theme text not null,
  created_at bigint not null,
  check ((role in ('owner', 'member')) = (customer_id is not null))
);
create unique index member_email on member (email);
create index member_by_customer on member (customer_id, role);
create index member_by_role on member (role);

-- Tokens of every kind are random, of 256 bits (API tokens: 238), and stored as SHA-256.
create table session (
  id text not null primary key,
  member_id text not null references member (id) on delete cascade,
  token_hash text not null,
  ip text not null,
  user_agent text not null,
  created_at bigint not null,
  last_seen_at bigint not null,
  -- the earlier of the absolute and the idle end
  ends_at bigint not null
);
create unique index session_token on session (token_hash);
create index session_by_member on session (member_id, last_seen_at);
create index session_by_end on session (ends_at);

create table api_token (
  id text not null primary key,
  member_id text not null references member (id) on delete cascade,
  name text not null,
  token_hash text not null,
  -- separated by spaces
  scopes text not null,
  created_at bigint not null,
  expires_at bigint,
  last_used_at bigint
);
create unique index api_token_hash on api_token (token_hash);
create index api_token_by_member on api_token (member_id, id);

create table invitation (
  id text not null primary key,
  email text not null,
  role text not null check (role in ('owner', 'member', 'concierge', 'admin')),
  customer_id text references customer (id),
  token_hash text not null,
  -- null when the command line invited
  invited_by text references member (id) on delete cascade,
  invited_by_name text not null,
  created_at bigint not null,
  expires_at bigint not null,
  check ((role in ('owner', 'member')) = (customer_id is not null))
);
create unique index invitation_token on invitation (token_hash);
create index invitation_by_email on invitation (email);
create index invitation_by_customer on invitation (customer_id, id);
create index invitation_by_inviter on invitation (invited_by);
create index invitation_by_expiry on invitation (expires_at);

create table password_reset (
  token_hash text not null primary key,
  member_id text not null references member (id) on delete cascade,
  created_at bigint not null,
  expires_at bigint not null
);
create index password_reset_by_member on password_reset (member_id);
create index password_reset_by_expiry on password_reset (expires_at);

create table signin_link (
  token_hash text not null primary key,
  member_id text not null references member (id) on delete cascade,
  created_at bigint not null,
  expires_at bigint not null
);
create index signin_link_by_member on signin_link (member_id);
create index signin_link_by_expiry on signin_link (expires_at);

-- One row, made at the first start; never opens again once completed.
create table setup (
  id text not null primary key check (id = 'setup'),
  token_hash text,
  expires_at bigint not null,
  completed_at bigint
);

create table throttle (
  -- what is counted, and the hash of whom
  name text not null primary key,
  hits bigint not null,
  last_at bigint not null,
  blocked_until bigint not null
);
create index throttle_by_last on throttle (last_at);

-- Outlives what it tells of, so it holds names as they were and refers to nothing.
create table audit (
  id text not null primary key,
  at bigint not null,
  member_id text,
  actor_name text not null,
  -- session, token, link, job or cli
  how text not null,
  token_id text,
  customer_id text,
  action text not null,
  subject text not null,
  detail text not null,
  ip text
);
create index audit_by_customer on audit (customer_id, id);
create index audit_by_member on audit (member_id, id);
create index audit_by_action on audit (action, id);
