//! Free ports on the loopback interface.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which the kernel takes the ports of outgoing connections, so that a port found free here
/// is still free a moment later.
const LOWEST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// A TCP port of 127.0.0.1 that nobody listens on; this process never gets the same one twice.
///
/// Another process can still take it before the caller does, which the servers of this crate survive by trying
/// another one.
///
/// # Panics
///
/// When no port at all is free.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run side by side have neighbouring ids: start far apart.
    let start = std::process::id().wrapping_mul(997) % u32::from(COUNT);
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = LOWEST + u16::try_from((start + step) % u32::from(COUNT)).expect("COUNT is a u16");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free TCP port on 127.0.0.1 between {LOWEST} and {}", LOWEST + COUNT);
}
