-- Repositories of sites that are elsewhere, and what their webhooks delivered.

-- No row: the site's repository is the embedded one.
create table site_repository (
  site_id text not null primary key references site (id) on delete cascade,
  provider text not null,
  -- owner/name as the provider writes it, and in lower case: providers tell no case apart
  full_name text not null,
  name_key text not null,
  clone_url text not null,
  web_url text not null,
  -- the provider's id of our webhook; null while there is none
  webhook_id text,
  created_at bigint not null
);
create unique index site_repository_name on site_repository (name_key, provider);

-- Only deliveries whose signature was right are stored.
create table webhook_delivery (
  id text not null primary key,
  site_id text not null references site (id) on delete cascade,
  -- whose form it has
  provider text not null,
  -- the sender's id of the delivery; the body's hash where there is none
  delivery_id text not null,
  event text not null,
  body_hash text not null,
  received_at bigint not null,
  -- queued or ignored, and what the sender was told
  outcome text not null,
  answer text not null,
  branch text,
  commit_hash text,
  -- what came of it
  deployment_id text,
  note text
);
create unique index webhook_delivery_once on webhook_delivery (site_id, provider, delivery_id);
create unique index webhook_delivery_body on webhook_delivery (site_id, body_hash);
create index webhook_delivery_by_site on webhook_delivery (site_id, id);
create index webhook_delivery_age on webhook_delivery (received_at);
