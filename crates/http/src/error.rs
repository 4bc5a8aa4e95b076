//! Errors: the kind, the phase, the request, and the cause in words.
//!
//! An error gets its kind where it occurs, from the type of its cause and never from the text of a message. It becomes a
//! Python exception in one place, by [`ErrorKind::class_name`].

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use super::error_kind::{ErrorKind, Phase};
use super::redact::{redact_message, redact_url};
use super::request::Request;
use super::response::Response;

/// The error of one attempt, not yet tied to a request.
#[derive(Debug)]
pub struct AttemptError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Where.
    pub phase: Phase,
    /// The cause in words, without the URL.
    pub message: Cow<'static, str>,
    /// For [`ErrorKind::HttpStatus`] and, if one was received, [`ErrorKind::TooManyRedirects`].
    pub response: Option<Box<Response>>,
    /// For [`ErrorKind::Save`]: the operating system's error number.
    pub os_error: Option<i32>,
    /// The server has said that it did not process the request (RFC 9113, 8.7).
    pub unprocessed: bool,
    /// The server answers this request over HTTP/1.1 only (RFC 9113, 7: HTTP_1_1_REQUIRED).
    pub http1_required: bool,
}

impl AttemptError {
    /// An error without a response. The message may quote a peer or a library: its length is bounded and secrets in its
    /// URLs are cut.
    pub fn new(kind: ErrorKind, phase: Phase, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            phase,
            message: redact_message(message.into()),
            response: None,
            os_error: None,
            unprocessed: false,
            http1_required: false,
        }
    }
}

/// The final error of a request.
#[derive(Clone, Debug)]
pub struct FetchError(Arc<Details>);

/// The fields of a [`FetchError`].
#[allow(missing_docs, reason = "those of AttemptError, or named after their content")]
#[derive(Debug)]
pub struct Details {
    pub kind: ErrorKind,
    pub phase: Phase,
    pub message: Cow<'static, str>,
    /// The request; `None` for input that never became one.
    pub request: Option<Arc<Request>>,
    pub index: usize,
    pub attempts: u32,
    /// Time since the request was first queued for a permit.
    pub elapsed: Duration,
    pub response: Option<Box<Response>>,
    pub os_error: Option<i32>,
}

/// Bytes of the body that the message of an `HTTPStatusError` quotes.
const QUOTED_BODY: usize = 200;

impl FetchError {
    /// Ties the error of an attempt to its request.
    pub fn new(
        error: AttemptError,
        request: Option<Arc<Request>>,
        index: usize,
        attempts: u32,
        elapsed: Duration,
    ) -> Self {
        let AttemptError { kind, phase, message, response, os_error, .. } = error;
        Self(Arc::new(Details { kind, phase, message, request, index, attempts, elapsed, response, os_error }))
    }

    /// The error of `raise_for_status`; its message quotes the start of the body.
    pub fn of_status(response: Response) -> Self {
        let status = response.status;
        let reason = status.canonical_reason().unwrap_or("unknown status");
        let start = response.body.get(..QUOTED_BODY).unwrap_or(&response.body);
        let message = match String::from_utf8_lossy(start).trim() {
            "" => format!("{} {reason}", status.as_u16()),
            text => format!("{} {reason}: {text}", status.as_u16()),
        };
        let (request, index, attempts, elapsed) =
            (response.request.clone(), response.index, response.attempts, response.elapsed);
        let mut error = AttemptError::new(ErrorKind::HttpStatus, Phase::Body, message);
        error.response = Some(Box::new(response));
        Self::new(error, Some(request), index, attempts, elapsed)
    }

    /// All fields.
    pub fn details(&self) -> &Details {
        &self.0
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for FetchError {
    /// `GET http://host/path: no answer within 5 s (phase: headers, attempt 3)`, without secrets.
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
