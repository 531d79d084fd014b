//! What a user decides.

use cqrs_es::test::TestFramework;
use domain::{
    EmailAddress, PersonName, Personal,
    user::{
        ChangeUser, FollowHost, MAX_FOLLOWED_HOSTS, RegisterUser, Role, UnfollowHost, User, UserCommand,
        UserError, UserEvent,
    },
};

use crate::{attendee, early, host_id};

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

fn change(name: Option<&str>, email: Option<&str>, expected_version: Option<u64>) -> UserCommand {
    UserCommand::Change(ChangeUser {
        name: name.map(|name| PersonName::parse(name).expect("a name")),
        email: email.map(|email| EmailAddress::parse(email).expect("an address")),
        expected_version,
        at: early(),
    })
}

fn changed(name: Option<&str>, email: Option<&str>) -> UserEvent {
    UserEvent::UserChanged {
        user_id: attendee(1),
        name: name.map(|name| Personal::new(attendee(1), name)),
        email: email.map(|email| Personal::new(attendee(1), email)),
        at: early(),
    }
}

fn follow(host_id: domain::UserId) -> UserCommand {
    UserCommand::Follow(FollowHost { host_id, at: early() })
}

fn unfollow() -> UserCommand {
    UserCommand::Unfollow(UnfollowHost { host_id: host_id(), at: early() })
}

fn followed(host_id: domain::UserId) -> UserEvent {
    UserEvent::HostFollowed { user_id: attendee(1), host_id, at: early() }
}

fn unfollowed() -> UserEvent {
    UserEvent::HostUnfollowed { user_id: attendee(1), host_id: host_id(), at: early() }
}

fn given(events: Vec<UserEvent>) -> cqrs_es::test::AggregateTestExecutor<User> {
    TestFramework::<User>::with(()).given([vec![registered()], events].concat())
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

#[test]
fn a_change_says_only_what_is_new() {
    let given = || given(vec![]);
    given().when(change(Some("Grace"), None, None)).then_expect_events(vec![changed(Some("Grace"), None)]);
    given()
        .when(change(Some("Ada"), Some("Grace@example.org"), None))
        .then_expect_events(vec![changed(None, Some("grace@example.org"))]);
    given()
        .when(change(Some("Grace"), Some("grace@example.org"), Some(1)))
        .then_expect_events(vec![changed(Some("Grace"), Some("grace@example.org"))]);
}

#[test]
fn a_change_that_changes_nothing_is_a_success_without_events() {
    given(vec![changed(Some("Grace"), None)])
        .when(change(Some("Grace"), Some("ADA@example.org"), Some(2)))
        .then_expect_events(vec![]);
}

#[test]
fn a_change_of_another_version_is_refused_even_if_it_changes_nothing() {
    for name in ["Ada", "Grace"] {
        given(vec![changed(Some("Grace"), None)])
            .when(change(Some(name), None, Some(1)))
            .then_expect_error(UserError::VersionConflict { current: 2 });
    }
}

#[test]
fn following_is_no_change_of_the_profile() {
    given(vec![followed(host_id())])
        .when(change(Some("Grace"), None, Some(1)))
        .then_expect_events(vec![changed(Some("Grace"), None)]);
}

#[test]
fn a_host_is_followed_and_unfollowed_once() {
    given(vec![]).when(follow(host_id())).then_expect_events(vec![followed(host_id())]);
    given(vec![followed(host_id())]).when(follow(host_id())).then_expect_events(vec![]);
    given(vec![followed(host_id())]).when(unfollow()).then_expect_events(vec![unfollowed()]);
    given(vec![]).when(unfollow()).then_expect_events(vec![]);
    given(vec![followed(host_id()), unfollowed()])
        .when(follow(host_id()))
        .then_expect_events(vec![followed(host_id())]);
}

#[test]
fn nobody_follows_oneself_or_too_many() {
    given(vec![]).when(follow(attendee(1))).then_expect_error(UserError::FollowsOneself);
    let many = (0..MAX_FOLLOWED_HOSTS as u128).map(|number| followed(attendee(10 + number)));
    given(many.collect())
        .when(follow(host_id()))
        .then_expect_error(UserError::FollowsTooMany { max: MAX_FOLLOWED_HOSTS });
}

#[test]
fn nothing_happens_to_who_has_no_account() {
    for command in [change(Some("Grace"), None, None), follow(host_id()), unfollow()] {
        TestFramework::<User>::with(())
            .given_no_previous_events()
            .when(command)
            .then_expect_error(UserError::NotRegistered);
    }
}

fn erase() -> UserCommand {
    UserCommand::Erase { at: early() }
}

fn erased() -> UserEvent {
    UserEvent::UserErased { user_id: attendee(1), role: Role::Attendee, at: early() }
}

#[test]
fn a_user_is_erased_once() {
    let user = || TestFramework::<User>::with(());
    user().given(vec![registered()]).when(erase()).then_expect_events(vec![erased()]);
    user().given(vec![registered(), erased()]).when(erase()).then_expect_events(vec![]);
    user().given_no_previous_events().when(erase()).then_expect_error(UserError::NotRegistered);
}

#[test]
fn an_erased_user_does_nothing_more() {
    for command in [change(Some("Ada"), None, None), follow(host_id()), unfollow()] {
        TestFramework::<User>::with(())
            .given(vec![registered(), erased()])
            .when(command)
            .then_expect_error(UserError::NotRegistered);
    }
    TestFramework::<User>::with(())
        .given(vec![registered(), erased()])
        .when(register())
        .then_expect_error(UserError::AlreadyRegistered);
}
