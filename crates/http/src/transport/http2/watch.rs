//! Counts the frames a peer sends, and ends a connection whose frames advance no request.
//!
//! A peer may send WINDOW_UPDATE, PRIORITY, PING, SETTINGS, 1xx heads or unknown frames without end and never break the
//! protocol. Unbounded, they take a whole core, even when no request is open. So every frame costs, except data on open
//! streams. A head or data that reaches a request resets the cost; bytes that we send reduce it.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::reqwest_connector::Io;
use shoal_runtime::Mutex;

/// The most that frames may cost. A hundred streams that end at once take a hundredth of it.
const MAX_COST: usize = 10_000;

/// A frame costs one, and one more for each of these bytes.
const BYTES_PER_COST: usize = 256;

/// Frames that cost less than [`MAX_COST`] in this time may go on for ever: pings, say.
const WINDOW: Duration = Duration::from_secs(100);

/// Sent bytes that pay for one frame: servers send two WINDOW_UPDATEs for a piece of an upload.
const BYTES_PER_CREDIT: usize = 256;

const HEAD: usize = 9;
const DATA: u8 = 0;
const GO_AWAY: u8 = 7;
const PADDED: u8 = 8;

/// The state of a connection, shared by its I/O, its driver and its streams.
pub(super) struct Wire {
    /// Streams whose response is awaited.
    pub(super) open: AtomicUsize,
    /// When the last of them ended.
    ended: Mutex<Instant>,
    /// A head or data has reached a request since the cost was last looked at.
    progressed: AtomicBool,
    /// From GOAWAY: streams with a higher id are not processed.
    last_processed: AtomicU32,
    /// The peer takes no new requests.
    pub(super) going_away: AtomicBool,
    /// The last write would block: the peer does not read.
    pub(super) blocked: AtomicBool,
    /// The driver shall stop at once, without GOAWAY.
    pub(super) abandoned: AtomicBool,
    pub(super) waker: AtomicWaker,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            open: AtomicUsize::new(0),
            ended: Mutex::new(Instant::now()),
            progressed: AtomicBool::new(false),
            last_processed: AtomicU32::new(u32::MAX),
            going_away: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }
}

impl Wire {
    pub(super) fn ends(&self) {
        *self.ended.lock() = Instant::now();
    }

    /// When the last open stream ended; `None` while one is open.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let ended = *self.ended.lock();
        (self.open.load(Ordering::Relaxed) == 0).then_some(ended)
    }

    /// Notes that a head or data has reached a request.
    pub(super) fn progressed(&self) {
        self.progressed.store(true, Ordering::Relaxed);
    }

    /// Whether the peer has declared that it does not process this stream (RFC 9113, 6.8).
    pub(super) fn is_unprocessed(&self, stream: u32) -> bool {
        stream > self.last_processed.load(Ordering::Relaxed)
    }

    /// Closes the connection without GOAWAY.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
        self.waker.wake();
    }
}

/// The position in the stream of frames.
enum Position {
    /// In the nine bytes of a frame head.
    Head,
    /// Before the byte that gives the padding of a DATA frame.
    Padding { length: usize },
    /// In the four bytes of a GOAWAY that give the last stream id.
    LastStream { length: usize },
    /// In a frame with this many bytes left.
    Payload(usize),
}

/// I/O whose incoming frames are counted.
pub(super) struct Watched {
    io: Box<dyn Io>,
    wire: Arc<Wire>,
    position: Position,
    /// The first `filled` bytes of a frame head, or of a last stream id.
    partial: [u8; HEAD],
    filled: usize,
    cost: usize,
    /// When the cost was last reset after a whole window.
    since: Instant,
    /// Bytes sent that have not yet paid for a frame.
    sent: usize,
}

impl Watched {
    /// Watches `io`, which stands before a frame.
    pub(super) fn new(io: Box<dyn Io>, wire: Arc<Wire>) -> Self {
        Self {
            io,
            wire,
            position: Position::Head,
            partial: [0; HEAD],
            filled: 0,
            cost: 0,
            since: Instant::now(),
            sent: 0,
        }
    }

    fn look(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(first) = bytes.first() {
            match self.position {
                Position::Payload(left) => {
                    let here = left.min(bytes.len());
                    bytes = bytes.get(here..).unwrap_or_default();
                    self.go_on(left - here);
                }
                Position::Padding { length } => {
                    let padding = usize::from(*first) + 1;
                    bytes = bytes.get(1..).unwrap_or_default();
                    self.data(length.saturating_sub(padding), length)?;
                    self.go_on(length.saturating_sub(1));
                }
                Position::LastStream { length } => {
                    let Some((last, rest)) = self.collect(bytes, 4) else { return Ok(()) };
                    bytes = rest;
                    let [a, b, c, d, ..] = last;
                    let last = u32::from_be_bytes([a, b, c, d]) & (u32::MAX >> 1);
                    self.wire.last_processed.fetch_min(last, Ordering::Relaxed);
                    self.wire.going_away.store(true, Ordering::Relaxed);
                    self.go_on(length.saturating_sub(4));
                }
                Position::Head => {
                    let Some((head, rest)) = self.collect(bytes, HEAD) else { return Ok(()) };
                    bytes = rest;
                    let [a, b, c, kind, flags, ..] = head;
                    let length = u32::from_be_bytes([0, a, b, c]) as usize;
                    match kind {
                        DATA if flags & PADDED != 0 && length > 0 => self.position = Position::Padding { length },
                        DATA => {
                            self.data(length, length)?;
                            self.go_on(length);
                        }
                        GO_AWAY if length >= 4 => {
                            self.count(length)?;
                            self.position = Position::LastStream { length };
                        }
                        _ => {
                            self.count(length)?;
                            self.go_on(length);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn go_on(&mut self, left: usize) {
        self.position = if left == 0 { Position::Head } else { Position::Payload(left) };
    }

    /// The next `size` bytes, and the rest; `None` until they are complete.
    fn collect<'a>(&mut self, bytes: &'a [u8], size: usize) -> Option<([u8; HEAD], &'a [u8])> {
        let (here, rest) = bytes.split_at(bytes.len().min(size - self.filled));
        if let Some(space) = self.partial.get_mut(self.filled..self.filled + here.len()) {
            space.copy_from_slice(here);
        }
        self.filled += here.len();
        if self.filled < size {
            return None;
        }
        self.filled = 0;
        Some((self.partial, rest))
    }

    /// Counts a DATA frame with `bytes` bytes of data, unless a request may be waiting for them.
    fn data(&mut self, bytes: usize, length: usize) -> io::Result<()> {
        if bytes > 0 && self.wire.open.load(Ordering::Relaxed) > 0 {
            return Ok(());
        }
        self.count(length)
    }

    /// Adds the cost of a frame; an error if it is too much.
    fn count(&mut self, length: usize) -> io::Result<()> {
        if self.wire.progressed.swap(false, Ordering::Relaxed) {
            self.cost = 0;
        }
        self.cost += 1 + length / BYTES_PER_COST;
        if self.cost > MAX_COST {
            if self.since.elapsed() < WINDOW {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it floods the connection with empty frames"));
            }
            self.cost = 0;
            self.since = Instant::now();
        }
        Ok(())
    }

    fn wrote(&mut self, polled: &Poll<io::Result<usize>>) {
        self.wire.blocked.store(polled.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(Ok(count)) = polled {
            self.sent += count;
            self.cost = self.cost.saturating_sub(self.sent / BYTES_PER_CREDIT);
            self.sent %= BYTES_PER_CREDIT;
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(context, into))?;
        Poll::Ready(this.look(into.filled().get(before..).unwrap_or_default()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write(context, bytes);
        this.wrote(&polled);
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write_vectored(context, pieces);
        this.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_flush(context);
        this.wire.blocked.store(polled.is_pending(), Ordering::Relaxed);
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}
