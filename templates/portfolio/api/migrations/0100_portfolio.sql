create table profiles (
  id integer primary key default 1 check (id = 1),
  name text not null,
  role text not null default '',
  headline text not null default '',
  intro text not null default '',
  about text not null default '',
  availability text not null default '',
  location text not null default '',
  languages text not null default '',
  clients text not null default '',
  email text not null default '',
  links jsonb not null default '[]',
  portrait text not null default '',
  palette text not null default 'ultramarine',
  resume_file text,
  updated_at timestamptz not null default now()
);

create table projects (
  id integer generated always as identity primary key,
  slug text not null unique,
  title text not null,
  summary text not null default '',
  body text not null default '',
  client text not null default '',
  role text not null default '',
  year integer,
  url text not null default '',
  tags jsonb not null default '[]',
  published boolean not null default true,
  position integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index projects_position on projects (position, id);

-- The first picture of a project is its cover. `src` is an uploaded file's name or `samples/…` from the front end.
create table project_images (
  id integer generated always as identity primary key,
  project_id integer not null references projects (id) on delete cascade,
  src text not null,
  alt text not null default '',
  width integer,
  height integer,
  position integer not null default 0,
  updated_at timestamptz not null default now()
);
create index project_images_project on project_images (project_id, position, id);

create table skills (
  id integer generated always as identity primary key,
  category text not null default '',
  name text not null,
  years integer,
  position integer not null default 0,
  updated_at timestamptz not null default now()
);

create table contact_messages (
  id integer generated always as identity primary key,
  name text not null,
  email text not null,
  message text not null,
  read_at timestamptz,
  created_at timestamptz not null default now()
);
create index contact_messages_newest on contact_messages (id desc);
