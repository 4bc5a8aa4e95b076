//! One request on a stream of an HTTP/2 connection, and the body of its response.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, Uri};
use http::{HeaderMap, HeaderValue, Request, Version};
use url::{Position, Url};

use super::connection::Connection;
use super::watch::Wire;
use crate::error::{AttemptError, ErrorKind, Phase};
use crate::transport::classify::exchange_failure;
use crate::transport::interface::{Body, Head, Outgoing, reserve};

/// Headers of the HTTP/1 connection, which HTTP/2 does not carry (RFC 9113, 8.2.2).
const HOP_BY_HOP: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Stream ids end at 2³¹. From this one on, new requests get a new connection.
const LAST_STREAM: u32 = (1 << 31) - 10_000;

/// Bytes after which a read of a body returns.
const READ: usize = 64 << 10;

/// The most bytes of a request body that are queued in `h2` at once; its sizes have 32 bits.
const PIECE: usize = 1 << 20;

impl Connection {
    /// Sends a request on a new stream, and waits for the head of the response.
    pub(crate) async fn exchange(&self, outgoing: &Outgoing<'_>) -> Result<(Head, Incoming), AttemptError> {
        let (request, body) = request(outgoing)?;
        let gone = || unprocessed(ErrorKind::Read, "the connection closed before the request was sent");
        let mut sender = self.sender().ok_or_else(gone)?.ready().await.map_err(|_| gone())?;
        let open = Open::new(self.wire.clone());
        let sent = sender.send_request(request, body.is_empty());
        let (mut response, stream) = sent.map_err(|error| match error.is_io() || error.is_go_away() {
            true => gone(),
            false => AttemptError::new(
                ErrorKind::Protocol,
                Phase::Headers,
                format!("HTTP/2 can't carry the request: {error}"),
            ),
        })?;
        drop(sender);
        let number = response.stream_id().as_u32();
        if number >= LAST_STREAM {
            self.wire.going_away.store(true, Ordering::Relaxed);
        }
        let mut upload = Upload { stream, left: body, cut: false };
        let response = poll_fn(|context| {
            upload.poll(context);
            Pin::new(&mut response).poll(context)
        });
        let response = response.await.map_err(|error| {
            let http1_required = error.is_remote() && error.reason() == Some(Reason::HTTP_1_1_REQUIRED);
            AttemptError { http1_required, ..stream_failure(&error, number, &self.wire, Phase::Headers) }
        })?;
        self.wire.progressed();
        let (mut parts, stream) = response.into_parts();
        detach_values(&mut parts.headers);
        // h2 refuses a body of another length.
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let head = Head { status: parts.status, version: Version::HTTP_2, headers: parts.headers, length };
        Ok((head, Incoming { stream, upload, number, length, received: 0, open }))
    }
}

/// The head of `outgoing`, and its body.
fn request(outgoing: &Outgoing<'_>) -> Result<(Request<()>, Bytes), AttemptError> {
    let Outgoing { method, url, headers, body } = outgoing;
    let (mut headers, body) = (HeaderMap::clone(headers), body.clone().unwrap_or_default());
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    if headers.get(TE).is_some_and(|te| te != "trailers") {
        headers.remove(TE);
    }
    if !body.is_empty() || headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let host = headers.remove(HOST);
    let mut request = Request::new(());
    *request.uri_mut() = uri(url, host.as_ref()).map_err(|error| {
        AttemptError::new(ErrorKind::InvalidUrl, Phase::Headers, format!("HTTP/2 can't carry the URL: {error}"))
    })?;
    *request.method_mut() = method.clone();
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    Ok((request, body))
}

/// Scheme, authority and path of `url`. A `Host` header of the caller replaces the authority.
fn uri(url: &Url, host: Option<&HeaderValue>) -> Result<Uri, http::Error> {
    let authority = match host {
        Some(host) => Authority::try_from(host.as_bytes())?,
        None => Authority::try_from(&url[Position::BeforeHost..Position::AfterPort])?,
    };
    let path = &url[Position::BeforePath..Position::AfterQuery];
    Uri::builder().scheme(url.scheme()).authority(authority).path_and_query(path).build()
}

/// Copies the values out of the connection's read buffer: as slices, they would keep all of it alive with the response.
fn detach_values(headers: &mut HeaderMap) {
    let mut all = Vec::with_capacity(headers.values().map(HeaderValue::len).sum());
    headers.values().for_each(|value| all.extend_from_slice(value.as_bytes()));
    let mut all = Bytes::from(all);
    for value in headers.values_mut() {
        // Never fails: it was a value before.
        if let Ok(own) = HeaderValue::from_maybe_shared(all.split_to(value.len())) {
            *value = own;
        }
    }
}

/// Counts a stream whose response is awaited.
struct Open {
    wire: Arc<Wire>,
    complete: bool,
}

impl Open {
    fn new(wire: Arc<Wire>) -> Self {
        wire.open.fetch_add(1, Ordering::Relaxed);
        Self { wire, complete: false }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.wire.ends();
        let was_last = self.wire.open.fetch_sub(1, Ordering::Relaxed) == 1;
        // The peer does not read: the driver would keep the request body that is queued for it.
        if was_last && !self.complete && self.wire.blocked.load(Ordering::Relaxed) {
            self.wire.abandon();
        }
    }
}

/// The body of a request, sent as the peer grants window.
struct Upload {
    stream: SendStream<Bytes>,
    left: Bytes,
    /// The peer refused the rest.
    cut: bool,
}

impl Upload {
    /// Sends as much as the window allows. After a failure there may still be a response, so it is no error here.
    fn poll(&mut self, context: &mut Context<'_>) {
        while !self.left.is_empty() {
            self.stream.reserve_capacity(self.left.len().min(PIECE));
            if self.stream.capacity() == 0 {
                match self.stream.poll_capacity(context) {
                    Poll::Pending => return,
                    Poll::Ready(Some(Ok(_))) => continue,
                    Poll::Ready(_) => return self.cut(),
                }
            }
            let piece = self.left.split_to(self.left.len().min(self.stream.capacity()));
            let ends = self.left.is_empty();
            if self.stream.send_data(piece, ends).is_err() {
                return self.cut();
            }
        }
    }

    fn cut(&mut self) {
        self.left = Bytes::new();
        self.cut = true;
    }
}

/// The body of a response.
pub struct Incoming {
    stream: RecvStream,
    /// Still sent while the response arrives: a server may answer a body piece by piece.
    upload: Upload,
    number: u32,
    length: Option<u64>,
    received: u64,
    /// The last field: dropped when the stream has been reset.
    open: Open,
}

impl Incoming {
    fn poll_read(&mut self, context: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<Result<usize, AttemptError>> {
        self.upload.poll(context);
        let mut count = 0;
        while count < READ {
            match self.stream.poll_data(context) {
                Poll::Pending if count == 0 => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(Some(Ok(data))) => {
                    // A slice of the connection's read buffer would keep 16 KB or more alive for a body of 100 bytes.
                    if into.capacity() == 0 {
                        into.reserve_exact(reserve(self.length).max(data.len()));
                    }
                    into.extend_from_slice(&data);
                    count += data.len();
                    // Fails for a stream that has ended and needs no window.
                    let _ = self.stream.flow_control().release_capacity(data.len());
                }
                Poll::Ready(None) => {
                    self.open.complete = self.upload.left.is_empty();
                    break;
                }
                // The bytes before the failure are returned first.
                Poll::Ready(Some(Err(error))) if count == 0 => return Poll::Ready(self.ended_by(&error)),
                Poll::Ready(Some(Err(_))) => break,
            }
        }
        if count > 0 {
            self.received += count as u64;
            self.open.wire.progressed();
        }
        Poll::Ready(Ok(count))
    }

    /// A server that has answered may stop an upload it does not need by resetting the stream with NO_ERROR: then the
    /// response is complete (RFC 9113, 8.1).
    fn ended_by(&self, error: &h2::Error) -> Result<usize, AttemptError> {
        let stopped = error.is_reset() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
        match self.length {
            Some(length) if stopped && self.received == length => Ok(0),
            None if stopped && (self.upload.cut || !self.upload.left.is_empty()) => Ok(0),
            _ => Err(stream_failure(error, self.number, &self.open.wire, Phase::Body)),
        }
    }
}

impl Body for Incoming {
    async fn read(&mut self, into: &mut Vec<u8>) -> Result<usize, AttemptError> {
        poll_fn(|context| self.poll_read(context, into)).await
    }
}

fn unprocessed(kind: ErrorKind, message: &'static str) -> AttemptError {
    AttemptError { unprocessed: true, ..AttemptError::new(kind, Phase::Headers, message) }
}

fn stream_failure(error: &h2::Error, number: u32, wire: &Wire, phase: Phase) -> AttemptError {
    if error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM) {
        return unprocessed(
            ErrorKind::Protocol,
            "the server refused the request, and did not process it (REFUSED_STREAM)",
        );
    }
    if wire.is_unprocessed(number) {
        return unprocessed(
            ErrorKind::Read,
            "the server closed the connection, and did not process the request (GOAWAY)",
        );
    }
    failure(error, phase)
}

/// The failure of a connection or a stream, by its cause.
pub(super) fn failure(error: &h2::Error, phase: Phase) -> AttemptError {
    let closed = || exchange_failure(&io::Error::from(io::ErrorKind::UnexpectedEof), phase);
    match error.get_io() {
        // h2 reports an end of the connection without GOAWAY like this.
        Some(io) if io.kind() == io::ErrorKind::BrokenPipe => closed(),
        Some(io) => exchange_failure(io, phase),
        None if error.is_remote() && error.reason() == Some(Reason::NO_ERROR) => closed(),
        None if error.is_remote() => {
            AttemptError::new(ErrorKind::Protocol, phase, format!("the server gave up the request: {error}"))
        }
        None => AttemptError::new(ErrorKind::Protocol, phase, format!("the server broke the protocol: {error}")),
    }
}
