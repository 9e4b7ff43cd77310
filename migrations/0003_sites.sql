-- Sites, the operations that make, change and remove them, and their steps.

create table site (
  id text not null primary key,
  customer_id text not null references customer (id),
  kind text not null,
  name text not null,
  domain text not null,
  custom_domain text,
  state text not null,
  template_version text not null,
  release_id text not null,
  -- which /28 of the pool its network is
  network_slot bigint not null,
  -- sealed JSON of what its .env keeps secret
  secrets text not null,
  owner_email text not null,
  certificate_state text not null,
  certificate_expires_at bigint,
  certificate_error text,
  certificate_attempt bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  last_deployed_at bigint,
  archived_at bigint
);
create unique index site_domain on site (domain);
create unique index site_custom_domain on site (custom_domain) where custom_domain is not null;
create unique index site_network_slot on site (network_slot) where state <> 'archived';
create index site_by_customer on site (customer_id, id);
create index site_by_creation on site (created_at, id);
create index site_archived on site (archived_at) where archived_at is not null;

create table site_operation (
  id text not null primary key,
  site_id text not null references site (id) on delete cascade,
  kind text not null,
  state text not null,
  requested_by text not null,
  created_at bigint not null,
  finished_at bigint,
  error text
);
create unique index site_operation_running on site_operation (site_id) where state = 'running';
create index site_operation_by_site on site_operation (site_id, id);

create table site_step (
  operation_id text not null references site_operation (id) on delete cascade,
  position bigint not null,
  name text not null,
  state text not null,
  started_at bigint,
  finished_at bigint,
  detail text,
  error text,
  primary key (operation_id, position)
);
