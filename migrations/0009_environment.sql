-- The variables that a customer gives a site, version by version. A version is never changed; its values may be given up.
create table environment_version (
  site_id text not null references site (id) on delete cascade,
  version bigint not null,
  -- JSON of names and values, sealed with the instance key for this site and version; empty once they are given up
  sealed text not null,
  -- JSON: the names that were added, changed and removed since the version before
  changes text not null,
  -- the earlier version whose values it brings back
  restores bigint,
  created_by text not null,
  created_at bigint not null,
  -- what rolls it out; null when it waits for the site to be started
  deployment_id text,
  primary key (site_id, version)
);
