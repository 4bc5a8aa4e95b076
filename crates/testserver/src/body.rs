//! Reads request bodies, by length or chunked, into memory or a checksum, or drops them.

use std::io;

use flate2::Crc;
use httparse::Status;
use tokio::net::TcpStream;

use crate::head::{Framing, Refused};
use crate::input::Input;

/// The largest body that is kept in memory (`/echo`).
const KEEP_LIMIT: u64 = 64 * 1024 * 1024;
/// The largest body that is read and dropped.
const DRAIN_LIMIT: u64 = 1024 * 1024 * 1024;
/// The longest chunk-size or trailer line.
const LINE_LIMIT: usize = 16 * 1024;

/// How a route uses a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyUse {
    Length,
    Checksum,
    Bytes,
}

#[derive(Default)]
pub(crate) struct Received {
    /// Without framing.
    pub(crate) length: u64,
    /// Its bytes, for [`BodyUse::Bytes`].
    pub(crate) bytes: Vec<u8>,
    /// Its CRC-32 (`zlib.crc32`), for [`BodyUse::Checksum`].
    pub(crate) crc32: u32,
}

pub(crate) enum Failure {
    Connection(io::Error),
    Refused(Refused),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

pub(crate) async fn receive(
    input: &mut Input,
    stream: &mut TcpStream,
    framing: Framing,
    body_use: BodyUse,
) -> Result<Received, Failure> {
    let mut reader = Reader { input, stream, body_use, crc: Crc::new(), received: Received::default() };
    match framing {
        Framing::None => {}
        Framing::Length(length) => reader.data(length).await?,
        Framing::Chunked => reader.chunks().await?,
    }
    reader.received.crc32 = reader.crc.sum();
    Ok(reader.received)
}

struct Reader<'a> {
    input: &'a mut Input,
    stream: &'a mut TcpStream,
    body_use: BodyUse,
    crc: Crc,
    received: Received,
}

impl Reader<'_> {
    async fn data(&mut self, mut missing: u64) -> Result<(), Failure> {
        let limit = if self.body_use == BodyUse::Bytes { KEEP_LIMIT } else { DRAIN_LIMIT };
        if self.received.length.saturating_add(missing) > limit {
            return Err(Failure::Refused((413, "the body is too large")));
        }
        while missing > 0 {
            let unread = self.input.unread();
            if unread.is_empty() {
                self.more().await?;
                continue;
            }
            let take = unread.len().min(usize::try_from(missing).unwrap_or(usize::MAX));
            let piece = unread.get(..take).unwrap_or_default();
            match self.body_use {
                BodyUse::Length => {}
                BodyUse::Checksum => self.crc.update(piece),
                BodyUse::Bytes => self.received.bytes.extend_from_slice(piece),
            }
            self.input.consume(take);
            self.received.length += take as u64;
            missing -= take as u64;
        }
        Ok(())
    }

    async fn chunks(&mut self) -> Result<(), Failure> {
        loop {
            let size = match httparse::parse_chunk_size(self.input.unread()) {
                Ok(Status::Complete((length, size))) => {
                    self.input.consume(length);
                    size
                }
                Ok(Status::Partial) if self.input.unread().len() < LINE_LIMIT => {
                    self.more().await?;
                    continue;
                }
                _ => return Err(Failure::Refused((400, "a bad chunk size"))),
            };
            if size == 0 {
                // Trailers, up to the empty line.
                while self.line().await? > 0 {}
                return Ok(());
            }
            self.data(size).await?;
            if self.line().await? > 0 {
                return Err(Failure::Refused((400, "a chunk longer than its size")));
            }
        }
    }

    /// Reads a line; returns its length without the line ending.
    async fn line(&mut self) -> Result<usize, Failure> {
        loop {
            if let Some(end) = self.input.unread().iter().position(|byte| *byte == b'\n') {
                let line = self.input.unread().get(..end).unwrap_or_default().trim_ascii_end().len();
                self.input.consume(end + 1);
                return Ok(line);
            }
            if self.input.unread().len() >= LINE_LIMIT {
                return Err(Failure::Refused((400, "a line that is too long")));
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.input.fill_body(self.stream).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
