//! Counts the frames that a peer sends, and ends a connection whose frames bring no request forward.
//!
//! A peer may send WINDOW_UPDATE, PRIORITY, PING, SETTINGS, 1xx heads or frames of unknown types for as long as it likes
//! and never break the protocol. Each is cheap, and without a bound they cost a core for as long as the peer goes on,
//! also when nobody waits for an answer any more. So all frames are counted but for data of streams that are open, and a
//! head or data that reach a request set the count back to nothing, as uploads do by their size.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::Io;

/// So much may frames cost that bring nothing. A hundred streams that all end at once take a hundredth of it.
const MAX_COST: usize = 10_000;

/// A frame costs one, and one more for so many bytes of it.
const BYTES_PER_COST: usize = 256;

/// Frames that come no faster than [`MAX_COST`] in this time cost next to nothing, and go on for ever: pings, say.
const HARMLESS: Duration = Duration::from_secs(100);

/// Bytes that are sent pay for one frame: servers send two WINDOW_UPDATEs for a piece of an upload.
const BYTES_PER_CREDIT: usize = 256;

const HEAD: usize = 9;
const DATA: u8 = 0;
const GO_AWAY: u8 = 7;
const PADDED: u8 = 8;

/// What is known of a connection, shared by its I/O, its driver and its streams.
pub struct Wire {
    /// Streams that somebody wants an answer on.
    pub open: AtomicUsize,
    /// When the last of them ended.
    ended: Mutex<Instant>,
    /// A head or data has reached a request since the last frame.
    progressed: AtomicBool,
    /// Streams with a higher number were not and will not be processed.
    last_processed: AtomicU32,
    /// The peer takes no new requests.
    pub going_away: AtomicBool,
    /// What is written stays here: the peer does not read.
    pub blocked: AtomicBool,
    /// Nobody is left to wait for a goodbye.
    pub abandoned: AtomicBool,
    /// The driver's.
    pub waker: AtomicWaker,
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
    /// One of the streams ends now.
    pub fn ends(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Since when nobody wants an answer, if nobody does.
    pub fn idle_since(&self) -> Option<Instant> {
        let ended = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        (self.open.load(Ordering::Relaxed) == 0).then_some(ended)
    }

    /// A request has got something.
    pub fn progressed(&self) {
        self.progressed.store(true, Ordering::Relaxed);
    }

    /// Whether the peer has said that it does not process the stream of this number (RFC 9113, 6.8).
    pub fn is_unprocessed(&self, stream: u32) -> bool {
        stream > self.last_processed.load(Ordering::Relaxed)
    }

    /// Closes the connection without another word.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
        self.waker.wake();
    }
}

/// Where in the frames the bytes that come are.
enum Place {
    /// In the nine bytes before a frame.
    Head,
    /// Before the byte that says how much of a frame of data is padding.
    Padding { length: usize },
    /// In the four bytes of a GOAWAY that name a stream.
    LastStream { length: usize },
    /// In a frame of which so much is left.
    Payload(usize),
}

/// A connection whose frames are counted.
pub struct Watched {
    io: Box<dyn Io>,
    wire: Arc<Wire>,
    place: Place,
    /// What has come of a head, or of a last stream.
    begun: [u8; HEAD],
    seen: usize,
    cost: usize,
    /// When the cost was last forgiven.
    since: Instant,
    /// Bytes written that have not paid for a frame yet.
    sent: usize,
}

impl Watched {
    /// Watches `io`, which is at the beginning of a frame.
    pub fn new(io: Box<dyn Io>, wire: Arc<Wire>) -> Self {
        Self { io, wire, place: Place::Head, begun: [0; HEAD], seen: 0, cost: 0, since: Instant::now(), sent: 0 }
    }

    /// Looks at bytes that have come.
    fn look(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(first) = bytes.first() {
            match self.place {
                Place::Payload(left) => {
                    let here = left.min(bytes.len());
                    bytes = bytes.get(here..).unwrap_or_default();
                    self.go_on(left - here);
                }
                Place::Padding { length } => {
                    let padding = usize::from(*first) + 1;
                    bytes = bytes.get(1..).unwrap_or_default();
                    self.data(length.saturating_sub(padding), length)?;
                    self.go_on(length.saturating_sub(1));
                }
                Place::LastStream { length } => {
                    let Some((last, rest)) = self.collect(bytes, 4) else { return Ok(()) };
                    bytes = rest;
                    let [a, b, c, d, ..] = last;
                    let last = u32::from_be_bytes([a, b, c, d]) & (u32::MAX >> 1);
                    self.wire.last_processed.fetch_min(last, Ordering::Relaxed);
                    self.wire.going_away.store(true, Ordering::Relaxed);
                    self.go_on(length.saturating_sub(4));
                }
                Place::Head => {
                    let Some((head, rest)) = self.collect(bytes, HEAD) else { return Ok(()) };
                    bytes = rest;
                    let [a, b, c, kind, flags, ..] = head;
                    let length = u32::from_be_bytes([0, a, b, c]) as usize;
                    match kind {
                        DATA if flags & PADDED != 0 && length > 0 => self.place = Place::Padding { length },
                        DATA => {
                            self.data(length, length)?;
                            self.go_on(length);
                        }
                        GO_AWAY if length >= 4 => {
                            self.count(length)?;
                            self.place = Place::LastStream { length };
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
        self.place = if left == 0 { Place::Head } else { Place::Payload(left) };
    }

    /// `size` bytes, once so many are there, and what follows them.
    fn collect<'a>(&mut self, bytes: &'a [u8], size: usize) -> Option<([u8; HEAD], &'a [u8])> {
        let (of_it, rest) = bytes.split_at(bytes.len().min(size - self.seen));
        if let Some(space) = self.begun.get_mut(self.seen..self.seen + of_it.len()) {
            space.copy_from_slice(of_it);
        }
        self.seen += of_it.len();
        if self.seen < size {
            return None;
        }
        self.seen = 0;
        Some((self.begun, rest))
    }

    /// A frame of data, of which so much is not padding.
    fn data(&mut self, bytes: usize, length: usize) -> io::Result<()> {
        if bytes > 0 && self.wire.open.load(Ordering::Relaxed) > 0 {
            return Ok(());
        }
        self.count(length)
    }

    fn count(&mut self, length: usize) -> io::Result<()> {
        if self.wire.progressed.swap(false, Ordering::Relaxed) {
            self.cost = 0;
        }
        self.cost += 1 + length / BYTES_PER_COST;
        if self.cost > MAX_COST {
            if self.since.elapsed() < HARMLESS {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it floods the connection with empty frames"));
            }
            self.cost = 0;
            self.since = Instant::now();
        }
        Ok(())
    }

    /// Notes what became of an attempt to write.
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn watched() -> Watched {
        Watched::new(Box::new(tokio::io::empty()), Arc::default())
    }

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let all = [frame(8, 0, &[0; 4]), frame(99, 0, &[9; 600]), frame(DATA, 0, b""), frame(4, 0, b"")].concat();
        for size in 1..all.len() {
            let mut watched = watched();
            all.chunks(size).for_each(|piece| watched.look(piece).unwrap());
            assert_eq!(watched.cost, 1 + 3 + 1 + 1, "{size}");
        }
    }

    #[test]
    fn data_counts_unless_it_is_wanted() {
        let (data, padding) = (frame(DATA, 0, b"x"), frame(DATA, PADDED, b"\x03\0\0\0"));
        let mut watched = watched();
        watched.look(&data).unwrap();
        assert_eq!(watched.cost, 1);
        watched.wire.open.store(1, Ordering::Relaxed);
        watched.look(&[data, frame(DATA, PADDED, b"\x02x\0\0")].concat()).unwrap();
        assert_eq!(watched.cost, 1);
        watched.look(&padding).unwrap();
        assert_eq!(watched.cost, 2);
    }

    #[test]
    fn too_many_end_the_connection_unless_something_comes_of_them() {
        let mut watched = watched();
        let some = frame(2, 0, &[0; 5]).repeat(MAX_COST / 2);
        for _ in 0..10 {
            watched.look(&some).unwrap();
            watched.wire.progressed();
        }
        for _ in 0..10 {
            watched.look(&some).unwrap();
            watched.wrote(&Poll::Ready(Ok(MAX_COST / 2 * BYTES_PER_CREDIT)));
        }
        watched.look(&some).unwrap();
        watched.look(&some).unwrap();
        assert_eq!(watched.look(&some).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_slow_trickle_may_go_on() {
        let mut watched = watched();
        watched.since = Instant::now().checked_sub(HARMLESS).unwrap();
        let all = frame(6, 0, &[0; 8]).repeat(MAX_COST + 1);
        watched.look(&all).unwrap();
        assert!(watched.look(&all).is_err());
    }

    #[test]
    fn the_last_stream_that_is_processed() {
        let mut watched = watched();
        assert!(!watched.wire.is_unprocessed(u32::MAX >> 1));
        let all = [frame(GO_AWAY, 0, &[0x7f, 255, 255, 255, 0, 0, 0, 0]), frame(GO_AWAY, 0, &[0, 0, 0, 3, 0, 0, 0, 0])];
        all.concat().chunks(5).for_each(|piece| watched.look(piece).unwrap());
        assert!(watched.wire.is_unprocessed(5) && !watched.wire.is_unprocessed(3));
        assert!(watched.wire.going_away.load(Ordering::Relaxed));
    }
}
