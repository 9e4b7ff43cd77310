-- What people do about customers: who looks after whom, notes, tasks, segments, plays; and how likely customers are lost.

create table customer_owner (
  customer_id text not null primary key references customer (id) on delete cascade,
  member_id text not null references member (id) on delete cascade,
  since bigint not null
);
create index customer_owner_by_member on customer_owner (member_id, customer_id);

create table customer_note (
  id text not null primary key,
  customer_id text not null references customer (id) on delete cascade,
  body text not null,
  -- null when the author has left; the name stays
  author_id text references member (id) on delete set null,
  author_name text not null,
  created_at bigint not null,
  edited_at bigint
);
create index customer_note_by_customer on customer_note (customer_id, id);
create index customer_note_by_author on customer_note (author_id);

-- Which customers: a tree of conditions as JSON.
create table segment (
  id text not null primary key,
  name text not null,
  name_folded text not null,
  expression text not null,
  created_by text not null,
  created_at bigint not null,
  updated_at bigint not null,
  -- null until somebody counted
  members bigint,
  counted_at bigint
);
create unique index segment_by_name on segment (name_folded);

-- Who is in a segment, so that lists can be sorted and paged by an index. Kept by a reconciler.
create table segment_member (
  segment_id text not null references segment (id) on delete cascade,
  customer_id text not null references customer (id) on delete cascade,
  primary key (segment_id, customer_id)
);
create index segment_member_by_customer on segment_member (customer_id);

-- What is done when something happens to a customer's health.
create table play (
  id text not null primary key,
  name text not null,
  -- JSON: what it waits for
  cause text not null,
  -- for customers of this segment only
  segment_id text references segment (id),
  -- JSON: the task and the mail
  actions text not null,
  -- both sealed, null without a webhook: for many receivers the address itself is the secret
  url text,
  secret text,
  state text not null,
  -- why the webhook was stopped by itself
  note text,
  -- deliveries in a row that were given up
  failures bigint not null,
  -- not again for the same customer within so many days
  quiet_days bigint not null,
  created_by text not null,
  created_at bigint not null,
  updated_at bigint not null
);
create index play_by_segment on play (segment_id);

-- What plays saw last of each customer: what differs from it is news, and is told once.
create table play_seen (
  customer_id text not null primary key references customer (id) on delete cascade,
  band text,
  falling_fast boolean not null,
  churn double precision,
  at bigint not null
);

create table customer_task (
  id text not null primary key,
  customer_id text not null references customer (id) on delete cascade,
  title text not null,
  detail text not null,
  assignee_id text references member (id) on delete set null,
  -- day of the house's calendar, days since 1970-01-01
  due_day bigint,
  -- due_day, or far in the future: what the list is sorted by
  sort_day bigint not null,
  state text not null check (state in ('open', 'done')),
  created_by text not null,
  created_at bigint not null,
  done_at bigint,
  done_by text
);
create index customer_task_by_due on customer_task (state, sort_day, id);
create index customer_task_by_assignee on customer_task (assignee_id, state, sort_day, id);
create index customer_task_by_customer on customer_task (customer_id, state, sort_day, id);

create table play_run (
  id text not null primary key,
  play_id text not null references play (id) on delete cascade,
  customer_id text not null references customer (id) on delete cascade,
  -- a sentence
  why text not null,
  at bigint not null,
  task_id text references customer_task (id) on delete set null,
  mails bigint not null,
  delivery_id text
);
create index play_run_by_play on play_run (play_id, id);
create index play_run_by_customer on play_run (customer_id, play_id, at);
create index play_run_by_task on play_run (task_id);

create table play_delivery (
  id text not null primary key,
  play_id text not null references play (id) on delete cascade,
  -- JSON, without the time of sending
  body text not null,
  is_test boolean not null,
  state text not null,
  attempts bigint not null,
  created_at bigint not null,
  next_at bigint,
  finished_at bigint,
  -- of the last try
  status bigint,
  error text,
  answer text
);
create index play_delivery_by_play on play_delivery (play_id, id);

-- What was learnt of who is lost, newest last. One that could not be learnt says why.
create table churn_model (
  id text not null primary key,
  trained_at bigint not null,
  -- JSON: when a customer counts as lost
  definition text not null,
  -- how many customers the team can call
  capacity bigint not null,
  -- customers looked at, and of them lost at any time
  customers bigint not null,
  churned bigint not null,
  -- JSON, null when there was too little to learn from
  predictor text,
  report text,
  note text
);
create index churn_model_by_time on churn_model (trained_at, id);

create table churn_score (
  customer_id text not null primary key references customer (id) on delete cascade,
  probability double precision not null,
  day bigint not null,
  at bigint not null
);
create index churn_score_by_probability on churn_score (probability, customer_id);
