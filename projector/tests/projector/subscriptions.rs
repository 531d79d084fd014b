//! Who follows a host, or waits for a sale, is told by the times of the facts, in whatever order their streams come in.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ShowId, UserId, show::ShowEvent, user::UserEvent};

use event_store::StreamId;
use testkit::{eventually, kafka::KafkaServer};

use crate::{DEADLINE, Databases, a_show, a_user, created};

/// A person who wants to be told, and what they are to be told.
#[derive(Debug, Clone, Copy)]
struct Scene {
    person: UserId,
    host: UserId,
    show: ShowId,
    start: DateTime<Utc>,
}

impl Scene {
    fn new() -> Self {
        Self { person: a_user(), host: a_user(), show: a_show(), start: Utc::now() }
    }

    fn minute(&self, minutes: i64) -> DateTime<Utc> {
        self.start + TimeDelta::minutes(minutes)
    }

    fn of_host(&self, is_draft: bool, minutes: i64) -> ShowEvent {
        let ShowEvent::EventCreated { event_id, details, ticket_types, seating, .. } = created(self.show)
        else {
            panic!("it is created");
        };
        let (host_id, at) = (self.host, self.minute(minutes));
        ShowEvent::EventCreated { event_id, host_id, details, ticket_types, seating, draft: is_draft, at }
    }

    fn followed(&self, minutes: i64) -> UserEvent {
        UserEvent::HostFollowed { user_id: self.person, host_id: self.host, at: self.minute(minutes) }
    }

    fn unfollowed(&self, minutes: i64) -> UserEvent {
        UserEvent::HostUnfollowed { user_id: self.person, host_id: self.host, at: self.minute(minutes) }
    }

    fn interested(&self, minutes: i64) -> UserEvent {
        UserEvent::InterestShown { user_id: self.person, event_id: self.show, at: self.minute(minutes) }
    }

    fn withdrawn(&self, minutes: i64) -> UserEvent {
        UserEvent::InterestWithdrawn { user_id: self.person, event_id: self.show, at: self.minute(minutes) }
    }

    fn started(&self, minutes: i64) -> ShowEvent {
        ShowEvent::SalesStarted { at: self.minute(minutes) }
    }

    fn published(&self, minutes: i64) -> ShowEvent {
        ShowEvent::EventPublished { at: self.minute(minutes) }
    }
}

type OfPerson = fn(&Scene) -> Vec<UserEvent>;
type OfShow = fn(&Scene) -> Vec<ShowEvent>;

/// Brings both streams in, event by event, the one before the other and the other way round, and in between.
async fn is_told_in_any_order(databases: &Databases, of_person: OfPerson, of_show: OfShow, kinds: &[&str]) {
    let orders: [&[usize]; 4] = [&[0, 9], &[9, 0], &[0, 1, 9, 9], &[1, 1, 1, 9, 9]];
    for (number, order) in orders.iter().enumerate() {
        let scene = Scene::new();
        let (person, show) = (of_person(&scene), of_show(&scene));
        let (mut done_of_person, mut done_of_show) = (0, 0);
        let mut is_turn_of_person = true;
        for count in order.iter().chain([&9, &9]) {
            if is_turn_of_person {
                let next = &person[done_of_person..(done_of_person + count).min(person.len())];
                if !next.is_empty() {
                    let expected = i64::try_from(done_of_person).unwrap();
                    databases.append_user(scene.person, expected, next).await;
                }
                done_of_person += next.len();
            } else {
                let next = &show[done_of_show..(done_of_show + count).min(show.len())];
                if !next.is_empty() {
                    databases.append(scene.show, i64::try_from(done_of_show).unwrap(), next).await;
                }
                done_of_show += next.len();
            }
            is_turn_of_person = !is_turn_of_person;
            databases.until_all_is_told().await;
        }
        assert_eq!((done_of_person, done_of_show), (person.len(), show.len()), "all has come in");
        let told = databases.told(scene.person).await;
        let told: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(told, kinds, "order {number}");
    }
}

const TABLES: [&str; 5] = [
    "notifications",
    "notification_events",
    "notification_subscriptions",
    "notification_causes",
    "notifications_applied",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_the_host_when_an_event_is_published_is_told_once_whatever_comes_first() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let cases: [(OfPerson, OfShow, &[&str]); 7] = [
        (|s| vec![s.followed(1)], |s| vec![s.of_host(false, 1)], &["new-event"]),
        (|s| vec![s.followed(2)], |s| vec![s.of_host(false, 1)], &[]),
        (|s| vec![s.followed(2)], |s| vec![s.of_host(true, 1), s.published(3)], &["new-event"]),
        (|s| vec![s.followed(1)], |s| vec![s.of_host(true, 2)], &[]),
        (|s| vec![s.followed(1), s.unfollowed(2)], |s| vec![s.of_host(false, 3)], &[]),
        (|s| vec![s.followed(1), s.unfollowed(3)], |s| vec![s.of_host(false, 2)], &["new-event"]),
        (
            |s| vec![s.followed(1), s.unfollowed(2), s.followed(3)],
            |s| vec![s.of_host(false, 4)],
            &["new-event"],
        ),
    ];
    for (of_person, of_show, kinds) in cases {
        is_told_in_any_order(&databases, of_person, of_show, kinds).await;
    }
    drop(following);
    databases.rebuild_gives_the_same("notifications", &TABLES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_interested_when_a_sale_starts_is_told_of_each_start_whatever_comes_first() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let cases: [(OfPerson, OfShow, &[&str]); 4] = [
        (|s| vec![s.interested(1)], |s| vec![s.of_host(false, 0), s.started(2)], &["sale-started"]),
        (|s| vec![s.interested(3)], |s| vec![s.of_host(false, 0), s.started(2)], &[]),
        (|s| vec![s.interested(1), s.withdrawn(2)], |s| vec![s.of_host(false, 0), s.started(3)], &[]),
        (
            |s| vec![s.interested(1)],
            |s| vec![s.of_host(false, 0), s.started(2), s.started(9)],
            &["sale-started", "sale-started"],
        ),
    ];
    for (of_person, of_show, kinds) in cases {
        is_told_in_any_order(&databases, of_person, of_show, kinds).await;
    }
    drop(following);
    databases.rebuild_gives_the_same("notifications", &TABLES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_followers_than_one_statement_tells_are_all_told() {
    const FOLLOWERS: i64 = 2_001;
    let databases = Databases::new().await;
    let _following = databases.follow(None);
    let scene = Scene::new();
    sqlx::query(
        "insert into notification_subscriptions (user_id, kind, subject_id, sequence, since)
         select gen_random_uuid(), 'new-event', $1, 1, $2 from generate_series(1, $3)",
    )
    .bind(scene.host.uuid())
    .bind(scene.start)
    .bind(FOLLOWERS)
    .execute(&databases.read)
    .await
    .unwrap();
    databases.append(scene.show, 0, &[scene.of_host(false, 1)]).await;
    databases.until_all_is_told().await;
    let told: i64 = sqlx::query_scalar("select count(distinct user_id) from notifications")
        .fetch_one(&databases.read)
        .await
        .unwrap();
    assert_eq!(told, FOLLOWERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_projectors_that_apply_a_follow_and_a_publication_at_the_same_time_tell_of_it() {
    const SCENES: usize = 150;
    let (databases, kafka) = (Databases::new().await, KafkaServer::start_own().await);
    feed::topics::create_topics(kafka.brokers()).await.unwrap();
    let _following = [(); 2].map(|()| databases.follow(Some(kafka.brokers())));
    // So that both have got their partitions.
    let first = Scene::new();
    databases.append_user(first.person, 0, &[first.followed(1)]).await;
    databases.until_applied("notifications", &StreamId::new("user", first.person), 1).await;

    for _ in 0..SCENES {
        let scene = Scene::new();
        let (followed, published) = ([scene.followed(1)], [scene.of_host(false, 2)]);
        tokio::join!(
            databases.append_user(scene.person, 0, &followed),
            databases.append(scene.show, 0, &published),
        );
    }
    databases.until_all_is_told().await;
    eventually("every follower is told", DEADLINE, || async {
        let told: i64 = sqlx::query_scalar("select count(*) from notifications")
            .fetch_one(&databases.read)
            .await
            .unwrap();
        (told == SCENES as i64).then_some(())
    })
    .await;
}
