-- Users in lists, and whom they follow.

-- `version` counts changes of name and address, from 1; how far the stream has been applied is in `users_applied`.
update users set version = 1;

-- Serves: users by name, of one role.
create index users_role on users (role, name, id);
-- Serves: users by registration.
create index users_registered on users (registered_at, id);

create table follows (
    user_id     uuid not null,
    host_id     uuid not null,
    followed_at timestamptz not null,
    primary key (user_id, host_id)
);
-- Serves: whom to tell what a host does.
create index follows_host on follows (host_id, user_id);
