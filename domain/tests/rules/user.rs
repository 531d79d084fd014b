//! What a user decides.

use cqrs_es::test::TestFramework;
use domain::{
    EmailAddress, PersonName, Personal,
    user::{RegisterUser, Role, User, UserCommand, UserError, UserEvent},
};

use crate::{attendee, early};

fn register() -> UserCommand {
    UserCommand::Register(RegisterUser {
        user_id: attendee(1),
        name: PersonName::parse("Ada").expect("a name"),
        email: EmailAddress::parse("Ada@Example.org").expect("an address"),
        role: Role::Attendee,
        at: early(),
    })
}

fn registered() -> UserEvent {
    UserEvent::UserRegistered {
        user_id: attendee(1),
        name: Personal::new(attendee(1), "Ada"),
        email: Personal::new(attendee(1), "ada@example.org"),
        role: Role::Attendee,
        at: early(),
    }
}

#[test]
fn a_person_registers() {
    TestFramework::<User>::with(())
        .given_no_previous_events()
        .when(register())
        .then_expect_events(vec![registered()]);
}

#[test]
fn an_account_is_opened_once() {
    TestFramework::<User>::with(())
        .given(vec![registered()])
        .when(register())
        .then_expect_error(UserError::AlreadyRegistered);
}

#[test]
fn personal_data_is_not_printed() {
    let printed = format!("{:?}", registered());
    assert!(!printed.contains("Ada") && !printed.contains("example.org"), "{printed}");
}
