use super::*;
use secrecy::ExposeSecret;

fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn exposed(secret: &Option<SecretString>) -> Option<&str> {
    secret.as_ref().map(ExposeSecret::expose_secret)
}

/// A key made for these tests alone: `openssl genpkey -algorithm ed25519`.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJVe4VX9udleznD1I5rFBet3HIC6gWp++dYynM3qCmFX\n-----END PRIVATE KEY-----";

#[test]
fn an_empty_environment_gives_the_listed_defaults() {
    let config = load(&[]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.data_dir, PathBuf::from(".boxoffice"));
    assert_eq!(config.hold_seconds, 900);
    assert_eq!(config.database_connections, 16);
    assert_eq!((config.log.as_str(), config.log_format), ("info", LogFormat::Text));
    assert!(config.database_url.is_none() && config.read_database_url.is_none());
    assert!(config.kafka_brokers.is_none() && config.jwt_key.is_none() && config.master_key.is_none());
    assert_eq!(config.trusted_proxies, TrustedProxies::default());
    assert!(config.unknown.is_empty());
}

#[test]
fn every_value_arrives() {
    let config = load(&[
        ("BOXOFFICE_LISTEN", "[::]:9090"),
        ("BOXOFFICE_DATA_DIR", "/srv/boxoffice"),
        ("DATABASE_URL", "postgres://u:p@db/write"),
        ("READ_DATABASE_URL", "postgresql://u:p@db/read"),
        ("KAFKA_BROKERS", "one:9092,two:9092"),
        ("BOXOFFICE_JWT_KEY", PEM),
        ("BOXOFFICE_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("BOXOFFICE_HOLD_SECONDS", "1"),
        ("BOXOFFICE_PUBLIC_URL", "https://tickets.example.org/"),
        ("BOXOFFICE_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("BOXOFFICE_LOG", "warn,platform=debug"),
        ("BOXOFFICE_LOG_FORMAT", "json"),
        ("BOXOFFICE_DATABASE_CONNECTIONS", "200"),
    ])
    .unwrap();
    assert_eq!(config.listen.port(), 9090);
    assert_eq!(exposed(&config.database_url), Some("postgres://u:p@db/write"));
    assert_eq!(exposed(&config.read_database_url), Some("postgresql://u:p@db/read"));
    assert_eq!(config.kafka_brokers.as_deref(), Some("one:9092,two:9092"));
    assert_eq!(exposed(&config.jwt_key), Some(PEM));
    assert!(config.master_key.is_some());
    assert_eq!((config.hold_seconds, config.database_connections), (1, 200));
    assert_eq!(config.public_url.as_deref(), Some("https://tickets.example.org"));
    assert_eq!(config.trusted_proxies, "10.0.0.0/8,::1".parse().unwrap());
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn one_database_serves_both_unless_another_is_named() {
    let config = load(&[("DATABASE_URL", "postgres://db/both")]).unwrap();
    assert_eq!(exposed(&config.read_database_url), Some("postgres://db/both"));
}

#[test]
fn a_key_may_be_written_on_one_line() {
    let config = load(&[("BOXOFFICE_JWT_KEY", &PEM.replace('\n', "\\n"))]).unwrap();
    assert_eq!(exposed(&config.jwt_key), Some(PEM));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let config =
        load(&[("BOXOFFICE_HOLD_SECONDS", ""), ("DATABASE_URL", " "), ("BOXOFFICE_NONSENSE", "")]).unwrap();
    assert_eq!(config.hold_seconds, 900);
    assert!(config.database_url.is_none());
    assert!(config.unknown.is_empty());
}

#[test]
fn an_error_names_the_variable_and_what_is_allowed_and_never_the_value() {
    for (variable, value) in [
        ("BOXOFFICE_LISTEN", "s3cret"),
        ("DATABASE_URL", "mysql://user:s3cret@db/x"),
        ("READ_DATABASE_URL", "postgres://user:s3cret@db:port/x"),
        ("BOXOFFICE_JWT_KEY", "s3cret"),
        ("BOXOFFICE_MASTER_KEY", "czNjcmV0"),
        ("BOXOFFICE_HOLD_SECONDS", "0"),
        ("BOXOFFICE_HOLD_SECONDS", "7201"),
        ("BOXOFFICE_HOLD_SECONDS", "s3cret"),
        ("BOXOFFICE_PUBLIC_URL", "ftp://s3cret"),
        ("BOXOFFICE_TRUSTED_PROXIES", "10.0.0.0/8,s3cret"),
        ("BOXOFFICE_LOG", "platform=s3cret"),
        ("BOXOFFICE_LOG_FORMAT", "s3cret"),
        ("BOXOFFICE_DATABASE_CONNECTIONS", "1"),
    ] {
        let error = load(&[(variable, value)]).expect_err(variable);
        let allowed = settings().iter().find(|setting| setting.name == variable).unwrap().allowed;
        assert_eq!(error.variable, variable);
        assert_eq!(error.to_string(), format!("{variable} is not valid: allowed is {allowed}"));
        assert!(!error.to_string().contains("s3cret"));
    }
}

#[test]
fn unknown_variables_of_ours_are_reported_and_reserved_ones_are_not() {
    let config = load(&[
        ("BOXOFFICE_LISTN", "0.0.0.0:80"),
        ("BOXOFFICE_STRIPE_KEY", "later"),
        ("BOXOFFICE_SMTP_URL", "later"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    assert_eq!(config.unknown, ["BOXOFFICE_LISTN"]);
}

#[test]
fn debug_output_holds_no_secret() {
    let config = load(&[
        ("DATABASE_URL", "postgres://user:s3cret@db/x"),
        ("BOXOFFICE_JWT_KEY", PEM),
        ("BOXOFFICE_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ])
    .unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("MC4C") && !shown.contains("AAAA"), "{shown}");
}

#[test]
fn a_number_is_not_mistaken_for_another_type() {
    let config = load(&[("KAFKA_BROKERS", "1234"), ("BOXOFFICE_DATA_DIR", "5")]).unwrap();
    assert_eq!(config.kafka_brokers.as_deref(), Some("1234"));
}

#[test]
fn settings_are_listed_once_each() {
    let names: std::collections::HashSet<_> = settings().iter().map(|setting| setting.name).collect();
    assert_eq!(names.len(), settings().len());
}
