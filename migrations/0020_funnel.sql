-- The funnel of the house by day, and funnels that somebody saved.

-- How many people were in each stage. Kept, because raw events are not.
create table funnel_day (
  -- snapshot: who did it within the days; cohort: how far those got who came within the days
  kind text not null check (kind in ('snapshot', 'cohort')),
  -- of so many days that end with `day`: 1 or 7
  days bigint not null,
  day bigint not null,
  visitors bigint not null,
  requests bigint not null,
  emails bigint not null,
  verified bigint not null,
  builds bigint not null,
  deployed bigint not null,
  -- whether the days, and the window of a cohort, were over
  is_final boolean not null,
  computed_at bigint not null,
  primary key (kind, days, day)
);
create index funnel_day_open on funnel_day (day) where is_final = false;

create table saved_funnel (
  id text not null primary key,
  name text not null,
  name_folded text not null,
  -- the question, as it stands in the address of its page
  query text not null,
  created_by text not null,
  created_at bigint not null
);
create unique index saved_funnel_by_name on saved_funnel (name_folded);
