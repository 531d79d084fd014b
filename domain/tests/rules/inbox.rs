//! How a user is told, what they have read, and whose notification an id is of.

use domain::{
    NotificationId,
    notification::{
        Channel::{self, Both, Email, Inbox, None as NotAtAll},
        NotificationKind::{self, BookingConfirmed, NewEvent, SaleStarted},
        Preferences,
    },
    user::{ChangePreferences, ReadNotification, Role, User, UserCommand, UserError, UserEvent},
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    attendee, early,
    interest::{given, registered},
};

type Said<'a> = &'a [(NotificationKind, Channel)];

fn change(said: Said<'_>, expected_version: Option<u64>) -> UserCommand {
    let preferences = said.iter().copied().collect();
    UserCommand::ChangePreferences(ChangePreferences { preferences, expected_version, at: early() })
}

fn changed(said: Said<'_>) -> UserEvent {
    let preferences = said.iter().copied().collect();
    UserEvent::PreferencesChanged { user_id: attendee(1), preferences, at: early() }
}

fn told(person: u128, cause: u128) -> NotificationId {
    NotificationId::of(Uuid::from_u128(cause), 1_800_000_000_000, attendee(person))
}

fn read(notification_id: NotificationId) -> UserCommand {
    UserCommand::ReadNotification(ReadNotification { notification_id, at: early() })
}

fn was_read(notification_id: NotificationId) -> UserEvent {
    UserEvent::NotificationRead { user_id: attendee(1), notification_id, at: early() }
}

#[test]
fn everybody_is_told_everything_by_both_until_they_say_otherwise() {
    for kind in NotificationKind::ALL {
        assert_eq!(Preferences::default().channel_of(kind), Both);
    }
    given(vec![]).when(change(&[(NewEvent, Both)], None)).then_expect_events(vec![]);
}

#[test]
fn a_change_of_preferences_says_only_what_is_new_and_leaves_the_others() {
    let before = || given(vec![changed(&[(NewEvent, NotAtAll), (SaleStarted, Inbox)])]);
    before()
        .when(change(&[(NewEvent, NotAtAll), (SaleStarted, Email)], None))
        .then_expect_events(vec![changed(&[(SaleStarted, Email)])]);
    before().when(change(&[], None)).then_expect_events(vec![]);
    before()
        .when(change(&[(BookingConfirmed, Inbox), (NewEvent, Both)], None))
        .then_expect_events(vec![changed(&[(NewEvent, Both), (BookingConfirmed, Inbox)])]);

    let mut user = User::default();
    for event in [registered(), changed(&[(NewEvent, NotAtAll)]), changed(&[(SaleStarted, Email)])] {
        user.evolve(event);
    }
    let profile = user.profile().expect("an account");
    assert_eq!(profile.preferences.channel_of(NewEvent), NotAtAll, "it stayed");
    assert_eq!(profile.preferences.channel_of(SaleStarted), Email);
    assert_eq!((profile.preferences_version, profile.version), (3, 1));
}

#[test]
fn a_change_of_other_preferences_than_the_caller_knows_is_refused() {
    let before = || given(vec![changed(&[(NewEvent, NotAtAll)])]);
    before()
        .when(change(&[(NewEvent, Inbox)], Some(1)))
        .then_expect_error(UserError::VersionConflict { current: 2 });
    before()
        .when(change(&[(NewEvent, Inbox)], Some(2)))
        .then_expect_events(vec![changed(&[(NewEvent, Inbox)])]);
}

#[test]
fn a_notification_is_read_once() {
    given(vec![]).when(read(told(1, 7))).then_expect_events(vec![was_read(told(1, 7))]);
    given(vec![was_read(told(1, 7))]).when(read(told(1, 7))).then_expect_events(vec![]);
    given(vec![was_read(told(1, 7))]).when(read(told(1, 8))).then_expect_events(vec![was_read(told(1, 8))]);
}

#[test]
fn nobody_reads_what_others_are_told_or_nobody_was() {
    for id in [told(2, 7), NotificationId::new(Uuid::from_u128(7)), NotificationId::new(Uuid::now_v7())] {
        given(vec![]).when(read(id)).then_expect_error(UserError::NoSuchNotification);
    }
}

#[test]
fn an_erased_user_has_no_inbox() {
    let erased = UserEvent::UserErased { user_id: attendee(1), role: Role::Attendee, at: early() };
    for command in [read(told(1, 7)), change(&[(NewEvent, Inbox)], None)] {
        given(vec![erased.clone()]).when(command).then_expect_error(UserError::NotRegistered);
    }
}

proptest! {
    #[test]
    fn an_id_is_a_version_7_of_its_persons_alone(cause: u128, millis in 0..(1_u64 << 48), person: u128, other: u128) {
        prop_assume!(person != other);
        let [person, other] = [person, other].map(|id| domain::UserId::new(Uuid::from_u128(id)));
        let id = NotificationId::of(Uuid::from_u128(cause), millis, person);
        prop_assert_eq!(id, NotificationId::of(Uuid::from_u128(cause), millis, person));
        prop_assert_eq!(id.uuid().get_version_num(), 7);
        prop_assert_eq!(id.uuid().get_variant(), uuid::Variant::RFC4122);
        prop_assert_eq!(id.uuid().as_u128() >> 80, u128::from(millis));
        prop_assert!(id.is_for(person));
        prop_assert!(!id.is_for(other));
    }
}
