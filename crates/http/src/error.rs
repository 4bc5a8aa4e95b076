//! One error type: what went wrong, in which phase, for which request.
//!
//! Kinds are decided where the failure is seen (by type, never by message text) and mapped to Python once, by name.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::redact::{redact_message, redact_url};
use super::request::Request;
use super::response::Response;

/// What went wrong; each kind is one Python exception class ([`ErrorKind::class_name`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is documented at the Python class of the same name")]
pub enum ErrorKind {
    InvalidUrl,
    ConnectTimeout,
    ReadTimeout,
    PoolTimeout,
    TotalTimeout,
    DeadlineExceeded,
    Connect,
    Dns,
    Tls,
    Proxy,
    Read,
    Write,
    Protocol,
    TooManyRedirects,
    BodyTooLarge,
    IncompleteBody,
    Decoding,
    HttpStatus,
    /// There is no memory for a body: a plain `FetchError` whose cause is a `MemoryError`.
    Memory,
    /// A body could not be written to its file: a plain `FetchError` whose cause is the `OSError`.
    Save,
    Internal,
}

impl ErrorKind {
    /// The Python class in `shoal.exceptions`.
    pub fn class_name(self) -> &'static str {
        match self {
            Self::InvalidUrl => "InvalidURL",
            Self::ConnectTimeout => "ConnectTimeout",
            Self::ReadTimeout => "ReadTimeout",
            Self::PoolTimeout => "PoolTimeout",
            Self::TotalTimeout => "TotalTimeout",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::Connect => "ConnectError",
            Self::Dns => "DNSError",
            Self::Tls => "TLSError",
            Self::Proxy => "ProxyError",
            Self::Read => "ReadError",
            Self::Write => "WriteError",
            Self::Protocol => "ProtocolError",
            Self::TooManyRedirects => "TooManyRedirects",
            Self::BodyTooLarge => "BodyTooLarge",
            Self::IncompleteBody => "IncompleteBody",
            Self::Decoding => "DecodingError",
            Self::HttpStatus => "HTTPStatusError",
            Self::Memory | Self::Save => "FetchError",
            Self::Internal => "InternalError",
        }
    }

    /// The request cannot have reached the server's application, so any method may be sent again.
    pub fn before_request(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::Connect | Self::Dns | Self::Proxy)
    }

    /// Worth another attempt when the method is idempotent.
    pub fn transient(self) -> bool {
        self.before_request()
            || matches!(
                self,
                Self::ReadTimeout
                    | Self::TotalTimeout
                    | Self::Read
                    | Self::Write
                    | Self::Protocol
                    | Self::IncompleteBody
            )
    }
}

/// Where an attempt was when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waiting for its turn, or for another attempt.
    Queue,
    /// Name resolution, TCP, TLS.
    Connect,
    /// Sending the request and waiting for the head of the response.
    Headers,
    /// Reading the body.
    Body,
    /// Writing the body to its file.
    Save,
}

impl Phase {
    /// The name Python shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Connect => "connect",
            Self::Headers => "headers",
            Self::Body => "body",
            Self::Save => "save",
        }
    }
}

/// A failure of one exchange, before it is known to which attempt of which request it belongs.
#[derive(Debug)]
pub struct AttemptError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Where.
    pub phase: Phase,
    /// The cause in words, without the URL.
    pub message: Cow<'static, str>,
    /// For [`ErrorKind::HttpStatus`] and, where one was received, [`ErrorKind::TooManyRedirects`].
    pub response: Option<Box<Response>>,
    /// For [`ErrorKind::Save`]: the operating system's error number.
    pub os_error: Option<i32>,
    /// The server vouches that it did not process the request (RFC 9113, 8.7).
    pub unprocessed: bool,
}

impl AttemptError {
    /// A failure without a response. What a peer or a library wrote into the message is bounded, and its URLs lose their
    /// secrets.
    pub fn new(kind: ErrorKind, phase: Phase, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            phase,
            message: redact_message(message.into()),
            response: None,
            os_error: None,
            unprocessed: false,
        }
    }
}

/// Bytes of the body in the message of an `HTTPStatusError`.
const QUOTED_BODY: usize = 200;

/// A request that failed for good.
#[derive(Clone, Debug)]
pub struct FetchError(Arc<Details>);

/// What a [`FetchError`] knows.
#[derive(Debug)]
pub struct Details {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Where the last attempt was.
    pub phase: Phase,
    /// The cause in words.
    pub message: Cow<'static, str>,
    /// What was asked for; `None` for input that never became a request.
    pub request: Option<Arc<Request>>,
    /// The place in the batch.
    pub index: usize,
    /// How many attempts were made.
    pub attempts: u32,
    /// Time since the request's first turn.
    pub elapsed: Duration,
    /// The response, where one was received.
    pub response: Option<Box<Response>>,
    /// The operating system's error number.
    pub os_error: Option<i32>,
}

impl FetchError {
    /// Ties a failure to its request.
    pub fn new(
        failure: AttemptError,
        request: Option<Arc<Request>>,
        index: usize,
        attempts: u32,
        elapsed: Duration,
    ) -> Self {
        let AttemptError { kind, phase, message, response, os_error, unprocessed: _ } = failure;
        Self(Arc::new(Details { kind, phase, message, request, index, attempts, elapsed, response, os_error }))
    }

    /// The error of `raise_for_status`, with the start of the body in its message.
    pub fn of_status(response: Response) -> Self {
        let status = response.status;
        let reason = status.canonical_reason().unwrap_or("unknown status");
        let start = response.body.get(..QUOTED_BODY).unwrap_or(&response.body);
        let quoted = String::from_utf8_lossy(start);
        let message = match quoted.trim() {
            "" => format!("{} {reason}", status.as_u16()),
            text => format!("{} {reason}: {text}", status.as_u16()),
        };
        let (request, index, attempts, elapsed) =
            (response.request.clone(), response.index, response.attempts, response.elapsed);
        let mut error = AttemptError::new(ErrorKind::HttpStatus, Phase::Body, message);
        error.response = Some(Box::new(response));
        Self::new(error, Some(request), index, attempts, elapsed)
    }

    /// What is known.
    pub fn details(&self) -> &Details {
        &self.0
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for FetchError {
    /// `GET http://host/path: no answer within 5 s (phase: headers, attempt 3)`, secrets cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &*self.0;
        if let Some(request) = &details.request {
            write!(f, "{} {}: ", request.method, redact_url(&request.url))?;
        }
        write!(f, "{} (phase: {}", details.message, details.phase.as_str())?;
        if details.attempts > 0 {
            write!(f, ", attempt {}", details.attempts)?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for FetchError {}
