-- What customers and people do: raw events in blocks, and roll-ups that are written in the same transaction.

-- One row, changed by every commit of events: whoever commits takes it first, so commits take turns.
create table event_writer (
  one bigint not null primary key check (one = 1),
  -- grows with each commit: another process wrote when it is not what one left
  turn bigint not null,
  -- the next numbers to give out
  seq bigint not null,
  block bigint not null,
  subject bigint not null,
  word bigint not null,
  run bigint not null,
  -- the newest `at` of customer_changed
  changed_at bigint not null,
  -- the time zone in which the roll-ups count days; empty before the first event
  time_zone text not null,
  -- raw events before this moment may have been dropped; null when none were
  kept_from bigint
);
insert into event_writer (one, turn, seq, block, subject, word, run, changed_at, time_zone) values (1, 0, 1, 1, 1, 1, 1, 0, '');

-- Customers and people as events see them, under short numbers. A person may belong to a customer, and may have turned out to be
-- another person (merged_into, always the last one of a chain).
create table subject (
  no bigint not null primary key,
  kind text not null check (kind in ('customer', 'person')),
  -- for customers: which; for people: whose they are, when it is known
  customer_id text references customer (id),
  merged_into bigint references subject (no),
  -- of people: the name under which they were first seen
  label text not null,
  first_at bigint not null,
  last_day bigint not null,
  -- of people: what `identify` said, as JSON; of customers: what `group` said
  traits text not null
);
create unique index subject_of_customer on subject (customer_id) where kind = 'customer';
create index subject_by_customer on subject (customer_id, no);
create index subject_by_merge on subject (merged_into) where merged_into is not null;
create index subject_by_last_day on subject (kind, last_day, no);

-- The names (distinct ids) under which people are known to senders.
create table subject_name (
  name text not null primary key,
  subject bigint not null references subject (no)
);
create index subject_name_by_subject on subject_name (subject);

-- Words that repeat: names of events, sources, features, sites.
create table event_word (
  no bigint not null primary key,
  kind text not null check (kind in ('name', 'source', 'feature')),
  word text not null,
  first_at bigint not null
);
create unique index event_word_by_word on event_word (kind, word);

-- Raw events, many to a row, in compressed columns (crate `events`, module `block`).
create table event_block (
  no bigint not null primary key,
  -- 0: as they came; 1: of one day, in the order (subject, time, seq)
  level bigint not null,
  -- UTC day of all events of a block of level 1; null at level 0
  day bigint,
  events bigint not null,
  min_at bigint not null,
  max_at bigint not null,
  min_seq bigint not null,
  max_seq bigint not null,
  min_subject bigint not null,
  max_subject bigint not null,
  -- time, seq, subject, person, name, source
  heads bytea not null,
  ids bytea not null,
  props bytea not null
);
create index event_block_by_level on event_block (level, no);
create index event_block_by_day on event_block (day, no) where level = 1;
create index event_block_by_time on event_block (max_at, no);
create index event_block_by_seq on event_block (max_seq);

-- Fingerprints of the ids of the last days, in sorted runs: what makes duplicates known.
create table event_id_run (
  run bigint not null primary key,
  -- UTC day on which the newest of them came
  day bigint not null,
  events bigint not null,
  -- all events up to this number have their fingerprints in this run or an earlier one
  through_seq bigint not null,
  -- says of most ids that they are not in here
  filter bytea not null
);
-- Pages are written before their run is.
create table event_id_page (
  run bigint not null,
  -- pages of a run have their fingerprints in order; this is the first, as 32 hexadecimal digits
  low text not null,
  body bytea not null,
  primary key (run, low)
);

-- What a subject did on the days `32 * period` to `32 * period + 31` of the house's calendar, packed (crate `events`, module `period`).
-- A subject is the customer that the event names, else the person.
create table subject_days (
  subject bigint not null references subject (no),
  period bigint not null,
  body bytea not null,
  primary key (subject, period)
);

-- Invoices as invoice_issued and invoice_paid told of them.
create table invoice (
  subject bigint not null references subject (no),
  invoice text not null,
  issued_at bigint,
  due_at bigint,
  paid_at bigint,
  -- in minor units
  amount bigint,
  currency text,
  primary key (subject, invoice)
);
create index invoice_by_due on invoice (due_at);

-- How often each kind of event came from each source on each day.
create table event_day (
  day bigint not null,
  name bigint not null references event_word (no),
  source bigint not null references event_word (no),
  events bigint not null,
  primary key (day, name, source)
);
create index event_day_by_name on event_day (name, day);

-- Bumped when roll-ups of a customer changed; what keeps scores for lists reads it. Each commit has an `at` of its own that is later
-- than all before, so that whoever has read up to one misses nothing.
create table customer_changed (
  customer_id text not null primary key references customer (id) on delete cascade,
  at bigint not null
);
create index customer_changed_by_time on customer_changed (at);
