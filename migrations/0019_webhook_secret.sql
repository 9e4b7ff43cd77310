-- The secret of a webhook can be replaced. The one before goes on signing beside it for a while, so that no delivery is lost over the change.
alter table outgoing_webhook add column old_secret text;
alter table outgoing_webhook add column old_secret_until bigint;

create index outgoing_webhook_old_secret on outgoing_webhook (old_secret_until) where old_secret_until is not null;
