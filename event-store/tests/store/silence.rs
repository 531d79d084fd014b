//! A database server that falls silent, as one does that is cut off or has lost its power: no connection ends, and no answer
//! comes.

use std::{sync::Arc, time::Duration};

use event_store::{AppendError, EventStore, MasterKey};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use testkit::eventually;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    time,
};

use crate::{lines, paper, without_receipt};

const DEADLINE: Duration = Duration::from_secs(60);

/// What stands between a store and its server.
struct Wire {
    port: u16,
    is_cut: watch::Sender<bool>,
}

impl Wire {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), is_cut: watch::Sender::new(false) };
        let cuts = wire.is_cut.clone();
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut cut = cuts.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = cut.changed() => {
                            // Neither side is told.
                            std::future::pending::<()>().await;
                        }
                    }
                });
            }
        });
        wire
    }

    /// Every connection that there is goes silent; new ones work, as after a failover. From here on the clock jumps to what is
    /// awaited next.
    async fn cut(&self, pool: &PgPool) {
        // Nobody uses it who would be cut off in the place of who comes next.
        eventually("the connection is given back", DEADLINE, async || (pool.num_idle() == 1).then_some(()))
            .await;
        self.is_cut.send_replace(true);
        time::pause();
    }
}

#[tokio::test]
async fn whoever_waits_for_a_silent_server_gives_it_up_with_its_connection() {
    let database = testkit::postgres::database("silence").await;
    let options: PgConnectOptions = database.url().parse().unwrap();
    let wire = Wire::to(options.get_port()).await;
    // With a single place: a connection that were kept would keep the others out.
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(600));
    let pool = pool.test_before_acquire(false).connect_with(options.port(wire.port)).await.unwrap();
    EventStore::migrate(&pool).await.unwrap();
    let store = EventStore::new(pool.clone(), Arc::new(MasterKey::parse(&MasterKey::generate()).unwrap()));
    // Each append is followed by a notification, on the same connection.
    let mut woken = PgListener::connect(database.url()).await.unwrap();
    woken.listen("boxoffice_outbox").await.unwrap();
    store.append_at_once(&[&without_receipt(vec![lines("p", 0, &["a"])])], &[]).await.unwrap();

    time::timeout(DEADLINE, woken.recv()).await.unwrap().unwrap();
    wire.cut(&pool).await;
    let append = without_receipt(vec![lines("p", 1, &["b"])]);
    let failed = store.append_at_once(&[&append], &[]).await.unwrap_err();
    assert!(matches!(failed, AppendError::Database(sqlx::Error::Io(_))), "{failed:?}");
    time::resume();
    store.append_at_once(&[&append], &[]).await.unwrap();

    time::timeout(DEADLINE, woken.recv()).await.unwrap().unwrap();
    wire.cut(&pool).await;
    assert!(store.read_stream(&paper("p")).await.is_err());
    time::resume();
    assert_eq!(store.read_stream(&paper("p")).await.unwrap().events.len(), 2);

    wire.cut(&pool).await;
    assert!(store.head().await.is_err());
    time::resume();
    assert_eq!(store.head().await.unwrap().global_position, 0);
}
