//! Starts a PostgreSQL and a Kafka and holds them until it is killed: `tests/servers.rs` kills it and looks
//! whether they are gone.

use testkit::kafka::KafkaServer;
use testkit::postgres::PostgresServer;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _postgres = PostgresServer::start_own().await;
    let _kafka = KafkaServer::start_own().await;
    println!("holding");
    std::future::pending::<()>().await;
}
