-- Files of events that are imported through the pages or the API, and how much each token may send.

create table event_import (
  id text not null primary key,
  created_at bigint not null,
  created_by text not null,
  -- what it was called where it came from
  file text not null,
  format text not null check (format in ('csv', 'ndjson')),
  bytes bigint not null,
  state text not null check (state in ('ready', 'checking', 'running', 'done', 'cancelled', 'failed')),
  -- JSON list of `field=column`
  mapping text not null,
  source text not null,
  started_at bigint,
  finished_at bigint,
  -- how far the check or import is
  read_bytes bigint not null,
  restarts bigint not null,
  -- whether the report is of a check
  is_check boolean not null,
  -- JSON: what became of the rows so far
  report text,
  trouble text
);
create index event_import_with_file on event_import (state, created_at);

-- How much a token may send; null is without an end.
alter table api_token add column events_per_second bigint;
alter table api_token add column events_per_day bigint;
-- Those that may send events are listed without a look at all others.
alter table api_token add column sends_events boolean not null default false;
update api_token set sends_events = true where ' ' || scopes || ' ' like '% events:write %';
create index api_token_that_sends on api_token ((coalesce(last_used_at, 0)), id) where sends_events;

-- What tokens with an end have sent, by day.
create table token_sent (
  token_id text not null references api_token (id) on delete cascade,
  day bigint not null,
  events bigint not null,
  primary key (token_id, day)
);
