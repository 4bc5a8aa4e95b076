//! Failures of connections, classified by the types in the chain of causes and never by message texts.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use crate::error::{AttemptError, ErrorKind, Phase};
use crate::memory::OutOfMemory;

type Cause = dyn StdError + 'static;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// No connection within the limit.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} s", .0.as_secs_f64())]
pub(crate) struct ConnectTimedOut(pub(crate) Duration);

/// A host name that has no address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unresolved(#[source] pub(crate) io::Error);

#[derive(Default)]
struct Causes<'a> {
    dns: bool,
    io: Option<&'a io::Error>,
    tls: bool,
    connect_timeout: Option<Duration>,
}

fn causes(error: &Cause) -> Causes<'_> {
    let mut found = Causes::default();
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(timeout) = cause.downcast_ref::<ConnectTimedOut>() {
            found.connect_timeout = Some(timeout.0);
        } else if cause.is::<Unresolved>() || cause.downcast_ref().is_some_and(reqwest::Error::is_dns) {
            found.dns = true;
        } else if cause.is::<rustls::Error>() {
            found.tls = true;
        } else if let Some(io) = cause.downcast_ref::<io::Error>() {
            found.io = Some(io);
        }
        next = inner(cause);
    }
    found
}

/// The next cause. `io::Error::source` skips the error that it wraps.
fn inner(cause: &Cause) -> Option<&Cause> {
    match cause.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|wrapped| wrapped as &Cause),
        None => cause.source(),
    }
}

/// The message of the innermost cause; the outer ones say "error sending request" and the like.
pub(crate) fn innermost(error: &Cause) -> String {
    let mut cause = error;
    while let Some(inner) = inner(cause) {
        cause = inner;
    }
    cause.to_string()
}

/// The error number of the operating system, if the chain has one.
#[allow(clippy::borrowed_box, reason = "the error type of the connectors, as a function of one argument")]
pub(crate) fn os_error(error: &BoxError) -> Option<i32> {
    causes(error.as_ref()).io.and_then(io::Error::raw_os_error)
}

pub(crate) fn connect_failure(error: &Cause, proxied: bool) -> AttemptError {
    let found = causes(error);
    if let Some(limit) = found.connect_timeout {
        return AttemptError::new(ErrorKind::ConnectTimeout, Phase::Connect, ConnectTimedOut(limit).to_string());
    }
    let (kind, what) = if found.tls {
        (ErrorKind::Tls, "TLS handshake failed")
    } else if proxied {
        (ErrorKind::Proxy, "could not connect through the proxy")
    } else if found.dns {
        (ErrorKind::Dns, "could not resolve the host name")
    } else {
        (ErrorKind::Connect, "could not connect")
    };
    AttemptError::new(kind, Phase::Connect, format!("{what}: {}", innermost(error)))
}

pub(crate) fn exchange_failure(error: &Cause, phase: Phase) -> AttemptError {
    let (kind, what) = match causes(error).io.map(io::Error::kind) {
        Some(io::ErrorKind::UnexpectedEof) => match phase {
            Phase::Body => (ErrorKind::IncompleteBody, "the connection closed in the middle of the body"),
            _ => (ErrorKind::Read, "the connection closed before a response came"),
        },
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            (ErrorKind::Protocol, "the server broke the protocol")
        }
        Some(io::ErrorKind::OutOfMemory) => return AttemptError { phase, ..OutOfMemory.into() },
        Some(io::ErrorKind::BrokenPipe) => (ErrorKind::Write, "the connection closed while sending"),
        Some(_) => (ErrorKind::Read, "the connection broke"),
        None => (ErrorKind::Protocol, "the exchange failed"),
    };
    AttemptError::new(kind, phase, format!("{what}: {}", innermost(error)))
}
