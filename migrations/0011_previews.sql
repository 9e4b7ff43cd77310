-- Previews: sites of their own that show another branch of a site, for a while and behind a password.

alter table site add column preview_of text references site (id);
-- which branch of that site's repository it shows
alter table site add column preview_branch text;
-- 'empty' or 'copy': what its database began as
alter table site add column preview_database text;
-- hash of the password at its door, as Traefik reads it
alter table site add column preview_login text;
-- null: it stays until somebody removes it
alter table site add column preview_expires_at bigint;

create unique index site_preview on site (preview_of, preview_branch) where preview_of is not null;
create index site_preview_expiry on site (preview_expires_at) where preview_of is not null and preview_expires_at is not null;
