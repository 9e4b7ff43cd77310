-- Who is told what became of a deployment: people by mail, programs by webhooks that we send.

-- A member's own choice; who has none gets the usual mails.
create table member_notification (
  member_id text not null primary key references member (id) on delete cascade,
  deployment_failed boolean not null,
  deployment_succeeded boolean not null,
  rolled_back boolean not null,
  changed_at bigint not null
);

-- Each verdict is told once.
create table deployment_told (
  deployment_id text not null references deployment (id) on delete cascade,
  verdict text not null,
  site_id text not null,
  created_at bigint not null,
  -- when mails and deliveries were written down
  told_at bigint,
  -- since when a failure waits for the next mail, because there was one a moment ago
  held_at bigint,
  -- when a mail about a failure went out
  mailed_at bigint,
  primary key (deployment_id, verdict)
);
create index deployment_told_mailed on deployment_told (site_id, mailed_at) where mailed_at is not null;
create index deployment_told_held on deployment_told (site_id, held_at) where held_at is not null;

create table outgoing_webhook (
  id text not null primary key,
  site_id text not null references site (id) on delete cascade,
  -- both sealed: for many receivers the address itself is the secret
  url text not null,
  secret text not null,
  -- separated by spaces
  events text not null,
  state text not null,
  -- why it was stopped by itself
  note text,
  -- deliveries in a row that were given up
  failures bigint not null,
  created_by text not null,
  created_at bigint not null,
  updated_at bigint not null
);
create index outgoing_webhook_by_site on outgoing_webhook (site_id, id);

create table outgoing_delivery (
  id text not null primary key,
  webhook_id text not null references outgoing_webhook (id) on delete cascade,
  event text not null,
  -- null for a test
  deployment_id text,
  -- JSON, without the time of sending
  body text not null,
  state text not null,
  attempts bigint not null,
  created_at bigint not null,
  -- when it is tried next
  next_at bigint,
  finished_at bigint,
  -- why it ended without a try
  error text
);
create index outgoing_delivery_by_webhook on outgoing_delivery (webhook_id, id);

create table outgoing_try (
  delivery_id text not null references outgoing_delivery (id) on delete cascade,
  number bigint not null,
  at bigint not null,
  duration_ms bigint not null,
  status bigint,
  error text,
  -- beginning of the answer, made harmless
  answer text,
  primary key (delivery_id, number)
);
