-- Ground that no slice owns: jobs, reconcilers, outgoing mail.

create table job (
  id text not null primary key,
  kind text not null,
  payload text not null,
  unique_key text,
  state text not null,
  run_at bigint not null,
  attempts bigint not null,
  max_attempts bigint not null,
  lease_owner text,
  leased_until bigint,
  error text,
  created_at bigint not null,
  started_at bigint,
  finished_at bigint
);
create unique index job_unique_key on job (unique_key) where state in ('queued', 'running');
-- one index for each of the two questions of a claim: SQLite uses none of them for `queued or running`
create index job_due on job (run_at, id) where state = 'queued';
create index job_leased on job (leased_until) where state = 'running';
create index job_by_state on job (state, id);
create index job_finished on job (finished_at) where finished_at is not null;

create table job_schedule (
  name text not null primary key,
  next_at bigint not null,
  last_at bigint not null
);

create table reconciler (
  name text not null primary key,
  started_at bigint not null,
  duration_ms bigint not null,
  summary text,
  error text
);

create table mail (
  id text not null primary key,
  recipient text not null,
  subject text not null,
  -- sealed with the instance key: it may hold a reset link; emptied once sent
  body text,
  state text not null,
  attempts bigint not null,
  error text,
  created_at bigint not null,
  sent_at bigint
);
create index mail_by_state on mail (state, id);
