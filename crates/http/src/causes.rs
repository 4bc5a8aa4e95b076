//! What went wrong on a connection, told by the types in a chain of causes and never by their words: the same for every
//! lane.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use super::error::{AttemptError, ErrorKind, Phase};
use super::memory::OutOfMemory;

type Cause = dyn StdError + 'static;

/// Whatever went wrong.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What the chain of causes holds, by type.
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
            // `io::Error::source` skips the error it wraps.
            if let Some(wrapped) = io.get_ref() {
                next = Some(wrapped);
                continue;
            }
        }
        next = cause.source();
    }
    found
}

/// The innermost cause in words: the outer ones say "error sending request" and the like.
pub fn deepest(error: &Cause) -> String {
    let mut cause = error;
    loop {
        let inner = match cause.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|wrapped| wrapped as &Cause),
            None => cause.source(),
        };
        match inner {
            Some(inner) => cause = inner,
            None => return cause.to_string(),
        }
    }
}

/// The number of the operating system's error, if it was one.
pub fn os_error(error: &Cause) -> Option<i32> {
    causes(error).io.and_then(io::Error::raw_os_error)
}

/// A connection that could not be made.
pub fn connect_failure(error: &Cause, via_proxy: bool) -> AttemptError {
    let found = causes(error);
    if let Some(limit) = found.connect_timeout {
        let message = format!("no connection within {} s", limit.as_secs_f64());
        return AttemptError::new(ErrorKind::ConnectTimeout, Phase::Connect, message);
    }
    let (kind, what) = if found.tls {
        (ErrorKind::Tls, "TLS handshake failed")
    } else if via_proxy {
        (ErrorKind::Proxy, "could not connect through the proxy")
    } else if found.dns {
        (ErrorKind::Dns, "could not resolve the host name")
    } else {
        (ErrorKind::Connect, "could not connect")
    };
    AttemptError::new(kind, Phase::Connect, format!("{what}: {}", deepest(error)))
}

/// An exchange that broke off.
pub fn exchange_failure(error: &Cause, phase: Phase) -> AttemptError {
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
    AttemptError::new(kind, phase, format!("{what}: {}", deepest(error)))
}

/// No connection within this time.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} s", .0.as_secs_f64())]
pub struct ConnectTimedOut(pub Duration);

/// A host name without an address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unresolved(#[source] pub io::Error);
