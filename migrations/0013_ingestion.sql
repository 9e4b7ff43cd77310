-- What was wrong with events that came in, by day and kind, with the newest of each as a sample.

create table ingestion_warning (
  -- calendar day of the house's time zone
  day bigint not null,
  -- what is wrong: events::wire::Trouble
  kind text not null,
  -- by which format it came
  source text not null,
  -- of the event; empty where it has none, or where there are too many different ones
  name text not null,
  events bigint not null,
  last_at bigint not null,
  -- the token that sent the newest
  sender text not null,
  -- why the newest was refused or changed
  reason text not null,
  -- the newest as it was sent, shortened, without what must not be kept
  sample text not null,
  primary key (day, kind, source, name)
);
create index ingestion_warning_by_time on ingestion_warning (last_at desc);
