//! By which channel somebody is told, what they have read, and that nothing is left of who was erased.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    BookingId, Money, NotificationId, UserId,
    booking::BookingEvent,
    notification::{
        Channel::{self, Both, Email, Inbox, None as NotAtAll},
        NotificationKind::{self, BookingCancelled, BookingConfirmed},
    },
    user::{Role, UserEvent},
};
use event_store::{Metadata, NewEvent, StreamId};
use testkit::eventually;
use uuid::Uuid;

use crate::{DEADLINE, Databases, a_show, a_user};

impl Databases {
    /// The next events of a user's stream.
    pub(crate) async fn append_user(&self, user: UserId, expected_sequence: i64, events: &[UserEvent]) {
        let events = events.iter().map(|event| NewEvent::from_domain(event, &Metadata::default()));
        self.append_to(StreamId::new("user", user), expected_sequence, events.collect()).await;
    }

    /// Waits until `notifications` has applied everything that there is.
    pub(crate) async fn until_all_is_told(&self) {
        eventually("notifications have applied everything", DEADLINE, || async {
            let applied: i64 =
                sqlx::query_scalar("select coalesce(sum(sequence), 0)::bigint from notifications_applied")
                    .fetch_one(&self.read)
                    .await
                    .unwrap();
            let there: i64 =
                sqlx::query_scalar("select count(*) from events").fetch_one(self.store.pool()).await.unwrap();
            (applied == there).then_some(())
        })
        .await;
    }

    /// Kinds and channels of what somebody was told, by kind.
    pub(crate) async fn told(&self, user: UserId) -> Vec<(String, String)> {
        sqlx::query_as("select kind, channel from notifications where user_id = $1 order by 1, 2")
            .bind(user.uuid())
            .fetch_all(&self.read)
            .await
            .unwrap()
    }
}

fn prefers(user_id: UserId, said: &[(NotificationKind, Channel)], at: DateTime<Utc>) -> UserEvent {
    UserEvent::PreferencesChanged { user_id, preferences: said.iter().copied().collect(), at }
}

fn confirmed(booking_id: BookingId, user_id: UserId, at: DateTime<Utc>) -> BookingEvent {
    BookingEvent::BookingConfirmed {
        booking_id,
        event_id: a_show(),
        user_id,
        tickets: vec![],
        seats: vec![],
        total: Money::FREE,
        at,
    }
}

async fn confirm(databases: &Databases, user_id: UserId, at: DateTime<Utc>) {
    let booking_id = BookingId::new(Uuid::now_v7());
    let event = NewEvent::from_domain(&confirmed(booking_id, user_id, at), &Metadata::default());
    databases.append_to(StreamId::new("booking", booking_id), 0, vec![event]).await;
    databases.until_all_is_told().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_channel_is_the_one_that_was_wanted_at_that_time_whatever_comes_first() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let start = Utc::now();
    let minute = |minutes| start + TimeDelta::minutes(minutes);
    for is_person_first in [true, false] {
        let person = a_user();
        let preferences = [
            prefers(person, &[(BookingConfirmed, NotAtAll), (BookingCancelled, Inbox)], minute(2)),
            prefers(person, &[(BookingConfirmed, Inbox)], minute(4)),
            // Of two requests the later one may have the earlier time: what the stream says last counts.
            prefers(person, &[(BookingConfirmed, Email)], minute(3)),
        ];
        if is_person_first {
            databases.append_user(person, 0, &preferences).await;
        }
        for minutes in [1, 2, 3, 5] {
            confirm(&databases, person, minute(minutes)).await;
        }
        if !is_person_first {
            for (sequence, said) in (0..).zip(&preferences) {
                databases.append_user(person, sequence, std::slice::from_ref(said)).await;
            }
        }
        databases.until_all_is_told().await;
        let told: Vec<String> =
            sqlx::query_scalar("select channel from notifications where user_id = $1 order by caused_at")
                .bind(person.uuid())
                .fetch_all(&databases.read)
                .await
                .unwrap();
        let expected = [Both, NotAtAll, NotAtAll, Email].map(Channel::name);
        assert_eq!(told, expected, "person first: {is_person_first}");
    }
    drop(following);
    let tables = ["notifications", "notification_preferences"];
    databases.rebuild_gives_the_same("notifications", &tables).await;
}

/// Stores an event with everything about it known beforehand.
async fn store_at(databases: &Databases, event: &BookingEvent, event_id: Uuid, stored_at: DateTime<Utc>) {
    let BookingEvent::BookingConfirmed { booking_id, .. } = event else { panic!("a confirmed booking") };
    sqlx::query(
        "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
                             event_id, recorded_at)
         values ('booking', $1, 1, 'BookingConfirmed', '1', $2, '{}', $3, $4)",
    )
    .bind(booking_id.to_string())
    .bind(serde_json::to_value(event).unwrap())
    .bind(event_id)
    .bind(stored_at)
    .execute(databases.store.pool())
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_stays_read_whatever_comes_first_and_in_a_rebuild() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let at = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap();
    for is_read_first in [true, false] {
        let (person, event_id) = (a_user(), Uuid::now_v7());
        let millis = u64::try_from(at.timestamp_millis()).unwrap();
        let notification_id = NotificationId::of(event_id, millis, person);
        let read_at = at + TimeDelta::minutes(1);
        let read = UserEvent::NotificationRead { user_id: person, notification_id, at: read_at };
        let booking = confirmed(BookingId::new(Uuid::now_v7()), person, at);
        if is_read_first {
            databases.append_user(person, 0, std::slice::from_ref(&read)).await;
            databases.until_all_is_told().await;
        }
        store_at(&databases, &booking, event_id, at).await;
        databases.until_all_is_told().await;
        if !is_read_first {
            databases.append_user(person, 0, &[read]).await;
            databases.until_all_is_told().await;
        }
        let row: (Uuid, Option<DateTime<Utc>>) =
            sqlx::query_as("select id, read_at from notifications where user_id = $1")
                .bind(person.uuid())
                .fetch_one(&databases.read)
                .await
                .unwrap();
        assert_eq!(row, (notification_id.uuid(), Some(read_at)), "read first: {is_read_first}");
    }
    drop(following);
    databases.rebuild_gives_the_same("notifications", &["notifications", "notification_reads"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_to_who_was_erased_and_nothing_is_left_of_what_was() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let (person, host, other, at) = (a_user(), a_user(), a_user(), Utc::now());
    let notification_id = NotificationId::new(Uuid::now_v7());
    let events = [
        UserEvent::HostFollowed { user_id: person, host_id: host, at },
        UserEvent::InterestShown { user_id: person, event_id: a_show(), at },
        prefers(person, &[(BookingConfirmed, Inbox)], at),
        UserEvent::NotificationRead { user_id: person, notification_id, at },
    ];
    databases.append_user(person, 0, &events).await;
    confirm(&databases, person, at).await;
    confirm(&databases, other, at).await;
    assert_eq!(databases.told(person).await.len(), 1);

    let erased = UserEvent::UserErased { user_id: person, role: Role::Attendee, at };
    databases.append_user(person, 4, &[erased]).await;
    // What happened before it comes in after it.
    confirm(&databases, person, at - TimeDelta::minutes(1)).await;
    assert_eq!(databases.told(person).await, []);
    assert_eq!(databases.told(other).await.len(), 1);
    for table in ["subscriptions", "preferences", "reads"] {
        assert_eq!(databases.rows(&format!("notification_{table}")).await, [""; 0], "{table}");
    }
    drop(following);
    databases.rebuild_gives_the_same("notifications", &["notifications", "notification_erased"]).await;
}
