-- What every template needs: the owner who signs in, counters for rate limits, uploaded files.

create table owners (
  id integer primary key check (id = 1),
  email text not null,
  password_hash text not null,
  seeded_from text not null,
  session_epoch integer not null default 1,
  updated_at timestamptz not null default now()
);

-- Losing a counter in a crash does no harm, so this table skips the write-ahead log.
create unlogged table rate_limits (
  key text primary key,
  count integer not null,
  resets_at timestamptz not null
);

create table uploads (
  name text primary key,
  mime text not null,
  bytes bigint not null,
  width integer,
  height integer,
  created_at timestamptz not null default now()
);
