//! The input buffer of a connection.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Holds the heads of many pipelined requests; most connections never need more.
const CAPACITY: usize = 8 * 1024;
/// Capacity per read of a body.
const BODY_CAPACITY: usize = 256 * 1024;

pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
}

impl Input {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::with_capacity(CAPACITY), start: 0 }
    }

    pub(crate) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Reads more; 0 at the end of the stream. Cancel-safe.
    pub(crate) async fn fill(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        self.fill_at_least(stream, CAPACITY / 4).await
    }

    /// Reads more, with room for a large body; 0 at the end of the stream. Cancel-safe.
    pub(crate) async fn fill_body(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        self.fill_at_least(stream, BODY_CAPACITY / 2).await
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
