//! What a user who waits for a sale decides.

use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use domain::{
    Personal, ShowId,
    user::{MAX_INTERESTS, Role, ShowInterest, User, UserCommand, UserError, UserEvent, WithdrawInterest},
};
use uuid::Uuid;

use crate::{attendee, early, show_id};

pub(crate) fn registered() -> UserEvent {
    UserEvent::UserRegistered {
        user_id: attendee(1),
        name: Personal::new(attendee(1), "Ada"),
        email: Personal::new(attendee(1), "ada@example.org"),
        role: Role::Attendee,
        at: early(),
    }
}

pub(crate) fn given(events: Vec<UserEvent>) -> AggregateTestExecutor<User> {
    TestFramework::<User>::with(()).given([vec![registered()], events].concat())
}

fn show_interest() -> UserCommand {
    UserCommand::ShowInterest(ShowInterest { event_id: show_id(), at: early() })
}

fn withdraw() -> UserCommand {
    UserCommand::WithdrawInterest(WithdrawInterest { event_id: show_id(), at: early() })
}

fn shown(event_id: ShowId) -> UserEvent {
    UserEvent::InterestShown { user_id: attendee(1), event_id, at: early() }
}

fn withdrawn() -> UserEvent {
    UserEvent::InterestWithdrawn { user_id: attendee(1), event_id: show_id(), at: early() }
}

#[test]
fn interest_is_shown_and_withdrawn_once() {
    given(vec![]).when(show_interest()).then_expect_events(vec![shown(show_id())]);
    given(vec![shown(show_id())]).when(show_interest()).then_expect_events(vec![]);
    given(vec![shown(show_id())]).when(withdraw()).then_expect_events(vec![withdrawn()]);
    given(vec![]).when(withdraw()).then_expect_events(vec![]);
    given(vec![shown(show_id()), withdrawn()])
        .when(show_interest())
        .then_expect_events(vec![shown(show_id())]);
}

#[test]
fn nobody_is_interested_in_too_many() {
    let many = (0..MAX_INTERESTS as u128).map(|number| shown(ShowId::new(Uuid::from_u128(10 + number))));
    given(many.clone().collect())
        .when(show_interest())
        .then_expect_error(UserError::InterestedInTooMany { max: MAX_INTERESTS });
    given(many.skip(1).chain([shown(show_id())]).collect()).when(show_interest()).then_expect_events(vec![]);
}

#[test]
fn who_has_no_account_is_interested_in_nothing() {
    let erased = UserEvent::UserErased { user_id: attendee(1), role: Role::Attendee, at: early() };
    for events in [vec![], vec![registered(), erased]] {
        for command in [show_interest(), withdraw()] {
            TestFramework::<User>::with(())
                .given(events.clone())
                .when(command)
                .then_expect_error(UserError::NotRegistered);
        }
    }
}
