//! Rebuilds that are paused, begun anew, or only compare.

use domain::{
    Personal, UserId,
    user::{Role, UserEvent},
};
use event_store::{Metadata, NewEvent, StreamId};
use projector::{
    projections::{self, Events, Users},
    rebuild::{
        Outcome, Progress, RebuildError, Step,
        compare::{Comparison, RowDifference},
    },
};
use tokio::{runtime::Handle, task::block_in_place};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{DEADLINE, Databases, a_show, created, eventually, sold};

impl Databases {
    /// A rebuild that is paused as soon as it tells of this.
    async fn pause_at(&self, is_there: impl Fn(Step) -> bool + Send + Sync) -> Outcome {
        let stop = CancellationToken::new();
        let tell = |step| {
            if is_there(step) {
                stop.cancel();
            }
        };
        self.rebuild(&Events, &stop).run(false, tell).await.unwrap()
    }

    async fn compare(&self) -> Comparison {
        let stop = CancellationToken::new();
        self.rebuild(&Events, &stop).compare(20, |_| {}).await.unwrap().unwrap()
    }

    /// The first step of the next rebuild, which is paused there.
    async fn first_step(&self, code: &str, from_start: bool) -> Step {
        let (stop, mut first) = (CancellationToken::new(), None);
        let tell = |step| {
            first.get_or_insert(step);
            stop.cancel();
        };
        let mut rebuild = self.rebuild(&Events, &stop);
        rebuild.code = code;
        rebuild.run(from_start, tell).await.unwrap();
        first.unwrap()
    }

    async fn run(&self, sql: &str) {
        sqlx::raw_sql(sql).execute(&self.read).await.unwrap();
    }

    /// Gives all that is appended its place in the log, so many events in all; nobody applies them.
    pub(crate) async fn number(&self, events: i64) {
        let stop = CancellationToken::new();
        let relay = feed::Relay::new(self.store.clone(), None, "only numbers".to_owned());
        let numbering = tokio::spawn(relay.run(stop.clone()));
        eventually("all is numbered", DEADLINE, || async {
            (self.store.head().await.unwrap().global_position == events).then_some(())
        })
        .await;
        stop.cancel();
        numbering.await.unwrap();
    }
}

fn begun(step: Step) -> bool {
    matches!(step, Step::Begun { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_rebuild_goes_on_where_it_was() {
    let (databases, show) = (Databases::new().await, a_show());
    databases.append(show, 0, &[created(show)]).await;
    // More than a rebuild reads at once.
    let sales: Vec<_> = (0..7_000).map(|_| sold(show)).collect();
    databases.append(show, 1, &sales).await;
    let following = databases.follow(None);
    databases.until_sold(show, 7_000).await;
    drop(following);

    let paused = databases.pause_at(|step| matches!(step, Step::Applied(_))).await;
    let Outcome::Paused(at) = paused else { panic!("{paused:?}") };
    assert!(0 < at.position && at.position < at.head, "{at:?}");
    let rows = databases.rows("event_ticket_types").await;
    let (mut steps, stop) = (Vec::new(), CancellationToken::new());
    let ended = databases.rebuild(&Events, &stop).run(false, |step| steps.push(step)).await.unwrap();
    assert_eq!(ended, Outcome::Switched { position: 7_001, parked_streams: 0 });
    assert_eq!(steps[0], Step::WentOn(at));
    assert_eq!(steps[1], Step::Applied(Progress { position: 7_001, head: 7_001 }));
    assert_eq!(databases.rows("event_ticket_types").await, rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_built_tables_are_gone_on_with_only_where_the_same_code_made_them_for_the_same_columns() {
    let databases = Databases::new().await;
    databases.pause_at(begun).await;
    assert!(matches!(databases.first_step("tests", false).await, Step::WentOn(_)));
    assert!(matches!(databases.first_step("tests", true).await, Step::Begun { instead: Some(_) }));
    assert!(matches!(databases.first_step("other tests", false).await, Step::Begun { instead: Some(_) }));
    assert!(matches!(databases.first_step("other tests", false).await, Step::WentOn(_)));
    databases.run("alter table events add column colour text").await;
    assert!(matches!(databases.first_step("other tests", false).await, Step::Begun { instead: Some(_) }));
    databases.run("update rebuild_events.projections set position = 7").await;
    let ahead_of_the_log = databases.first_step("other tests", false).await;
    assert!(matches!(ahead_of_the_log, Step::Begun { instead: Some(_) }), "{ahead_of_the_log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_and_indexes_that_the_live_tables_get_meanwhile_are_not_lost() {
    let databases = Databases::new().await;
    let stop = CancellationToken::new();
    let during = |sql: &'static str| {
        let databases = &databases;
        move |step: Step| {
            if begun(step) || step == Step::Indexing {
                block_in_place(|| Handle::current().block_on(databases.run(sql)));
            }
        }
    };
    let index = "create index if not exists events_by_version on events (version)";
    databases.rebuild(&Events, &stop).run(false, during(index)).await.unwrap();
    databases.run("drop index events_by_version").await;

    let column = "alter table events add column if not exists colour text";
    let refused = databases.rebuild(&Events, &stop).run(false, during(column)).await;
    assert!(refused.is_err(), "{refused:?}");
    databases.run("select colour from events").await;
}

/// Ends the connection that keeps other rebuilds away.
const END_OF_THE_LOCK: &str = "select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_is_no_longer_alone_ends() {
    let databases = Databases::new().await;
    let mut reader = databases.read.begin().await.unwrap();
    sqlx::query("select from events").execute(&mut *reader).await.unwrap();
    let stop = CancellationToken::new();
    let when_it_waits_for_the_reader = |step| {
        if step == Step::SwitchDelayed {
            block_in_place(|| Handle::current().block_on(databases.run(END_OF_THE_LOCK)));
        }
    };
    let ended = databases.rebuild(&Events, &stop).run(false, when_it_waits_for_the_reader).await;
    assert!(matches!(ended, Err(RebuildError::LockLost(_))), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_does_not_switch_in_the_tables_of_another_that_began_anew() {
    let (databases, show) = (Databases::new().await, a_show());
    databases.append(show, 0, &[created(show), sold(show)]).await;
    let following = databases.follow(None);
    databases.until_sold(show, 1).await;
    drop(following);
    let rows = databases.rows("event_ticket_types").await;
    let (stop, mut others) = (CancellationToken::new(), None);
    let another_begins = |step| {
        if step == Step::Indexing {
            let begins = async {
                databases.run(END_OF_THE_LOCK).await;
                databases.first_step("tests", true).await
            };
            others = Some(block_in_place(|| Handle::current().block_on(begins)));
        }
    };
    let ended = databases.rebuild(&Events, &stop).run(false, another_begins).await;
    assert!(matches!(ended, Err(RebuildError::Replaced | RebuildError::LockLost(_))), "{ended:?}");
    assert!(matches!(others, Some(Step::Begun { instead: Some(_) })), "{others:?}");
    assert_eq!(databases.rows("event_ticket_types").await, rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_makes_the_indexes_of_readers_last_and_all_of_them() {
    let databases = Databases::new().await;
    let indexes = |schema: &'static str| {
        let read = &databases.read;
        async move {
            let query = "select indexname::text from pg_indexes where schemaname = $1 order by 1";
            let all: Vec<String> = sqlx::query_scalar(query).bind(schema).fetch_all(read).await.unwrap();
            all
        }
    };
    let live = indexes("read_model").await;
    let mut late = Vec::new();
    for projection in projections::all() {
        let stop = CancellationToken::new();
        databases
            .rebuild(projection, &stop)
            .run(false, |step| {
                if begun(step) {
                    stop.cancel()
                }
            })
            .await
            .unwrap();
        let beside = indexes(projection.rebuild_schema()).await;
        let tables = projection.tables();
        let of_projection: Vec<String> = sqlx::query_scalar(
            "select indexname::text from pg_indexes where schemaname = 'read_model' and tablename = any($1)",
        )
        .bind(tables)
        .fetch_all(&databases.read)
        .await
        .unwrap();
        late.extend(of_projection.into_iter().filter(|index| !beside.contains(index)));
        databases.rebuild(projection, &CancellationToken::new()).run(false, |_| {}).await.unwrap();
    }
    assert_eq!(late.len(), 17, "a name that is no index's is in the list, or one is missing: {late:?}");
    assert_eq!(indexes("read_model").await, live);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_while_a_rebuild_is_paused_is_in_no_half_built_table() {
    let databases = Databases::new().await;
    let user_id = UserId::new(Uuid::now_v7());
    let at = chrono::Utc::now();
    let stream = StreamId::new("user", user_id);
    let new = |event: &UserEvent| vec![NewEvent::from_domain(event, &Metadata::default())];
    let registered = UserEvent::UserRegistered {
        user_id,
        name: Personal::new(user_id, "Ada"),
        email: Personal::new(user_id, "ada@example.org"),
        role: Role::Attendee,
        at,
    };
    databases.append_to(stream.clone(), 0, new(&registered)).await;
    let _following = databases.follow(None);
    databases.until_applied("users", &stream, 1).await;
    let stop = CancellationToken::new();
    let pause = |step| {
        if matches!(step, Step::Applied(_)) {
            stop.cancel();
        }
    };
    databases.rebuild(&Users, &stop).run(false, pause).await.unwrap();
    let half_built = || async {
        let names = "select name from rebuild_users.users";
        let names: Vec<Option<String>> = sqlx::query_scalar(names).fetch_all(&databases.read).await.unwrap();
        names
    };
    assert_eq!(half_built().await, [Some("Ada".to_owned())]);

    databases
        .append_to(stream.clone(), 1, new(&UserEvent::UserErased { user_id, role: Role::Attendee, at }))
        .await;
    databases.until_applied("users", &stream, 2).await;
    assert_eq!(half_built().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_finds_what_was_changed_by_hand_and_nothing_else() {
    let databases = Databases::new().await;
    let (show, other, later) = (a_show(), a_show(), a_show());
    databases.append(show, 0, &[created(show), sold(show)]).await;
    databases.append(other, 0, &[created(other)]).await;
    {
        let _following = databases.follow(None);
        databases.until_sold(show, 1).await;
        databases.until_applied("events", &StreamId::new("event", other), 1).await;
    }
    // What the live tables have not applied yet is no difference.
    sqlx::query("update projections set position = 0 where name = 'events'")
        .execute(&databases.read)
        .await
        .unwrap();
    databases.append(show, 2, &[sold(show)]).await;
    databases.append(later, 0, &[created(later)]).await;
    databases.number(5).await;

    let comparison = databases.compare().await;
    assert_eq!(comparison.rows, []);
    assert_eq!(comparison.streams, 2);
    assert!(comparison.tables.iter().all(|table| table.count() == 0), "{comparison:?}");

    sqlx::query("update event_ticket_types set sold = 7 where event_id = $1")
        .bind(show.uuid())
        .execute(&databases.read)
        .await
        .unwrap();
    sqlx::query("delete from events where id = $1")
        .bind(other.uuid())
        .execute(&databases.read)
        .await
        .unwrap();
    databases
        .run("insert into event_holds values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, now())")
        .await;
    let comparison = databases.compare().await;
    let [
        RowDifference::OnlyInLog { table: events, .. },
        changed,
        RowDifference::OnlyLive { table: holds, .. },
    ] = &comparison.rows[..]
    else {
        panic!("{comparison:?}")
    };
    assert_eq!((events.as_str(), holds.as_str()), ("events", "event_holds"));
    let RowDifference::Changed { table, columns, .. } = changed else { panic!("{changed:?}") };
    assert_eq!((table.as_str(), columns.len()), ("event_ticket_types", 1));
    assert_eq!(columns[0].name, "sold");
    assert_eq!(columns[0].values, Some((7.into(), 1.into())));
    let left: bool = sqlx::query_scalar("select to_regnamespace('compare_events') is not null")
        .fetch_one(&databases.read)
        .await
        .unwrap();
    assert!(!left, "nothing of the comparison is left");
}
