//! `boxoffice up`: every role in one process.

use platform::{Config, Shutdown, metrics::Metrics};

use crate::{databases::Databases, demo, migrate, roles, run};

pub(crate) async fn up(config: Config, with_demo: bool, shutdown: Shutdown) -> anyhow::Result<()> {
    shutdown.listen_for_signals()?;
    // First of all, so that a second `up` fails before it starts anything.
    let server = run::listen(&config).await?;
    let metrics = Metrics::install()?;
    let databases = Databases::configured_or_embedded(&config).await?;
    migrate::prepare(&config, &databases).await?;
    let mut roles = vec![
        roles::command_api(&config, &databases, &shutdown).await?,
        roles::query_api(&config, &databases, &shutdown).await?,
        roles::relay(&config, &databases, &shutdown).await?,
        roles::projector(&config, &databases, &shutdown).await?,
        roles::processes(&config, &databases, &shutdown).await?,
    ];
    let router = roles::router(&mut roles, metrics, &shutdown);
    print_welcome(&config, &databases, &format!("http://{}", server.address()?));
    if with_demo {
        tokio::spawn(demo::fill(router.clone()));
    }
    let served = run::serve(server, router, roles, &shutdown).await;
    println!("Stopping.");
    databases.stop().await?;
    served
}

fn print_welcome(config: &Config, databases: &Databases, url: &str) {
    let data = match &databases.embedded {
        Some(postgres) => {
            format!("PostgreSQL {} of its own, in {}", postgres.version(), config.data_dir.display())
        }
        None => "the PostgreSQL at DATABASE_URL".to_owned(),
    };
    let events = match &config.kafka_brokers {
        Some(brokers) => format!("Kafka at {brokers}"),
        None => "the event log (no KAFKA_BROKERS)".to_owned(),
    };
    println!("Boxoffice {} is open.", env!("CARGO_PKG_VERSION"));
    println!();
    println!("  API and how to use it   {url}/docs");
    println!("  Events on sale          {url}/api/v1/events");
    println!("  Is everything well?     {url}/readyz");
    println!();
    println!("  Data    {data}");
    println!("  Events  {events}");
    println!();
    println!("Ctrl-C stops it; the data stays.");
}
