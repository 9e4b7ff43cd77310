-- Health: models as data, the table of current scores, and what scores were on past days.

create table health_model (
  -- `account`, `builder`, or made of the operator's name for it
  id text not null primary key,
  name text not null,
  -- which model it was copied from; null for those that Innkeeper brings along
  copied_from text references health_model (id),
  -- factors as JSON, while somebody edits them
  draft text,
  created_at bigint not null,
  created_by text not null
);

-- Published, and never changed from then on.
create table health_version (
  no bigint not null primary key,
  model_id text not null references health_model (id),
  -- counts within the model
  version bigint not null,
  -- factors as JSON
  rules text not null,
  note text not null,
  published_at bigint not null,
  published_by text not null
);
create unique index health_version_of_model on health_version (model_id, version);

-- By which version scores are made since when: the newest row says it for now.
create table health_use (
  at bigint not null primary key,
  version_no bigint not null references health_version (no),
  used_by text not null
);

-- Current scores, for lists. Kept fresh from customer_changed; a customer's own page computes anew.
create table health_now (
  customer_id text not null primary key references customer (id) on delete cascade,
  day bigint not null,
  version_no bigint not null references health_version (no),
  -- 0 to 100; null when nothing is known
  score double precision,
  band text check (band in ('healthy', 'at_risk', 'churning')),
  -- share of the weights that comes from data, 0 to 1
  coverage double precision not null,
  is_new boolean not null,
  change_7 double precision,
  change_30 double precision,
  slope double precision,
  falls_fast boolean not null,
  -- the factor that moved it most within 7 days, and by how many points
  moved_key text,
  moved_change double precision,
  -- factor scores by key, as a JSON object
  factors text not null,
  -- scores of the last days as a JSON array, the last is the day's
  recent text not null,
  first_at bigint,
  last_day bigint,
  -- days for which a snapshot is kept; null while there is none
  kept_from bigint,
  kept_to bigint,
  computed_at bigint not null
);
create index health_now_by_score on health_now (score, customer_id);
create index health_now_by_change_7 on health_now (change_7, customer_id);
create index health_now_by_change_30 on health_now (change_30, customer_id);
create index health_now_by_last_day on health_now (last_day, customer_id);

-- How far the current scores are: whose day and version all of them have, and up to which change of roll-ups they are fresh.
create table health_progress (
  one bigint not null primary key check (one = 1),
  day bigint not null,
  version_no bigint not null,
  -- of customer_changed
  changed_at bigint not null,
  changed_customer text not null,
  -- customers created up to then have a row
  created_at bigint not null
);
insert into health_progress (one, day, version_no, changed_at, changed_customer, created_at) values (1, 0, 0, 0, '', 0);

-- What scores were at the end of past days: a month of a customer to a row, because a row a day would take five times the room.
create table health_month (
  customer_id text not null references customer (id) on delete cascade,
  -- the first day of the calendar month
  month bigint not null,
  -- JSON: [[day, score or null, version_no], …] by day
  points text not null,
  primary key (customer_id, month)
);

-- How many customers were in each band at the end of past days.
create table health_day (
  day bigint not null primary key,
  version_no bigint not null references health_version (no),
  healthy bigint not null,
  at_risk bigint not null,
  churning bigint not null,
  unknown bigint not null
);

insert into health_model (id, name, copied_from, draft, created_at, created_by) values
  ('account', 'Account', null, null, 0, 'Innkeeper'),
  ('builder', 'Builder', null, null, 0, 'Innkeeper');
insert into health_version (no, model_id, version, rules, note, published_at, published_by) values
  (1, 'account', 1, '[{"key":"login","label":"Sign-ins","weight":25.0,"measure":{"kind":"count","what":"logins","days":30,"full":20.0},"missing":"neutral"},{"key":"features","label":"Features used","weight":25.0,"measure":{"kind":"features","days":90},"missing":"neutral"},{"key":"support","label":"Support tickets","weight":20.0,"measure":{"kind":"penalty","what":"tickets_opened","days":90,"each":10.0},"missing":"neutral"},{"key":"invoices","label":"Invoices on time","weight":20.0,"measure":{"kind":"invoices","days":90},"missing":"neutral"},{"key":"api_trend","label":"API trend","weight":10.0,"measure":{"kind":"momentum","what":"api_calls","days":30},"missing":"neutral"}]', 'As Innkeeper brings it', 0, 'Innkeeper'),
  (2, 'builder', 1, '[{"key":"builds","label":"Build success","weight":30.0,"measure":{"kind":"success","of":"builds","days":30},"missing":"neutral"},{"key":"engagement","label":"Engagement","weight":25.0,"measure":{"kind":"active_days","days":30,"full":12.0},"missing":"neutral"},{"key":"return_rate","label":"Return rate","weight":20.0,"measure":{"kind":"active_weeks","weeks":4},"missing":"neutral"},{"key":"adoption","label":"Feature adoption","weight":15.0,"measure":{"kind":"features","days":90},"missing":"neutral"},{"key":"satisfaction","label":"Satisfaction","weight":10.0,"measure":{"kind":"ratings","days":90},"missing":"neutral"}]', 'As Innkeeper brings it', 0, 'Innkeeper');
insert into health_use (at, version_no, used_by) values (0, 1, 'Innkeeper');
