//! `boxoffice erase <user id>`: what `DELETE /api/v1/users/{id}` does, with a report.

use platform::{Config, postgres::Statements};
use uuid::Uuid;

use crate::databases::Databases;

pub(crate) async fn erase(config: &Config, user_id: Uuid) -> anyhow::Result<()> {
    let databases = Databases::beside_up(config).await?;
    let store = databases.store(databases.write_pool("boxoffice erase", Statements::Writes).await?).await?;
    let report = command_api::erase(&store, user_id).await?;
    if report.was_erased {
        println!(
            "User {user_id} had been erased before. What may have come back since, with a backup, is destroyed again."
        );
    } else {
        println!("User {user_id} is erased.");
    }
    println!();
    println!("Destroyed:");
    println!(
        "  the data key: name and address in {} events of the log can be read no more",
        report.sealed_events
    );
    println!("  the account: password hash, claim on the address, {} open sessions", report.sessions);
    println!("  the row in the read model, as soon as the projector has seen it");
    println!();
    println!("Being cancelled by `boxoffice processes`:");
    println!("  what is still to come of {} events that they host", report.hosted_events);
    println!("  what is open of their {} bookings", report.bookings);
    println!();
    println!(
        "Stays: ids, times, amounts, ticket types and seats of their bookings and events, in log and read models."
    );
    databases.stop().await
}
