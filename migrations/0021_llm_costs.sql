-- What calls of language models cost: sums by day, the prices of the house's own, and how far events were counted.

-- Models as senders name them.
create table llm_model (
  no bigint not null primary key,
  provider text not null,
  name text not null,
  first_at bigint not null
);
create unique index llm_model_by_name on llm_model (name, provider);

-- Of the whole house. Money is in nano-dollars (a billionth of a US dollar).
create table llm_day (
  day bigint not null,
  model bigint not null references llm_model (no),
  calls bigint not null,
  -- calls that said that they failed
  failed bigint not null,
  -- calls whose cost the sender told, and that sum
  told bigint not null,
  told_cost bigint not null,
  -- calls that have no price: their cost is unknown, and not in any sum
  unpriced bigint not null,
  -- tokens of all calls: each is in one of the four
  input bigint not null,
  cache_read bigint not null,
  cache_write bigint not null,
  output bigint not null,
  -- what the price table makes of them
  input_cost bigint not null,
  cache_read_cost bigint not null,
  cache_write_cost bigint not null,
  output_cost bigint not null,
  primary key (day, model)
);

-- The same, by whose counts the event went to (the customer that it names, else the person) and by who did it; 0 for nobody. Numbers are
-- those of `subject` as the event had them, so that people who turn out to be one, or somebody's, take their history with them.
create table llm_subject_day (
  subject bigint not null,
  day bigint not null,
  model bigint not null references llm_model (no),
  person bigint not null,
  calls bigint not null,
  failed bigint not null,
  told bigint not null,
  unpriced bigint not null,
  input bigint not null,
  cache_read bigint not null,
  cache_write bigint not null,
  output bigint not null,
  -- priced and told together
  cost bigint not null,
  primary key (subject, day, model, person)
);
create index llm_subject_day_by_person on llm_subject_day (person, day) where person <> 0;
create index llm_subject_day_by_day on llm_subject_day (day);

-- Prices of the house's own; they win over those that Innkeeper brings along (crate `insight`, `cost/prices.json`).
create table llm_price (
  id text not null primary key,
  -- what it is called on pages
  label text not null,
  -- a regular expression over the whole name of a model
  pattern text not null,
  -- for calls from this day on
  since bigint not null,
  -- JSON: picodollars a token for each part of the usage, and tiers
  rates text not null,
  note text not null,
  changed_at bigint not null,
  changed_by text not null
);

-- One row: how far events were counted, and what is to be counted anew.
create table llm_progress (
  one bigint not null primary key check (one = 1),
  -- all events up to this number are in the sums; null before the first look
  through_seq bigint,
  counted_at bigint,
  -- the time zone in which the sums count days
  time_zone text not null,
  -- grows with each change of prices
  edition bigint not null,
  -- days from this one on are to be counted anew; null when none are
  recount_from bigint,
  -- the newest ones first: those from `recount_day` on are done
  recount_day bigint,
  -- what a calendar month may cost; null without a budget
  monthly_budget bigint
);
insert into llm_progress (one, through_seq, counted_at, time_zone, edition, recount_from, recount_day, monthly_budget)
values (1, null, null, '', 0, null, null, null);
