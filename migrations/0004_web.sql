-- What the web surface remembers between requests.

create table idempotent_request (
  -- hash of the caller and of their Idempotency-Key
  name text not null primary key,
  -- hash of method, address and body: the same key for another request is refused
  fingerprint text not null,
  -- the answer, sealed with the instance key: it may hold a token that is shown once; null while the first one runs
  answer text,
  claimed_at bigint not null
);
create index idempotent_request_by_claim on idempotent_request (claimed_at);
create index idempotent_request_running on idempotent_request (claimed_at) where answer is null;
