-- What wakes people: rules over figures of the house, alerts with their evidence, silences, channels and what was sent through them.

-- Where alerts are sent to.
create table alert_channel (
  id text not null primary key,
  name text not null,
  kind text not null check (kind in ('mail', 'webhook')),
  -- of mails: all admins of the house, beside the addresses
  to_admins boolean not null,
  -- of mails: addresses as JSON
  addresses text not null,
  -- of webhooks, both sealed: for many receivers the address itself is the secret
  url text,
  secret text,
  -- why it was switched off by itself
  note text,
  -- deliveries in a row that were given up
  failures bigint not null,
  created_by text not null,
  created_at bigint not null,
  updated_at bigint not null
);

create table alert_rule (
  id text not null primary key,
  name text not null,
  -- alerts::metrics::Metric
  metric text not null,
  -- JSON: alerts::rules::Condition
  condition text not null,
  window_minutes bigint not null,
  -- so long it must be true before somebody is told, and false before it is over
  hold_minutes bigint not null,
  keep_minutes bigint not null,
  -- with fewer samples than this in the window nothing is judged
  min_samples bigint not null,
  no_data text not null,
  no_data_minutes bigint not null,
  severity text not null,
  -- seconds until the first message of a group, minutes between messages with news, and until it is said again; 0 for never
  wait_seconds bigint not null,
  interval_minutes bigint not null,
  repeat_minutes bigint not null,
  -- minutes of the day in the time zone of the house between which nobody is told; null for none
  quiet_from bigint,
  quiet_to bigint,
  quiet_weekends boolean not null,
  state text not null check (state in ('active', 'paused')),
  -- when its channels were last told something
  told_at bigint,
  created_by text not null,
  created_at bigint not null,
  updated_at bigint not null
);

create table alert_rule_channel (
  rule_id text not null references alert_rule (id) on delete cascade,
  channel_id text not null references alert_channel (id) on delete cascade,
  primary key (rule_id, channel_id)
);
create index alert_rule_channel_by_channel on alert_rule_channel (channel_id);

-- One stretch of time in which a rule's condition was met for one set of labels.
create table alert (
  id text not null primary key,
  -- null when the rule was removed; its name stays
  rule_id text references alert_rule (id) on delete set null,
  rule_name text not null,
  metric text not null,
  severity text not null,
  -- `over`, `no_data` or `failed`
  cause text not null,
  -- JSON object
  labels text not null,
  fired_at bigint not null,
  ended_at bigint,
  -- `resolved`, `paused`, `changed` or `removed`
  ended_why text,
  -- at the moment it fired, and the worst since
  value double precision,
  peak double precision,
  -- JSON: alerts::evidence::Evidence
  evidence text not null,
  told_at bigint,
  told_end_at bigint
);
create index alert_by_rule on alert (rule_id, id);
create index alert_open on alert (fired_at, id) where ended_at is null;
create index alert_end_untold on alert (ended_at, id) where told_at is not null and told_end_at is null and ended_at is not null;

-- Where a rule stands for one set of labels. Labels without trouble have no row, but those of the whole house.
create table alert_state (
  rule_id text not null references alert_rule (id) on delete cascade,
  -- the labels, sorted
  fingerprint text not null,
  labels text not null,
  state text not null,
  since bigint not null,
  alert_id text references alert (id) on delete set null,
  -- when this was written
  value double precision,
  -- why the rule could not be evaluated
  error text,
  primary key (rule_id, fingerprint)
);
create index alert_state_by_alert on alert_state (alert_id);

create table alert_silence (
  id text not null primary key,
  -- JSON object: rule, severity, and labels; all must fit
  matchers text not null,
  comment text not null,
  starts_at bigint not null,
  ends_at bigint not null,
  created_by text not null,
  created_at bigint not null
);
create index alert_silence_by_end on alert_silence (ends_at, id);

-- What was sent to whom: the delivery log.
create table alert_message (
  id text not null primary key,
  rule_id text references alert_rule (id) on delete set null,
  -- null when the channel was removed; its name stays
  channel_id text references alert_channel (id) on delete set null,
  channel_name text not null,
  -- `firing`, `again`, `resolved` or `test`
  kind text not null,
  subject text not null,
  -- JSON, without the time of sending
  body text not null,
  -- address of the mail, or host of the webhook
  target text not null,
  state text not null,
  attempts bigint not null,
  created_at bigint not null,
  next_at bigint,
  finished_at bigint,
  mail_id text,
  -- of the last try
  status bigint,
  error text,
  answer text
);
create index alert_message_by_channel on alert_message (channel_id, id);
create index alert_message_by_rule on alert_message (rule_id, id);
create index alert_message_waiting on alert_message (mail_id) where state = 'waiting' and mail_id is not null;

-- Figures of the house of which nothing else keeps what they were.
create table metric_sample (
  metric text not null,
  at bigint not null,
  value double precision not null,
  primary key (metric, at)
);

-- Incidents of a stretch of time are those that had not ended before it, and those that last.
create index incident_by_end on incident (ended_at) where ended_at is not null;
create index incident_lasting on incident (started_at) where ended_at is null;

insert into alert_channel (id, name, kind, to_admins, addresses, failures, created_by, created_at, updated_at)
values ('chan_000000000000000001', 'All admins', 'mail', true, '[]', 0, 'Innkeeper', 0, 0);
insert into alert_rule (id, name, metric, condition, window_minutes, hold_minutes, keep_minutes, min_samples, no_data, no_data_minutes, severity,
                        wait_seconds, interval_minutes, repeat_minutes, quiet_weekends, state, created_by, created_at, updated_at)
values
  ('rule_000000000000000001', 'High Daily Cost', 'daily_cost', '{"is":"above","value":50.0}', 5, 0, 5, 0, 'fine', 60, 'warning', 0, 5, 240, false, 'active', 'Innkeeper', 0, 0),
  ('rule_000000000000000002', 'Error Rate Spike', 'error_rate', '{"is":"above","value":15.0}', 60, 0, 5, 5, 'fine', 60, 'critical', 0, 5, 240, false, 'active', 'Innkeeper', 0, 0),
  ('rule_000000000000000003', 'Build Queue Backup', 'build_queue', '{"is":"above","value":10.0}', 5, 2, 2, 0, 'fine', 60, 'warning', 0, 5, 240, false, 'active', 'Innkeeper', 0, 0),
  ('rule_000000000000000004', 'Slow Builds', 'build_time', '{"is":"above","value":120.0}', 60, 0, 5, 3, 'fine', 60, 'warning', 0, 5, 240, false, 'active', 'Innkeeper', 0, 0);
insert into alert_rule_channel (rule_id, channel_id) select id, 'chan_000000000000000001' from alert_rule;
