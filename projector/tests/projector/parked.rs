//! Parked streams, looked at and tried again.

use domain::{
    Personal, ShowId,
    user::{Role, UserEvent},
};
use event_store::{Metadata, NewEvent, StreamId};
use projector::{
    Projection,
    parked::{self, ParkedStream},
    projections::{Events, Users},
};

use crate::{DEADLINE, Databases, a_show, a_user, created, eventually, sold};

impl Databases {
    /// From now on the read database takes no row that says that so many tickets or more are sold.
    async fn refuse_from(&self, tickets: i64) {
        self.refuse_nothing().await;
        let refuse = format!(
            "alter table event_ticket_types add constraint full_house check (sold < {tickets}) not valid"
        );
        sqlx::raw_sql(&refuse).execute(&self.read).await.unwrap();
    }

    async fn refuse_nothing(&self) {
        let refuse_nothing = "alter table event_ticket_types drop constraint if exists full_house";
        sqlx::raw_sql(refuse_nothing).execute(&self.read).await.unwrap();
    }

    async fn parked_of_events(&self, show: ShowId) -> Option<ParkedStream> {
        parked::find(&self.read, &Events, &StreamId::new("event", show)).await.unwrap()
    }

    async fn until_parked(&self, show: ShowId, events: i64) -> ParkedStream {
        eventually(&format!("{events} events are parked"), DEADLINE, || async {
            self.parked_of_events(show).await.filter(|parked| parked.events == events)
        })
        .await
    }

    async fn resume(&self, show: ShowId) -> parked::Resumed {
        let stream = StreamId::new("event", show);
        parked::resume(&Events, &self.read, &self.store, &stream).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_tried_again_loses_nothing_while_projectors_run() {
    let databases = Databases::new().await;
    let show = a_show();
    databases.refuse_from(2).await;
    databases.append(show, 0, &[created(show), sold(show), sold(show), sold(show)]).await;
    let _following = (databases.follow(None), databases.follow(None));
    databases.until_parked(show, 2).await;
    databases.refuse_nothing().await;

    let append = async {
        for sequence in 4..40 {
            databases.append(show, sequence, &[sold(show)]).await;
        }
    };
    let (resumed, ()) = tokio::join!(databases.resume(show), append);
    assert!(resumed.applied >= 2, "{resumed:?}");
    assert_eq!(resumed.parked, None);
    databases.until_sold(show, 39).await;
    assert_eq!(databases.parked_of_events(show).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_projector_parks_while_a_stream_is_tried_again_is_tried_with_it() {
    let (databases, show) = (Databases::new().await, a_show());
    databases.refuse_from(2).await;
    databases.append(show, 0, &[created(show), sold(show), sold(show)]).await;
    let following = databases.follow(None);
    databases.until_parked(show, 1).await;
    drop(following);
    databases.refuse_nothing().await;
    databases.append(show, 3, &[sold(show)]).await;
    databases.number(4).await;

    // A projector's batch: it has locked the stream, and parks what comes next of it.
    let mut batch = databases.read.begin().await.unwrap();
    sqlx::query("select from events_applied for update").execute(&mut *batch).await.unwrap();
    sqlx::query(
        "insert into parked (projection, aggregate_type, aggregate_id, sequence, global_position, reason)
         values ('events', 'event', $1, 4, 4, 'an earlier event of this stream is parked')",
    )
    .bind(show.to_string())
    .execute(&mut *batch)
    .await
    .unwrap();
    let commit = async {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock'";
        eventually("the other one waits", DEADLINE, || async {
            let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&databases.read).await.unwrap();
            (waiting == 1).then_some(())
        })
        .await;
        batch.commit().await.unwrap();
    };
    let (resumed, ()) = tokio::join!(databases.resume(show), commit);
    assert_eq!(resumed, parked::Resumed { applied: 2, parked: None });
    assert_eq!(databases.sold(show).await, Some(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_again_stays_parked_from_there_on() {
    let databases = Databases::new().await;
    let (show, other) = (a_show(), a_show());
    databases.refuse_from(2).await;
    let sales = [sold(show), sold(show), sold(show), sold(show), sold(show)];
    databases.append(show, 0, &[created(show)]).await;
    databases.append(show, 1, &sales).await;
    databases.append(other, 0, &[created(other), sold(other), sold(other)]).await;
    let following = databases.follow(None);
    let before = databases.until_parked(show, 4).await;
    databases.until_parked(other, 1).await;
    assert_eq!(before.first_sequence, 3);
    drop(following);

    let unchanged = databases.resume(show).await;
    assert_eq!((unchanged.applied, unchanged.parked), (0, Some(before.clone())), "it is as it was");
    databases.refuse_from(4).await;
    let resumed = databases.resume(show).await;
    let parked = resumed.parked.unwrap();
    assert_eq!((resumed.applied, parked.first_sequence, parked.events), (2, 5, 2));
    let reason = "the read database refuses its rows: SQLSTATE 23514, constraint full_house";
    assert_eq!((before.reason.as_str(), parked.reason.as_str()), (reason, reason));
    assert_eq!(databases.sold(show).await, Some(3));

    let listed = parked::list(&databases.read, Some(Events.name()), 1).await.unwrap();
    assert_eq!((listed.streams.len(), listed.total), (1, 2), "of two streams one is shown");
    let events = parked::events(&databases.read, &databases.store, &parked, 10).await.unwrap();
    let shown: Vec<_> = events.iter().map(|e| (e.logged.event.sequence, e.reason.is_some())).collect();
    assert_eq!(shown, [(5, true), (6, true)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_has_no_name_here_though_their_stream_is_parked() {
    let databases = Databases::new().await;
    let refuse = "alter table users add constraint unchanged check (version < 2)";
    sqlx::raw_sql(refuse).execute(&databases.read).await.unwrap();
    let (user_id, at) = (a_user(), chrono::Utc::now());
    let personal = |text| Personal::new(user_id, text);
    let registered = UserEvent::UserRegistered {
        user_id,
        name: personal("Ada"),
        email: personal("ada@example.org"),
        role: Role::Attendee,
        at,
    };
    let changed = UserEvent::UserChanged { user_id, name: Some(personal("Ada L.")), email: None, at };
    let stream = StreamId::new("user", user_id);
    let new = |event: &UserEvent| vec![NewEvent::from_domain(event, &Metadata::default())];
    databases.append_to(stream.clone(), 0, new(&registered)).await;
    let _following = databases.follow(None);
    databases.until_applied("users", &stream, 1).await;
    databases.append_to(stream.clone(), 1, new(&changed)).await;
    let parked = || async { parked::find(&databases.read, &Users, &stream).await.unwrap() };
    eventually("the change is parked", DEADLINE, parked).await;
    assert_eq!(databases.rows("users").await.len(), 1);

    let erased = UserEvent::UserErased { user_id, role: Role::Attendee, at };
    databases.append_to(stream.clone(), 2, new(&erased)).await;
    eventually("both are parked", DEADLINE, || async { parked().await.filter(|parked| parked.events == 2) })
        .await;
    assert_eq!(databases.rows("users").await, Vec::<String>::new());
}
