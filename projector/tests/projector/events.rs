//! The rows of `events`: what the domain says of a show is what they say, event by event.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use contract::seat_id;
use domain::{
    BookingId, Money, Price, RowName, SeatId, SectionName, ShowId, TicketTypeId, TicketTypeName, Title,
    UserId,
    show::{
        ChangeShow, CreateShow, CreatedShow, DetailsChange, PlannedSection, SeatingPlan, Show, ShowCommand,
        ShowStatus, TakeTickets, TicketTypeChange, Wanted,
    },
};
use event_store::StreamId;
use uuid::Uuid;

use crate::{Databases, a_show, details};

/// A show, its stream, and what time it is.
struct Stream<'a> {
    databases: &'a Databases,
    id: ShowId,
    show: Show,
    sequence: i64,
    now: DateTime<Utc>,
}

impl<'a> Stream<'a> {
    fn new(databases: &'a Databases) -> Self {
        // As precise as the rows.
        let now = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap();
        Self { databases, id: a_show(), show: Show::default(), sequence: 0, now }
    }

    async fn create(&mut self, plan: Option<SeatingPlan>, draft: bool) {
        let (ticket_types, seating) = match plan {
            Some(plan) => plan.first_offer(),
            None => (vec![], vec![]),
        };
        let host_id = UserId::new(Uuid::now_v7());
        let create = CreateShow {
            show_id: self.id,
            host_id,
            details: details("Engines"),
            ticket_types: if seating.is_empty() {
                vec![offered("Floor", 0), offered("Balcony", 2_500)]
            } else {
                ticket_types
            },
            seating,
            draft,
            at: self.now,
        };
        self.run(ShowCommand::Create(Box::new(create))).await;
    }

    /// Decides and appends; the rows follow.
    async fn run(&mut self, command: ShowCommand) -> usize {
        let events = self.show.decide(command).unwrap();
        self.databases.append(self.id, self.sequence, &events).await;
        self.sequence += i64::try_from(events.len()).unwrap();
        let count = events.len();
        events.into_iter().for_each(|event| self.show.evolve(event));
        self.databases.until_applied("events", &StreamId::new("event", self.id), self.sequence).await;
        self.rows_say_the_same().await;
        count
    }

    async fn take(&mut self, wanted: Wanted) -> BookingId {
        let booking_id = BookingId::new(Uuid::now_v7());
        let attendee_id = UserId::new(Uuid::now_v7());
        self.run(ShowCommand::TakeTickets(TakeTickets { booking_id, attendee_id, wanted, at: self.now }))
            .await;
        booking_id
    }

    async fn change(&mut self, of: impl FnOnce(&mut ChangeShow)) {
        let mut change = ChangeShow {
            expected_version: None,
            details: DetailsChange::default(),
            capacity: None,
            ticket_types: None,
            seating: None,
            at: self.now,
        };
        of(&mut change);
        self.run(ShowCommand::Change(Box::new(change))).await;
    }

    fn created(&self) -> &CreatedShow {
        self.show.created().unwrap()
    }

    fn ticket_type(&self, name: &str) -> TicketTypeId {
        self.created().ticket_types.iter().find(|t| t.name.as_str() == name).unwrap().id
    }

    fn seat(&self, index: u32) -> SeatId {
        SeatId::of(self.id, index)
    }

    async fn rows_say_the_same(&self) {
        let (show, read) = (self.created(), &self.databases.read);
        let (title, status, published, deleted, version): (String, String, bool, bool, i64) =
            sqlx::query_as("select title, status, published, deleted, version from events where id = $1")
                .bind(self.id.uuid())
                .fetch_one(read)
                .await
                .unwrap();
        assert_eq!(title, show.details.title.as_str());
        let expected_status = match show.status {
            ShowStatus::Draft => "draft",
            ShowStatus::Published => "published",
            ShowStatus::Cancelled => "cancelled",
        };
        assert_eq!((status.as_str(), deleted), (expected_status, show.deleted));
        assert!(published || show.status != ShowStatus::Published);
        assert_eq!(version, i64::try_from(show.details_version).unwrap());

        let types: Vec<(Uuid, String, i64, i64, i64, i64)> = sqlx::query_as(
            "select t.id, t.name, t.amount, t.capacity, t.sold,
                    (select coalesce(sum(quantity), 0)::bigint from event_holds h
                     where h.event_id = t.event_id and h.ticket_type_id = t.id)
             from event_ticket_types t where t.event_id = $1 order by t.place",
        )
        .bind(self.id.uuid())
        .fetch_all(read)
        .await
        .unwrap();
        let expected: Vec<_> = show
            .ticket_types
            .iter()
            .map(|t| {
                let (id, name) = (t.id.uuid(), t.name.as_str().to_owned());
                (id, name, t.price.amount, t.capacity.into(), t.sold.into(), t.held.into())
            })
            .collect();
        assert_eq!(types, expected);

        let seats: Vec<(i64, Uuid)> = sqlx::query_as(
            "select seat_index, booking_id from event_seats where event_id = $1 and booking_id is not null",
        )
        .bind(self.id.uuid())
        .fetch_all(read)
        .await
        .unwrap();
        let seats: BTreeMap<u32, Uuid> =
            seats.into_iter().map(|(index, owner)| (u32::try_from(index).unwrap(), owner)).collect();
        let expected: BTreeMap<u32, Uuid> =
            (0..200).filter_map(|index| Some((index, show.owner_of(self.seat(index))?.uuid()))).collect();
        assert_eq!(seats, expected);
    }

    /// When a booking's hold lapses, by its tickets and by its seats.
    async fn held_until(&self, booking: BookingId) -> Vec<DateTime<Utc>> {
        sqlx::query_scalar(
            "select distinct held_until from event_holds where booking_id = $1
             union select distinct held_until from event_seats where booking_id = $1",
        )
        .bind(booking.uuid())
        .fetch_all(&self.databases.read)
        .await
        .unwrap()
    }

    /// The sequences at which details, seats and status last became others.
    async fn sequences(&self) -> (i64, Option<i64>, Option<i64>) {
        sqlx::query_as(
            "select details_sequence, seating_sequence, cancelled_sequence from events where id = $1",
        )
        .bind(self.id.uuid())
        .fetch_one(&self.databases.read)
        .await
        .unwrap()
    }
}

fn eur(amount: i64) -> Money {
    Price::parse(amount, "EUR").unwrap().money()
}

fn offered(name: &str, amount: i64) -> domain::show::OfferedTicketType {
    let name = TicketTypeName::parse(name).unwrap();
    let id = TicketTypeId::new(Uuid::now_v7());
    domain::show::OfferedTicketType { id, name, price: eur(amount), capacity: 20 }
}

fn hall(rows: u32, seats: u32, amount: i64) -> SeatingPlan {
    SeatingPlan(vec![PlannedSection {
        name: SectionName::parse("Stalls").unwrap(),
        ticket_type: TicketTypeName::parse("Stalls").unwrap(),
        price: eur(amount),
        ticket_type_id: TicketTypeId::new(Uuid::now_v7()),
        rows: (0..rows).map(|row| (RowName::parse(&format!("R{row}")).unwrap(), seats)).collect(),
    }])
}

const TABLES: [&str; 4] = ["events", "event_ticket_types", "event_holds", "events_applied"];
const SEAT_TABLES: [&str; 2] = ["event_seat_blocks", "event_seats"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_follow_general_admission_through_everything() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let mut stream = Stream::new(&databases);
    stream.create(None, true).await;
    stream.run(ShowCommand::Publish { at: stream.now }).await;
    assert_eq!(stream.sequences().await, (2, None, None));
    let (floor, balcony) = (stream.ticket_type("Floor"), stream.ticket_type("Balcony"));

    let sold = stream.take(Wanted::Quantities(vec![(floor, 3)])).await;
    let held = stream.take(Wanted::Quantities(vec![(floor, 2), (balcony, 4)])).await;
    let lapsing = stream.take(Wanted::Quantities(vec![(balcony, 5)])).await;
    assert_eq!(stream.held_until(lapsing).await, [stream.now + TimeDelta::seconds(900)]);
    stream.now += TimeDelta::seconds(60);
    stream.run(ShowCommand::ExtendHold { booking_id: held, at: stream.now }).await;
    assert_eq!(stream.held_until(held).await, [stream.now + TimeDelta::seconds(900)]);
    assert_eq!(stream.sequences().await, (2, None, None), "tickets are no details");

    stream.now += TimeDelta::seconds(860);
    assert_eq!(stream.run(ShowCommand::ExpireHolds { limit: 10, at: stream.now }).await, 1);
    stream.run(ShowCommand::ReleaseTickets { booking_id: sold, at: stream.now }).await;
    stream.run(ShowCommand::ReleaseTickets { booking_id: held, at: stream.now }).await;
    let last = stream.take(Wanted::Quantities(vec![(balcony, 1)])).await;

    stream
        .change(|change| {
            change.details.title = Some(Title::parse("Other engines").unwrap());
            let kept = TicketTypeChange {
                id: balcony,
                is_new: false,
                name: TicketTypeName::parse("Gallery").unwrap(),
                price: eur(3_000),
                capacity: 9,
            };
            let new = TicketTypeChange {
                id: TicketTypeId::new(Uuid::now_v7()),
                is_new: true,
                name: TicketTypeName::parse("Pit").unwrap(),
                price: eur(100),
                capacity: 1,
            };
            change.ticket_types = Some(vec![new, kept]);
        })
        .await;
    let names: Vec<String> = sqlx::query_scalar("select name from event_ticket_types order by place")
        .fetch_all(&databases.read)
        .await
        .unwrap();
    assert_eq!(names, ["Pit", "Gallery"], "what is left out vanishes, in the order of the host");
    let (changed, ..) = stream.sequences().await;
    assert_eq!(changed, stream.sequence);

    assert_eq!(stream.run(ShowCommand::Delete { at: stream.now }).await, 2);
    assert_eq!(stream.sequences().await, (changed, None, Some(stream.sequence - 1)));
    drop(following);
    databases.rebuild_gives_the_same("events", &TABLES).await;

    let _following = databases.follow(None);
    assert_eq!(stream.run(ShowCommand::ReleaseCancelled { limit: 10, at: stream.now }).await, 1);
    assert!(stream.held_until(last).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_follow_numbered_seats_through_everything() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let mut stream = Stream::new(&databases);
    stream.create(Some(hall(2, 5, 1_000)), false).await;
    assert_eq!(stream.sequences().await, (1, Some(1), None));
    let seats =
        |stream: &Stream, indexes: &[u32]| Wanted::Seats(indexes.iter().map(|i| stream.seat(*i)).collect());

    let lapsing = stream.take(seats(&stream, &[0, 1])).await;
    let extended = stream.take(seats(&stream, &[4, 5])).await;
    let released = stream.take(seats(&stream, &[8])).await;
    stream.now += TimeDelta::seconds(60);
    stream.run(ShowCommand::ExtendHold { booking_id: extended, at: stream.now }).await;
    assert_eq!(stream.held_until(extended).await, [stream.now + TimeDelta::seconds(900)]);
    stream.run(ShowCommand::ReleaseTickets { booking_id: released, at: stream.now }).await;
    stream.now += TimeDelta::seconds(870);
    // Whoever takes one of its seats makes the lapsed hold visible.
    let taker = stream.take(seats(&stream, &[1, 2])).await;
    assert!(stream.held_until(lapsing).await.is_empty());
    assert_eq!(stream.held_until(taker).await, [stream.now + TimeDelta::seconds(900)]);

    let blocks = databases.rows("event_seat_blocks").await;
    stream.change(|change| change.details.title = Some(Title::parse("Other engines").unwrap())).await;
    assert_eq!(stream.sequences().await, (stream.sequence, Some(1), None), "the seats are as they were");
    assert_eq!(databases.rows("event_seat_blocks").await, blocks);
    stream.change(|change| change.seating = Some(hall(3, 6, 0))).await;
    assert_eq!(stream.sequences().await, (stream.sequence, Some(stream.sequence), None));
    let seats_in_all: i64 = sqlx::query_scalar("select sum(seats)::bigint from event_seat_blocks")
        .fetch_one(&databases.read)
        .await
        .unwrap();
    assert_eq!(seats_in_all, 18);
    let free_of_charge = stream.take(seats(&stream, &[17])).await;
    let until: Option<DateTime<Utc>> =
        sqlx::query_scalar("select held_until from event_seats where booking_id = $1")
            .bind(free_of_charge.uuid())
            .fetch_one(&databases.read)
            .await
            .unwrap();
    assert_eq!(until, None, "sold, not held");
    drop(following);
    databases.rebuild_gives_the_same("events", &[&TABLES[..], &SEAT_TABLES[..]].concat()).await;
}

#[test]
fn the_contract_and_the_domain_make_the_same_seat_ids() {
    let show = a_show();
    for index in [0, 1, 7, 99_999, u32::MAX - 1, u32::MAX] {
        assert_eq!(seat_id(show.uuid(), index), SeatId::of(show, index).uuid());
    }
}
