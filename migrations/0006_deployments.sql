-- Releases of sites, and the deployments that make them live.

-- What can serve: a commit, an image per service, settings. Never changed once made.
create table release (
  id text not null primary key,
  site_id text not null references site (id) on delete cascade,
  commit_hash text not null,
  -- JSON: the image of each service that is built
  images text not null,
  environment_version bigint not null,
  template_version text not null,
  created_at bigint not null,
  -- when it last began to serve
  live_at bigint,
  -- when its images were given up: no way back to it from then on
  retired_at bigint
);
create index release_by_site on release (site_id, id);

create table deployment (
  -- deploy-YYYYMMDD-HHMMSS, with -2, -3 … for those of one second
  id text not null primary key,
  site_id text not null references site (id) on delete cascade,
  kind text not null,
  state text not null,
  branch text not null,
  commit_hash text not null,
  -- first line of the commit's message, and who wrote it
  subject text not null,
  author text not null,
  requested_by text not null,
  environment_version bigint not null,
  release_id text,
  previous_release_id text,
  operation_id text,
  created_at bigint not null,
  started_at bigint,
  -- when visitors first got the new release
  served_at bigint,
  finished_at bigint,
  error text,
  cancelled_by text,
  -- until when the new release is watched; null when that is over
  watched_until bigint,
  -- JSON: what the watch saw
  evidence text
);
create index deployment_by_site on deployment (site_id, created_at, id);
create index deployment_in_work on deployment (created_at, id) where state in ('queued', 'running');
create index deployment_ended on deployment (finished_at) where served_at is not null;
create index deployment_watched on deployment (watched_until) where watched_until is not null;
create unique index deployment_operation on deployment (operation_id) where operation_id is not null;
