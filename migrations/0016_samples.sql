-- Sample houses, which can be removed wholly, and how far Innkeeper has told its own events.

create table sample_house (
  seed bigint not null primary key,
  customers bigint not null,
  days bigint not null,
  -- no event of it is later
  until_at bigint not null,
  -- what the ids of its events begin with
  mark text not null,
  -- up to and with which day it is loaded; null before the first
  through_day bigint,
  loaded_at bigint
);

create table sample_customer (
  customer_id text not null primary key references customer (id),
  seed bigint not null references sample_house (seed)
);
create index sample_customer_by_seed on sample_customer (seed);

-- Up to which moment what happened in the house has been made into events, by kind.
create table event_told (
  kind text not null primary key,
  through_at bigint not null
);

-- What happened to sites, in the order in which it is told.
create index deployment_by_start on deployment (started_at, id) where started_at is not null;
create index deployment_by_end on deployment (finished_at, id) where finished_at is not null;
create index site_restart_by_end on site_operation (finished_at, id) where kind = 'restart';
create index site_build_by_start on site_step (started_at, operation_id) where name = 'build';
create index site_build_by_end on site_step (finished_at, operation_id) where name = 'build';
create index incident_by_start on incident (started_at, id);
