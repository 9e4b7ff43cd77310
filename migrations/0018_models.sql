-- Which model scores whom, what staff say of a customer themselves, work on all customers, and orders of the list of customers.

-- Customers of a segment are scored by a version of their own instead of the one in use.
create table health_assignment (
  segment_id text not null primary key references segment (id),
  version_no bigint not null references health_version (no),
  -- who is in several of these segments is scored by the one with the lowest number; of equal ones by the older segment
  priority bigint not null,
  assigned_at bigint not null,
  assigned_by text not null
);
create index health_assignment_by_version on health_assignment (version_no);

-- Customers whose score must be computed anew although no event of theirs came: they came into a segment or left one, or their pulse was set.
create table health_due (
  customer_id text not null primary key references customer (id) on delete cascade,
  -- how often it was said; whoever has seen to fewer leaves the row
  marks bigint not null
);

-- How staff say that a customer is, newest last. Nothing is changed afterwards, so that scores of past days can be told.
create table customer_pulse (
  id text not null primary key,
  customer_id text not null references customer (id) on delete cascade,
  -- 0 to 100; null takes back what was said before
  points bigint,
  note text not null,
  set_by text not null,
  set_at bigint not null,
  -- the last day on which it counts
  until_day bigint not null
);
create index customer_pulse_by_customer on customer_pulse (customer_id, set_at, id);

-- health_use.at of the choice that all current scores were made by.
alter table health_progress add column used_at bigint not null default -1;

create index health_now_by_version on health_now (version_no, customer_id);
create index health_now_by_slope on health_now (slope, customer_id);
create index health_now_by_moved on health_now (moved_change, customer_id);

-- Work on all customers that somebody asked for: pages follow the row, a job does it.
create table health_run (
  id text not null primary key,
  kind text not null check (kind in ('recompute', 'dry_run')),
  -- of a dry run: the model and its factors as JSON
  model_id text,
  rules text,
  state text not null check (state in ('waiting', 'running', 'done', 'failed')),
  -- customers
  done bigint not null,
  total bigint not null,
  asked_by text not null,
  asked_at bigint not null,
  -- what came out, as JSON
  outcome text,
  error text
);
create index health_run_by_state on health_run (state, kind, id);
create index health_run_by_time on health_run (asked_at);
