//! One keep-alive connection that asks and waits for the answer. Buffers are reused, nothing is allocated per request.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::response::{Body, Parsed, parse};

const BUFFER_BYTES: usize = 4096;
/// A longer answer (`/metrics` is the longest) is taken for a broken server.
const ANSWER_MAX_BYTES: usize = 16 * 1024 * 1024;

/// A connection to the server under load.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    joined: Vec<u8>,
    closed: bool,
}

/// What the server said; borrowed from the connection until the next question.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self, String> {
        let failed = |cause: std::io::Error| format!("cannot connect to {address}: {cause}");
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES], joined: Vec::new(), closed: false })
    }

    /// After an error or a `connection: close` a new connection has to be opened.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Sends one request and reads its answer. An error leaves the connection closed, and what became of the request unknown.
    pub(super) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, String> {
        // Set until the answer is whole, so that a failure or a dropped future cannot leave half an answer for the next question.
        self.closed = true;
        self.stream.write_all(request).await.map_err(|cause| format!("connection lost while sending: {cause}"))?;
        let mut filled = 0;
        let whole = loop {
            if filled == self.buffer.len() {
                if filled >= ANSWER_MAX_BYTES {
                    return Err(format!("an answer of more than {ANSWER_MAX_BYTES} bytes"));
                }
                self.buffer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await;
            match read.map_err(|cause| format!("connection lost while waiting: {cause}"))? {
                0 => return Err("connection closed by the server instead of an answer".to_owned()),
                count => filled += count,
            }
            if let Parsed::Whole(whole) = parse(&self.buffer[..filled], &mut self.joined)? {
                break whole;
            }
        };
        if whole.length != filled {
            return Err("bytes after the end of the answer".to_owned());
        }
        self.closed = whole.closes;
        let body = match whole.body {
            Body::InPlace(range) => &self.buffer[range],
            Body::Joined => &self.joined,
        };
        Ok(Answer { status: whole.status, body })
    }
}
