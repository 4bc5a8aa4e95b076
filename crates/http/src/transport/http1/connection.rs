//! A connection: one request at a time, and its response.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::mem::take;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;

use super::lenient::malformed;
use super::response::{Framing, Parsed, parse, without_empty_lines};
use super::stream::Stream;
use crate::descriptors::Counted;
use crate::memory::{extend, reserve_exact};
use crate::prefault::make_room;
use crate::transport::interface::{Head, RESERVE, reserve};

/// Reads of one poll before a response head is complete; then other tasks run. 256 KiB of the shortest interim heads
/// (1xx) take 4 ms to parse.
const READS_PER_POLL: usize = 4;

/// The most interim heads before a response. Servers send one or two.
const MAX_INTERIM: usize = 1000;

/// glibc maps allocations larger than 32 MiB, and grows them without a copy.
const MAPPED: usize = 64 << 20;

/// A request body of at most this size is written together with its head.
const SMALL_BODY: usize = 16 << 10;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer with room for `SIZE` bytes, which all connections of a thread share. It is given back within the same
/// poll, so one per thread is enough; a buffer per connection would be 64 KiB each.
struct Scratch(Vec<u8>);

impl Scratch {
    /// Bytes received at once of heads and of bodies of unknown length. A hundred small responses fit.
    const SIZE: usize = 64 << 10;

    fn acquire() -> Self {
        let mut buffer = BUFFER.take();
        buffer.reserve_exact(Self::SIZE);
        Self(buffer)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.0.clear();
        BUFFER.set(take(&mut self.0));
    }
}

pub struct Connection {
    stream: Stream,
    /// Scheme, host and port, or the key of a proxied connection.
    pub(super) origin: Arc<str>,
    /// The head of the request, reused for each.
    request: Vec<u8>,
    /// The received part of an incomplete response head.
    partial: Vec<u8>,
    /// Interim heads (1xx) since the request was sent.
    interim: usize,
    reusable: bool,
    responses: u32,
    /// An error in the part of the body that came with the head, reported when the body is read.
    body_error: Option<io::Error>,
    /// Counts the file descriptor.
    _permit: Counted,
}

/// The head of a response, with the part of the body that came with it.
pub(crate) struct Received {
    pub(crate) head: Head,
    /// The framing of the rest of the body.
    pub(crate) framing: Framing,
    /// The beginning of the body, decoded from its framing.
    pub(crate) first: Vec<u8>,
}

/// A head, or the received part of an incomplete one.
type Search<'a> = Result<Received, &'a [u8]>;

struct Upload {
    head_sent: usize,
    body: Bytes,
    flushed: bool,
    error: Option<io::Error>,
}

impl Connection {
    /// A connection without requests so far.
    pub(crate) fn new(stream: Stream, origin: &str, permit: Counted) -> Self {
        Self {
            stream,
            origin: origin.into(),
            request: Vec::new(),
            partial: Vec::new(),
            interim: 0,
            reusable: true,
            responses: 0,
            body_error: None,
            _permit: permit,
        }
    }

    /// The buffer for the head of the next request, cleared.
    pub(crate) fn request(&mut self) -> &mut Vec<u8> {
        self.request.clear();
        self.interim = 0;
        &mut self.request
    }

    /// Sends the request, and waits for the head of its response. `to_head`: the request is HEAD.
    pub(crate) async fn exchange(&mut self, body: Option<Bytes>, to_head: bool) -> io::Result<Received> {
        let mut body = body.unwrap_or_default();
        if body.len() <= SMALL_BODY {
            self.request.extend_from_slice(&body);
            body.clear();
        }
        let mut upload = Upload { head_sent: 0, body, flushed: false, error: None };
        let received = poll_fn(|context| {
            upload.poll(&mut self.stream, &self.request, context);
            self.poll_head(context, to_head)
        });
        let received = received.await;
        self.reusable &= upload.is_done();
        let is_first = self.responses == 0;
        self.responses = self.responses.saturating_add(1);
        match (received, upload.error) {
            // A server that refuses an upload may close before it has read all. On a new connection the write error tells
            // that; on a kept one, the server may just have closed it.
            (Err(_), Some(error)) if is_first => Err(error),
            (received, _) => received,
        }
    }

    fn poll_head(&mut self, context: &mut Context<'_>, to_head: bool) -> Poll<io::Result<Received>> {
        for _ in 0..READS_PER_POLL {
            let mut scratch = Scratch::acquire();
            if ready!(self.stream.poll_read(context, &mut scratch.0, Scratch::SIZE))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let seen = self.partial.len();
            if seen == 0 {
                match self.find_head(&scratch.0, 0, to_head)? {
                    Ok(received) => return Poll::Ready(Ok(received)),
                    Err(rest) => extend(&mut self.partial, rest)?,
                }
            } else {
                let mut partial = take(&mut self.partial);
                extend(&mut partial, &scratch.0)?;
                match self.find_head(&partial, seen, to_head)? {
                    Ok(received) => return Poll::Ready(Ok(received)),
                    Err(rest) => {
                        let done = partial.len() - rest.len();
                        partial.drain(..done);
                        self.partial = partial;
                    }
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// The response in `input`, whose first `seen` bytes were parsed before.
    fn find_head<'a>(&mut self, mut input: &'a [u8], mut seen: usize, to_head: bool) -> io::Result<Search<'a>> {
        while let Some(Parsed { head, mut framing, size, reusable }) = parse(input, seen, to_head)? {
            let rest = input.get(size..).unwrap_or_default();
            if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
                self.interim += 1;
                if self.interim > MAX_INTERIM {
                    return Err(malformed("too many interim responses"));
                }
                (input, seen) = (rest, 0);
                continue;
            }
            let mut first = Vec::new();
            let body_bytes = match &mut framing {
                Framing::Ended => 0,
                Framing::Close => {
                    extend(&mut first, rest)?;
                    rest.len()
                }
                Framing::Chunked(decoder) => decoder.feed(rest, &mut first).unwrap_or_else(|error| {
                    self.body_error = Some(error);
                    0
                }),
                Framing::Length(left) => {
                    let (body, _) = rest.split_at(rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX)));
                    reserve_exact(&mut first, reserve(Some(*left)))?;
                    extend(&mut first, body)?;
                    *left -= body.len() as u64;
                    body.len()
                }
            };
            // Bytes after the end of a response answer nothing that was sent.
            self.reusable = reusable && body_bytes == rest.len();
            return Ok(Ok(Received { head, framing, first }));
        }
        Ok(Err(without_empty_lines(input)))
    }

    /// Appends received bytes of the body to `into`. Returns how many; 0 at the end of the body.
    pub(crate) async fn read_body(&mut self, framing: &mut Framing, into: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|context| self.poll_body(context, framing, into)).await
    }

    fn poll_body(
        &mut self,
        context: &mut Context<'_>,
        framing: &mut Framing,
        into: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.body_error.take() {
            return Poll::Ready(Err(error));
        }
        match framing {
            Framing::Ended | Framing::Length(0) => Poll::Ready(Ok(0)),
            // Received into the final buffer, which grows to `RESERVE` bytes, then to `MAPPED`, then doubles. Pages that
            // are not filled take no memory.
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
                let mut scratch = Scratch::acquire();
                let count = ready!(self.stream.poll_read(context, &mut scratch.0, Scratch::SIZE))?;
                extend(into, &scratch.0)?;
                if count == 0 {
                    *framing = Framing::Ended;
                    self.reusable = false;
                }
                Poll::Ready(Ok(count))
            }
            Framing::Chunked(decoder) => {
                let before = into.len();
                while into.len() == before && !decoder.is_done() {
                    let mut scratch = Scratch::acquire();
                    if ready!(self.stream.poll_read(context, &mut scratch.0, Scratch::SIZE))? == 0 {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                    self.reusable &= decoder.feed(&scratch.0, into)? == scratch.0.len();
                }
                Poll::Ready(Ok(into.len() - before))
            }
        }
    }

    /// Whether reqwest made it.
    pub(crate) fn is_by_reqwest(&self) -> bool {
        matches!(self.stream, Stream::Reqwest(_))
    }

    /// Whether it ends at a proxy that takes requests for any server.
    pub(super) fn is_proxied(&self) -> bool {
        matches!(&self.stream, Stream::Reqwest(connected) if connected.proxied)
    }

    /// Whether another request may follow.
    pub(crate) fn is_reusable(&self) -> bool {
        self.reusable
    }

    /// Whether it has carried one request only.
    pub(super) fn is_new(&self) -> bool {
        self.responses <= 1
    }

    /// Whether it is open and nothing was received since the last response; see [`Stream::is_quiet`].
    pub(super) fn is_quiet(&mut self, ask_system: bool) -> bool {
        self.stream.is_quiet(ask_system)
    }

    /// Announces the end of the connection, before it is dropped.
    pub(super) fn shut_down(&mut self) {
        self.stream.shut_down();
    }
}

impl Upload {
    fn is_done(&self) -> bool {
        self.flushed && self.error.is_none()
    }

    /// Writes as much as the stream takes. After a failure there may still be a response, so it is only noted.
    fn poll(&mut self, stream: &mut Stream, head: &[u8], context: &mut Context<'_>) {
        while self.error.is_none() && !self.flushed {
            let of_head = head.get(self.head_sent..).unwrap_or_default();
            let bytes = if of_head.is_empty() { &self.body[..] } else { of_head };
            let done = bytes.is_empty();
            let polled =
                if done { stream.poll_flush(context).map_ok(|()| 0) } else { stream.poll_write(context, bytes) };
            match polled {
                Poll::Pending => return,
                Poll::Ready(Err(error)) => self.error = Some(error),
                Poll::Ready(Ok(_)) if done => self.flushed = true,
                Poll::Ready(Ok(0)) => self.error = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) if of_head.is_empty() => drop(self.body.split_to(count.min(self.body.len()))),
                Poll::Ready(Ok(count)) => self.head_sent += count,
            }
        }
    }
}
