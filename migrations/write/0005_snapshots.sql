-- What long streams fold to, so that they need not be read whole. Can be emptied at any time.
create table snapshots (
    aggregate_type text not null,
    aggregate_id   text not null,
    -- Of the code that folded; another version's is not read.
    fold_version   int not null,
    -- The last event that is folded in.
    sequence       bigint not null,
    head           bytea not null,
    primary key (aggregate_type, aggregate_id)
);

-- What the head leaves out, in parts that are read when they are needed. A part that is not here is empty.
create table snapshot_parts (
    aggregate_type text not null,
    aggregate_id   text not null,
    part           smallint not null,
    body           bytea not null,
    primary key (aggregate_type, aggregate_id, part),
    foreign key (aggregate_type, aggregate_id) references snapshots on delete cascade
);
-- Compressing costs more than it saves: they are mostly ids.
alter table snapshot_parts alter column body set storage external;
