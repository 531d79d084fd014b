use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

/// A served router whose `/slow` answers only when it is let go.
struct Served {
    address: SocketAddr,
    shutdown: Shutdown,
    arrived: Arc<Notify>,
    let_go: Arc<Notify>,
    run: JoinHandle<()>,
}

async fn served(drain_deadline: Duration) -> Served {
    let (arrived, let_go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at, go) = (Arc::clone(&arrived), Arc::clone(&let_go));
    let slow = || async move {
        at.notify_one();
        go.notified().await;
        "slowly"
    };
    let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() };
    let router = Router::new().route("/slow", get(slow)).route("/peer", get(peer));
    let server = Server::bind(([127, 0, 0, 1], 0).into()).await.unwrap().drain_deadline(drain_deadline);
    let address = server.address().unwrap();
    let shutdown = Shutdown::new();
    let run = tokio::spawn(server.run(router, shutdown.clone()));
    Served { address, shutdown, arrived, let_go, run }
}

async fn request(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

/// Everything until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    // A connection that is cut may end in an error; what came before it counts.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.unwrap();
    text
}

#[tokio::test]
async fn handlers_see_the_peer() {
    let served = served(PATIENCE).await;
    let mut stream = request(served.address, "/peer").await;
    let mut start = [0; 15];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    served.shutdown.request();
    assert!(rest(stream).await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn open_requests_end_and_idle_connections_close_after_a_stop() {
    let served = served(PATIENCE).await;
    let idle = TcpStream::connect(served.address).await.unwrap();
    let slow = request(served.address, "/slow").await;
    served.arrived.notified().await;
    served.shutdown.request();
    assert_eq!(rest(idle).await, "");
    served.let_go.notify_one();
    assert!(rest(slow).await.ends_with("slowly"));
    tokio::time::timeout(PATIENCE, served.run).await.unwrap().unwrap();
    assert!(TcpStream::connect(served.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_connection_that_does_not_end_is_cut() {
    let served = served(Duration::from_millis(50)).await;
    let slow = request(served.address, "/slow").await;
    served.arrived.notified().await;
    served.shutdown.request();
    tokio::time::timeout(PATIENCE, served.run).await.unwrap().unwrap();
    assert_eq!(rest(slow).await, "");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let (gone, is_gone) = tokio::sync::oneshot::channel::<()>();
    let gone = Arc::new(std::sync::Mutex::new(Some(gone)));
    let endless = || async move {
        let gone = gone.lock().unwrap().take();
        let chunks = futures::stream::repeat_with(move || {
            let _kept_as_long_as_the_stream = &gone;
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 65_536]))
        });
        Body::from_stream(chunks)
    };
    let server = Server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let server = server.unread_deadline(Duration::from_secs(1));
    let address = server.address().unwrap();
    tokio::spawn(server.run(Router::new().route("/endless", get(endless)), Shutdown::new()));
    let _unread = request(address, "/endless").await;
    let gone = tokio::time::timeout(PATIENCE, is_gone).await.expect("the stream has ended");
    assert!(gone.is_err(), "nobody sends, the sender is dropped");
}
