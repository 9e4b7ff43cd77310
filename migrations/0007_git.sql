-- Repositories of sites: with what one may fetch and push, and what was pushed.

-- Deploy tokens: secrets of one site, for programs.
create table site_token (
  id text not null primary key,
  site_id text not null references site (id) on delete cascade,
  name text not null,
  -- SHA-256 of the secret
  token_hash text not null,
  -- read or push
  access text not null,
  created_by text not null,
  created_at bigint not null,
  last_used_at bigint
);
create unique index site_token_hash on site_token (token_hash);
create index site_token_by_site on site_token (site_id, id);

-- One row for each branch or tag that somebody asked to move: written before Git moves it, so that a crash in between loses no deployment.
create table site_push (
  id text not null primary key,
  site_id text not null references site (id) on delete cascade,
  -- refs/heads/… or refs/tags/…
  reference text not null,
  -- all zeros: it was not there before, or is not there any more
  old_commit text not null,
  new_commit text not null,
  pushed_by text not null,
  -- begun, stored or refused
  state text not null,
  -- first line of the commit's message; why it was refused
  subject text not null,
  deployment_id text,
  created_at bigint not null
);
create index site_push_by_site on site_push (site_id, id);
create index site_push_begun on site_push (created_at) where state = 'begun';
