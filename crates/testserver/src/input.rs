//! What a client has sent and nobody has read yet.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Room for the heads of many pipelined requests; most connections never need more.
const ROOM: usize = 8 * 1024;
/// Room per read while a body comes in.
const BODY_ROOM: usize = 256 * 1024;

/// The input buffer of a connection.
pub(super) struct Input {
    bytes: Vec<u8>,
    start: usize,
}

impl Input {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::with_capacity(ROOM), start: 0 }
    }

    /// What is there.
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Marks the first `count` bytes as read.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Waits for more; 0 when the client has closed. Cancelling loses nothing.
    pub(super) async fn fill(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        self.fill_at_least(stream, ROOM / 4).await
    }

    /// The same with room for a large body.
    pub(super) async fn fill_body(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        self.fill_at_least(stream, BODY_ROOM / 2).await
    }

    async fn fill_at_least(&mut self, stream: &mut TcpStream, room: usize) -> io::Result<usize> {
        if self.start > 0 && self.bytes.capacity() - self.bytes.len() < room {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        if self.bytes.capacity() - self.bytes.len() < room {
            self.bytes.reserve(2 * room);
        }
        stream.read_buf(&mut self.bytes).await
    }
}
