//! A connection: one request at a time, and the answer to it.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;

use super::head::{Framing, Parsed, broken, parse, without_empty_lines};
use super::stream::Stream;
use crate::descriptors::Counted;
use crate::memory::{extend, reserve_exact};
use crate::pages::make_room;
use crate::transport::{Head, RESERVE, reserve};

/// What is read at once of heads and of bodies of unknown length. A hundred small answers fit, so one is one call.
const READ: usize = 64 << 10;

/// Reads of one poll, while there is no answer; then others get their turn. 256 KiB of the shortest interim heads (1xx)
/// take 4 ms.
const READS: usize = 4;

/// The most interim heads before an answer. Servers send one or two.
const MAX_INTERIM: usize = 1000;

/// glibc maps what is larger than 32 MiB, and lets it grow without a copy.
const MAPPED: usize = 64 << 20;

/// A body of at most this size is written together with its head.
const SMALL: usize = 16 << 10;

/// A connection to an origin.
pub struct Connection {
    stream: Stream,
    /// Scheme, host and port.
    pub origin: Arc<str>,
    /// The head of the request.
    request: Vec<u8>,
    /// The beginning of a head of which not all has come.
    begun: Vec<u8>,
    /// Interim heads (1xx) since the request.
    interim: usize,
    /// Another request may follow.
    keep: bool,
    /// It has carried a response before.
    used: bool,
    /// What is wrong with the body, behind what came with the head.
    broken: Option<io::Error>,
    /// Its share of the descriptors.
    _open: Counted,
}

/// The head of a response, with what came of its body.
pub struct Answer {
    /// Status, version, headers.
    pub head: Head,
    /// What is still to come.
    pub framing: Framing,
    /// The beginning of the body.
    pub first: Vec<u8>,
}

/// What a read gave.
enum Seen<'a> {
    /// A whole head, and the beginning of its body.
    All(Answer),
    /// The beginning of a head.
    Part(&'a [u8]),
}

/// What is sent, and how far that has got.
struct Sending {
    head_at: usize,
    body: Bytes,
    flushed: bool,
    failed: Option<io::Error>,
}

impl Connection {
    /// Fresh.
    pub fn new(stream: Stream, origin: &str, open: Counted) -> Self {
        Self {
            stream,
            origin: origin.into(),
            request: Vec::new(),
            begun: Vec::new(),
            interim: 0,
            keep: true,
            used: false,
            broken: None,
            _open: open,
        }
    }

    /// Where the head of the next request goes.
    pub fn request(&mut self) -> &mut Vec<u8> {
        self.request.clear();
        self.interim = 0;
        &mut self.request
    }

    /// Sends the request, and waits for the head of its response.
    pub async fn exchange(&mut self, body: Option<Bytes>, to_head: bool) -> io::Result<Answer> {
        let mut body = body.unwrap_or_default();
        if body.len() <= SMALL {
            self.request.extend_from_slice(&body);
            body.clear();
        }
        let mut sending = Sending { head_at: 0, body, flushed: false, failed: None };
        let answer = poll_fn(|context| {
            sending.poll(&mut self.stream, &self.request, context);
            self.poll_answer(context, to_head)
        });
        let answer = answer.await;
        self.keep &= sending.is_done();
        let first_time = !std::mem::replace(&mut self.used, true);
        match (answer, sending.failed) {
            // A server that refuses an upload may close before it has read all: that is the better word, unless the
            // connection was an old one, which may just have come to its end.
            (Err(_), Some(failed)) if first_time => Err(failed),
            (answer, _) => answer,
        }
    }

    fn poll_answer(&mut self, context: &mut Context<'_>, to_head: bool) -> Poll<io::Result<Answer>> {
        for _ in 0..READS {
            let mut scratch = Scratch::take();
            if ready!(self.stream.poll_read(context, &mut scratch, READ))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let seen = self.begun.len();
            if seen == 0 {
                match self.answer(&scratch, 0, to_head)? {
                    Seen::All(answer) => return Poll::Ready(Ok(answer)),
                    Seen::Part(rest) => extend(&mut self.begun, rest)?,
                }
            } else {
                let mut begun = std::mem::take(&mut self.begun);
                extend(&mut begun, &scratch)?;
                match self.answer(&begun, seen, to_head)? {
                    Seen::All(answer) => return Poll::Ready(Ok(answer)),
                    Seen::Part(rest) => {
                        let done = begun.len() - rest.len();
                        begun.drain(..done);
                        self.begun = begun;
                    }
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// The answer in `input`, of which `seen` bytes were looked at before.
    fn answer<'a>(&mut self, mut input: &'a [u8], mut seen: usize, to_head: bool) -> io::Result<Seen<'a>> {
        while let Some(Parsed { head, mut framing, size, keep }) = parse(input, seen, to_head)? {
            let rest = input.get(size..).unwrap_or_default();
            if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
                self.interim += 1;
                if self.interim > MAX_INTERIM {
                    return Err(broken("too many interim responses"));
                }
                (input, seen) = (rest, 0);
                continue;
            }
            let mut first = Vec::new();
            let of_body = match &mut framing {
                Framing::Ended => 0,
                Framing::Close => {
                    extend(&mut first, rest)?;
                    rest.len()
                }
                Framing::Chunked(frames) => frames.feed(rest, &mut first).unwrap_or_else(|error| {
                    self.broken = Some(error);
                    0
                }),
                Framing::Length(left) => {
                    let (of_body, _) = rest.split_at(rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX)));
                    reserve_exact(&mut first, reserve(Some(*left)))?;
                    extend(&mut first, of_body)?;
                    *left -= of_body.len() as u64;
                    of_body.len()
                }
            };
            // Bytes behind the end of a response belong to nothing that was asked for.
            self.keep = keep && of_body == rest.len();
            return Ok(Seen::All(Answer { head, framing, first }));
        }
        Ok(Seen::Part(without_empty_lines(input)))
    }

    /// Adds what has come of the body to `into`; how many bytes that was, 0 at its end.
    pub async fn read_body(&mut self, framing: &mut Framing, into: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|context| self.poll_body(context, framing, into)).await
    }

    fn poll_body(
        &mut self,
        context: &mut Context<'_>,
        framing: &mut Framing,
        into: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Err(error));
        }
        match framing {
            Framing::Ended => Poll::Ready(Ok(0)),
            Framing::Length(0) => Poll::Ready(Ok(0)),
            // Straight into its place, which follows what has come: `RESERVE` bytes at first, then `MAPPED`, then twice as
            // much each time. Pages that are not filled take no memory.
            Framing::Length(left) => {
                let left_here = usize::try_from(*left).unwrap_or(usize::MAX);
                if into.len() == into.capacity() {
                    let step = if into.len() < RESERVE { RESERVE } else { into.len().max(MAPPED) };
                    reserve_exact(into, left_here.min(step))?;
                }
                // Room is made in steps: 256 faults less for 1 MiB, which takes 0.77 ms instead of 0.92. Pieces for a
                // file, which are less than the rest of it, are read into buffers that have been used before.
                let stays = into.capacity() >= left_here.min(RESERVE);
                let room = if stays { make_room(into, left_here) } else { left_here };
                let count = ready!(self.stream.poll_read(context, into, room))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                *left -= count as u64;
                Poll::Ready(Ok(count))
            }
            Framing::Close => {
                let mut scratch = Scratch::take();
                let count = ready!(self.stream.poll_read(context, &mut scratch, READ))?;
                extend(into, &scratch)?;
                if count == 0 {
                    *framing = Framing::Ended;
                    self.keep = false;
                }
                Poll::Ready(Ok(count))
            }
            Framing::Chunked(frames) => {
                let before = into.len();
                while into.len() == before && !frames.is_done() {
                    let mut scratch = Scratch::take();
                    if ready!(self.stream.poll_read(context, &mut scratch, READ))? == 0 {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                    self.keep &= frames.feed(&scratch, into)? == scratch.len();
                }
                Poll::Ready(Ok(into.len() - before))
            }
        }
    }

    /// Whether reqwest made it.
    pub fn is_made(&self) -> bool {
        matches!(self.stream, Stream::Made(_))
    }

    /// Whether it ends at a proxy that takes requests for any server.
    pub fn is_proxied(&self) -> bool {
        matches!(&self.stream, Stream::Made(made) if made.proxied)
    }

    /// Whether the server lets another request follow.
    pub fn can_be_kept(&self) -> bool {
        self.keep
    }

    /// Whether it still stands, and nothing came that nobody asked for.
    pub fn is_usable(&mut self, certain: bool) -> bool {
        self.stream.is_quiet(certain)
    }

    /// Says goodbye before it is closed.
    pub fn part(&mut self) {
        self.stream.part();
    }
}

impl Sending {
    fn is_done(&self) -> bool {
        self.flushed && self.failed.is_none()
    }

    /// Goes on as far as it gets. A failure is no reason not to look for an answer.
    fn poll(&mut self, stream: &mut Stream, head: &[u8], context: &mut Context<'_>) {
        while self.failed.is_none() && !self.flushed {
            let of_head = head.get(self.head_at..).unwrap_or_default();
            let bytes = if of_head.is_empty() { &self.body[..] } else { of_head };
            let done = bytes.is_empty();
            let polled =
                if done { stream.poll_flush(context).map_ok(|()| 0) } else { stream.poll_write(context, bytes) };
            match polled {
                Poll::Pending => return,
                Poll::Ready(Err(error)) => self.failed = Some(error),
                Poll::Ready(Ok(_)) if done => self.flushed = true,
                Poll::Ready(Ok(0)) => self.failed = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) if of_head.is_empty() => drop(self.body.split_to(count.min(self.body.len()))),
                Poll::Ready(Ok(count)) => self.head_at += count,
            }
        }
    }
}

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer of [`READ`] bytes, the same for all connections of a thread: it is empty again when it is given back,
/// which is before anybody waits. Connections of their own buffers would be 64 KB each.
struct Scratch(Vec<u8>);

impl Scratch {
    fn take() -> Self {
        let mut buffer = SCRATCH.take();
        buffer.reserve_exact(READ);
        Self(buffer)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.0.clear();
        SCRATCH.set(std::mem::take(&mut self.0));
    }
}

impl Deref for Scratch {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}
