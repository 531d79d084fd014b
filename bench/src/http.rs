//! A very small HTTP/1.1 client: one connection, one request at a time.
//!
//! It is written by hand because it shares two cores with the server that it measures: every microsecond of a general
//! client (pools, redirects, header maps, a body as a stream) would count against the product. It knows what the
//! product answers with and no more: a status, `content-length`, a body. Anything else is an error, not a guess.

use std::{io, net::SocketAddr};

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;

/// Longest head and body that are taken together: more than anything that is measured answers with.
const MAX_RESPONSE_BYTES: usize = 64 * 1024 * 1024;
/// Most headers of an answer.
const MAX_HEADERS: usize = 32;
const FIRST_BUFFER_BYTES: usize = 4 * 1024;

/// A connection that is kept open.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What came back; borrowed from the connection until the next request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// Where an answer lies in the buffer.
struct Head {
    status: u16,
    body_starts: usize,
    body_bytes: usize,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("nobody answers at {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(FIRST_BUFFER_BYTES) })
    }

    /// Sends a whole request, head and body, and waits for the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.send(request).await?;
        self.received.clear();
        let head = loop {
            self.receive_more().await?;
            if let Some(head) = parse_head(&self.received)? {
                break head;
            }
        };
        let end = head.body_starts + head.body_bytes;
        if end > MAX_RESPONSE_BYTES {
            bail!("an answer of {end} bytes");
        }
        while self.received.len() < end {
            self.receive_more().await?;
        }
        Ok(Answer { status: head.status, body: &self.received[head.body_starts..end] })
    }

    /// Sends a request whose answer never ends, and reads until there is nothing more; answers with how many bytes came.
    pub(crate) async fn listen(&mut self, request: &[u8]) -> Result<u64> {
        self.send(request).await?;
        let mut bytes = 0;
        loop {
            self.received.clear();
            match self.receive_more().await {
                Ok(()) => bytes += self.received.len() as u64,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(bytes),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn send(&self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn receive_more(&mut self) -> io::Result<()> {
        self.received.reserve(FIRST_BUFFER_BYTES);
        loop {
            self.stream.readable().await?;
            match self.stream.try_read_buf(&mut self.received) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The head, once it is complete.
fn parse_head(received: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body_starts) = response.parse(received)? else { return Ok(None) };
    let status = response.code.context("an answer without a status")?;
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body_bytes = match length {
        Some(length) => std::str::from_utf8(length.value)?.trim().parse()?,
        None if matches!(status, 204 | 304) => 0,
        None => bail!("an answer {status} without a content-length"),
    };
    Ok(Some(Head { status, body_starts, body_bytes }))
}

/// Writes a GET into a buffer that is used again and again.
pub(crate) fn write_get(into: &mut Vec<u8>, path: &str) {
    into.clear();
    for part in ["GET ", path, " HTTP/1.1\r\nhost: boxoffice\r\n\r\n"] {
        into.extend_from_slice(part.as_bytes());
    }
}

/// Writes a POST of JSON into a buffer that is used again and again.
pub(crate) fn write_post(into: &mut Vec<u8>, path: &str, token: &str, body: &str) {
    into.clear();
    let length = body.len().to_string();
    for part in [
        "POST ",
        path,
        " HTTP/1.1\r\nhost: boxoffice\r\ncontent-type: application/json\r\nauthorization: Bearer ",
        token,
        "\r\ncontent-length: ",
        length.as_str(),
        "\r\n\r\n",
        body,
    ] {
        into.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_found_once_it_is_complete() {
        let whole = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nx-request-id: a\r\n\r\n{}";
        for cut in 1..whole.len() - 2 {
            assert!(parse_head(&whole[..cut]).unwrap().is_none(), "{cut}");
        }
        let head = parse_head(whole).unwrap().unwrap();
        assert_eq!((head.status, head.body_bytes, &whole[head.body_starts..]), (201, 2, &b"{}"[..]));
    }

    #[test]
    fn an_answer_of_unknown_length_is_an_error_and_not_a_guess() {
        assert!(parse_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert_eq!(parse_head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap().body_bytes, 0);
    }

    #[test]
    fn a_post_says_how_long_it_is() {
        let mut request = Vec::new();
        write_post(&mut request, "/bookings", "t", "{\"a\":1}");
        let text = String::from_utf8(request).unwrap();
        assert!(text.starts_with("POST /bookings HTTP/1.1\r\n"));
        assert!(text.ends_with("content-length: 7\r\n\r\n{\"a\":1}"));
    }
}
