//! A real Apache Kafka of one node (KRaft), from the jars that `./dev` brings.

mod kept_topics;

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::sync::OnceCell;
use tokio::time::sleep;

pub use kept_topics::KeptTopics;

use crate::free_port;
use crate::guardian::Guardian;
use crate::process::{Process, describe};

const START_DEADLINE: Duration = Duration::from_secs(90);
const STOP_DEADLINE: Duration = Duration::from_secs(60);
const ANSWER_DEADLINE: Duration = Duration::from_secs(1);
const PORTS_TRIED: u32 = 5;
/// Any id will do for a cluster that never meets another one.
const CLUSTER_ID: &str = "boxoffice-tests-kafka0";
/// A small heap, and quick to start rather than quick for hours.
const JAVA_OPTIONS: [&str; 5] = [
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "-Dorg.apache.logging.log4j.level=INFO",
];

/// For a broker that is measured: the heap that Kafka's own script gives it, and the compilers that Java has.
const JAVA_OPTIONS_TO_MEASURE: [&str; 4] =
    ["-Xms1g", "-Xmx1g", "-Djava.awt.headless=true", "-Dorg.apache.logging.log4j.level=INFO"];
/// What Kafka's scripts give its command-line tools.
const JAVA_OPTIONS_OF_TOOLS: [&str; 2] = ["-Xmx512m", "-Djava.awt.headless=true"];

/// A running Kafka broker. It ends when this is dropped or when the test process dies.
pub struct KafkaServer {
    brokers: String,
    version: String,
    /// None when the broker is somebody else's.
    process: Option<Process>,
    java_options: &'static [&'static str],
}

impl KafkaServer {
    /// The broker of this test process: the one that `KAFKA_BROKERS` names, otherwise one of its own, started on
    /// first use. Its topics are shared by all tests, so each test names its own.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<KafkaServer> = OnceCell::const_new();
        SHARED
            .get_or_init(|| async {
                match std::env::var("KAFKA_BROKERS") {
                    Ok(brokers) if !brokers.is_empty() => Self::of_somebody_else(brokers),
                    _ => Self::start_own().await,
                }
            })
            .await
    }

    /// A broker of the caller's own, to be killed, paused and restarted.
    ///
    /// # Panics
    ///
    /// When Java or Kafka's jars are missing, or with the end of the broker's log when it does not start.
    pub async fn start_own() -> Self {
        Self::start_with(&JAVA_OPTIONS).await
    }

    /// The same, slower to start and as fast as Kafka is by default.
    ///
    /// # Panics
    ///
    /// Like [`start_own`](Self::start_own).
    pub async fn start_to_measure() -> Self {
        Self::start_with(&JAVA_OPTIONS_TO_MEASURE).await
    }

    async fn start_with(java_options: &'static [&'static str]) -> Self {
        let jars = jars();
        let guardian = Guardian::new("kafka", Signal::SIGKILL);
        let mut port = free_port();
        write_properties(guardian.dir(), port);
        format_storage(&jars, guardian.dir());
        let mut process = Process::spawn_guarded(&mut broker(&jars, java_options, guardian.dir()), guardian);
        let mut ports_left = PORTS_TRIED;
        loop {
            match await_broker(&mut process, port).await {
                Ok(()) => {
                    let version = pinned_version();
                    // Not `eprintln!`, which the test runner keeps to itself.
                    let _ = writeln!(io::stderr(), "Apache Kafka {version}");
                    return Self {
                        brokers: format!("127.0.0.1:{port}"),
                        version: version.to_owned(),
                        process: Some(process),
                        java_options,
                    };
                }
                Err(failure) if ports_left == 1 => panic!("Apache Kafka does not start: {failure}"),
                // Somebody else may have taken a port before the broker did.
                Err(_) => ports_left -= 1,
            }
            port = free_port();
            write_properties(process.dir(), port);
            let mut command = broker(&jars, java_options, process.dir());
            process.respawn(&mut command);
        }
    }

    /// What clients call `bootstrap.servers`, as in `127.0.0.1:9092`.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The broker's version, such as `4.3.1`; of a broker that `KAFKA_BROKERS` names, only that it is unknown.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// `kill -9` of the broker. What it had not written yet is in the kernel's hands and survives.
    ///
    /// # Panics
    ///
    /// When the broker is not our own, like everything below.
    pub fn kill_hard(&mut self) {
        self.process().kill_hard();
    }

    /// Starts it again on the same port and data, after an orderly shutdown if it still runs (or is paused).
    ///
    /// # Panics
    ///
    /// With the end of the broker's log when it does not start.
    pub async fn restart(&mut self) {
        let (port, java_options) = (self.port(), self.java_options);
        let process = self.process();
        process.resume();
        process.terminate(STOP_DEADLINE).await;
        let mut command = broker(&jars(), java_options, process.dir());
        process.respawn(&mut command);
        if let Err(failure) = await_broker(process, port).await {
            panic!("Apache Kafka does not start again: {failure}");
        }
    }

    /// Freezes it (SIGSTOP): connections stay, nobody gets an answer.
    pub fn pause(&mut self) {
        self.process().pause();
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&mut self) {
        self.process().resume();
    }

    /// Where it keeps its records: a folder `<topic>-<partition>` each.
    ///
    /// # Panics
    ///
    /// When the broker is not our own.
    pub fn data_dir(&self) -> PathBuf {
        let process = self.process.as_ref().expect("only a broker of our own keeps its records here");
        data_dir(process.dir())
    }

    /// The broker's log so far; empty for a broker that is not our own.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    fn of_somebody_else(brokers: String) -> Self {
        // Not `eprintln!`, which the test runner keeps to itself.
        let _ = writeln!(io::stderr(), "Apache Kafka at {brokers} (KAFKA_BROKERS), version unknown");
        Self { brokers, version: "unknown".to_owned(), process: None, java_options: &JAVA_OPTIONS }
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("only a broker of our own, from start_own(), can be killed or paused")
    }

    fn port(&self) -> u16 {
        let port = self.brokers.rsplit(':').next().and_then(|port| port.parse().ok());
        port.expect("our own broker's address ends with its port")
    }
}

/// Waits until the broker serves clients, or says why it never will.
async fn await_broker(process: &mut Process, port: u16) -> Result<(), String> {
    let end = Instant::now() + START_DEADLINE;
    loop {
        if let Some(status) = process.exit_status() {
            return Err(format!("{}; its log ends:\n{}", describe(status), process.output_end()));
        }
        let asked = tokio::task::spawn_blocking(move || serves_clients(port)).await;
        if asked.expect("asking does not panic").unwrap_or(false) {
            return Ok(());
        }
        if Instant::now() > end {
            process.kill_hard();
            return Err(format!(
                "no answer within {START_DEADLINE:?}; its log ends:\n{}",
                process.output_end()
            ));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Asks for metadata (API key 3, version 1, no topics) and looks whether the answer lists a live broker, as it
/// does once the controller has let the broker in: <https://kafka.apache.org/protocol#The_Messages_Metadata>.
fn serves_clients(port: u16) -> io::Result<bool> {
    const REQUEST: [u8; 18] = [
        0, 0, 0, 14, // bytes that follow
        0, 3, 0, 1, // Metadata, version 1
        0, 0, 0, 7, // correlation id, repeated in the answer
        0xff, 0xff, // no client id
        0, 0, 0, 0, // an array of no topics
    ];
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_DEADLINE)?;
    stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
    stream.write_all(&REQUEST)?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    let number = |at: usize| i32::from_be_bytes([answer[at], answer[at + 1], answer[at + 2], answer[at + 3]]);
    let (correlation_id, live_brokers) = (number(4), number(8));
    Ok(correlation_id == 7 && live_brokers > 0)
}

fn write_properties(scratch: &Path, port: u16) {
    let controller_port = free_port();
    let data = data_dir(scratch);
    let properties = format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
",
        data = data.display()
    );
    fs::write(properties_file(scratch), properties).expect("the scratch directory takes a file");
}

fn data_dir(scratch: &Path) -> PathBuf {
    scratch.join("data")
}

fn properties_file(scratch: &Path) -> PathBuf {
    scratch.join("server.properties")
}

fn format_storage(jars: &Path, scratch: &Path) {
    let mut command = java(jars, &JAVA_OPTIONS, "kafka.tools.StorageTool");
    command.args(["format", "--cluster-id", CLUSTER_ID, "--config"]).arg(properties_file(scratch));
    let done =
        command.output().unwrap_or_else(|error| panic!("cannot start java, which Kafka needs: {error}"));
    assert!(
        done.status.success(),
        "formatting Kafka's storage failed:\n{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

fn broker(jars: &Path, java_options: &[&str], scratch: &Path) -> Command {
    let mut command = java(jars, java_options, "kafka.Kafka");
    command.arg(properties_file(scratch)).current_dir(scratch);
    command
}

/// One of Kafka's command-line tools, such as `org.apache.kafka.tools.TopicCommand`.
///
/// # Panics
///
/// When Kafka's jars are missing.
pub fn tool(main_class: &str) -> Command {
    java(&jars(), &JAVA_OPTIONS_OF_TOOLS, main_class)
}

fn java(jars: &Path, options: &[&str], main_class: &str) -> Command {
    let java = match std::env::var_os("JAVA_HOME") {
        Some(home) => Path::new(&home).join("bin/java"),
        None => PathBuf::from("java"),
    };
    let mut command = Command::new(java);
    command.args(options).arg("-cp").arg(jars.join("*")).arg(main_class);
    command
}

fn jars() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("testkit lies in the workspace");
    let jars = root.join(format!(".dev/kafka-{}", pinned_version()));
    assert!(jars.is_dir(), "Apache Kafka is missing ({}): run `./dev test`, which brings it", jars.display());
    jars
}

/// The version that `./dev` brings.
fn pinned_version() -> &'static str {
    let pom = include_str!("../kafka/pom.xml");
    let version = pom.split_once("<kafka.version>").and_then(|(_, rest)| rest.split_once("</kafka.version>"));
    version.expect("pom.xml pins kafka.version").0
}
