-- Site Health: what was down and why, restarts, uptime, figures, adopted containers, status pages.

alter table site_operation add column service text;

-- A site that stands for a container which was there before Innkeeper has no network of ours.
drop index site_network_slot;
create unique index site_network_slot on site (network_slot) where state <> 'archived' and network_slot >= 0;

create table adopted_container (
  site_id text not null primary key references site (id) on delete cascade,
  container text not null,
  adopted_at bigint not null
);
create unique index adopted_container_name on adopted_container (container);

-- One stretch of time in which a service of a site, or the site as visitors see it (service 'edge'), was not well.
create table incident (
  id text not null primary key,
  site_id text not null references site (id) on delete cascade,
  service text not null,
  state text not null,
  cause text not null,
  detail text,
  started_at bigint not null,
  ended_at bigint
);
create unique index incident_open on incident (site_id, service) where ended_at is null;
create index incident_by_site on incident (site_id, started_at, id);

-- Of each day (days since 1970-01-01, UTC): how long the site was watched, and how long of that it was down, in milliseconds.
create table uptime_day (
  site_id text not null references site (id) on delete cascade,
  day bigint not null,
  watched_ms bigint not null,
  down_ms bigint not null,
  primary key (site_id, day)
);

-- The last restart that was asked for: the pause before the next one is counted from it.
create table site_restart (
  site_id text not null primary key references site (id) on delete cascade,
  requested_at bigint not null,
  requested_by text not null
);

-- Figures of a service in one hour (hours since 1970-01-01, UTC): a block of one entry a minute, see hosting::usage.
create table usage_hour (
  site_id text not null references site (id) on delete cascade,
  service text not null,
  hour bigint not null,
  minutes bytea not null,
  primary key (site_id, service, hour)
);
create index usage_hour_by_time on usage_hour (hour);

-- What visitors did on a day (days since 1970-01-01, UTC), as the edge counted it.
create table usage_day (
  site_id text not null references site (id) on delete cascade,
  day bigint not null,
  requests bigint not null,
  server_errors bigint not null,
  bytes_out bigint not null,
  primary key (site_id, day)
);

-- Room that a site takes, measured now and then.
create table usage_size (
  site_id text not null primary key references site (id) on delete cascade,
  database_bytes bigint,
  files_bytes bigint,
  measured_at bigint not null
);

-- Sites whose owner shows the status page to everyone.
create table public_status_page (
  site_id text not null primary key references site (id) on delete cascade,
  published_at bigint not null
);
