//! `boxoffice replay --dry-run`: what of a read model is not what the event log says.

use std::process::Output;

use reqwest::StatusCode;
use sqlx::PgPool;

use crate::harness::BoxOffice;

const PROJECTIONS: [&str; 4] = ["users", "events", "bookings", "notifications"];

fn dry_run(office: &BoxOffice, projection: &str) -> (bool, String) {
    let Output { status, stdout, stderr } =
        office.command(&format!("replay {projection} --dry-run")).output().expect("runs");
    let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("");
    (status.success(), said)
}

#[tokio::test]
async fn a_dry_run_finds_rows_that_were_changed_by_hand_and_changes_nothing() {
    let office = BoxOffice::up(None).await;
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    let (_, event) = office.event(5).await;
    let attendee = office.register("attendee").await;
    let booking = office.book(&attendee, &event.text("/id")).await;
    for path in ["/api/v1/events", "/api/v1/bookings", "/api/v1/notifications"] {
        office.get_after(path, Some(&attendee.token), &booking).await.expect(StatusCode::OK);
    }
    for projection in PROJECTIONS {
        let (is_the_same, said) = dry_run(&office, projection);
        assert!(is_the_same && said.contains("No row differs."), "{projection}: {said}");
    }

    let change = |statement: &'static str| {
        let pool = &pool;
        async move {
            let changed = sqlx::query(statement).execute(pool).await.expect("changes");
            assert_eq!(changed.rows_affected(), 1, "{statement}");
        }
    };
    change("update read_model.events set title = 'Another evening'").await;
    change("update read_model.users set name = 'Grace Elsewhere' where role = 'attendee'").await;
    let (is_the_same, said) = dry_run(&office, "events");
    assert!(!is_the_same, "{said}");
    let found = r#"    title: live "Another evening", by the log "An evening of engines""#;
    assert!(said.contains(found) && said.contains(&event.text("/id")), "{said}");
    let (is_the_same, said) = dry_run(&office, "users");
    assert!(!is_the_same && said.contains("    name: differs; personal data is not shown"), "{said}");
    assert!(!said.contains("Grace"), "{said}");

    let title: String =
        sqlx::query_scalar("select title from read_model.events").fetch_one(&pool).await.expect("reads");
    assert_eq!(title, "Another evening", "a dry run mends nothing");
    let left: i64 = sqlx::query_scalar("select count(*) from pg_namespace where nspname like 'compare%'")
        .fetch_one(&pool)
        .await
        .expect("counts");
    assert_eq!(left, 0);
}
