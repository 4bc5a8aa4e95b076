//! The interface between the engine and the transports.
//!
//! A transport sends one request to one URL, and returns the head of the response and a body to read. It follows no
//! redirect, retries nothing, decodes nothing and knows no cookies: the engine does that, above every transport.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use url::Url;

use super::timings::Timings;
use crate::error::AttemptError;

/// One request. Its headers are complete, except those that the transport adds: `Host` and framing.
#[allow(missing_docs, reason = "named after their content")]
pub struct Outgoing<'a> {
    pub method: Method,
    pub url: &'a Url,
    pub headers: Cow<'a, HeaderMap>,
    pub body: Option<Bytes>,
}

/// The head of a response.
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The protocol version.
    pub version: Version,
    /// The headers, as sent.
    pub headers: HeaderMap,
    /// The announced length of the body on the wire.
    pub length: Option<u64>,
}

/// The most memory reserved for an announced length; more is reserved once this much has arrived.
pub(crate) const RESERVE: usize = 2 << 20;

/// The bytes to reserve for a body of this announced length before any of it has arrived.
pub(crate) fn reserve(length: Option<u64>) -> usize {
    length.map_or(0, |length| length.min(RESERVE as u64) as usize)
}

/// A body on the wire. Dropped before its end, it closes the connection (HTTP/1) or resets the stream (HTTP/2).
pub trait Body: Send {
    /// Appends received bytes, undecoded, to `into`. Returns how many; 0 at the end of the body.
    ///
    /// An `into` without capacity is given one that suits the body; one with capacity is filled before it grows.
    fn read(&mut self, into: &mut Vec<u8>) -> impl Future<Output = Result<usize, AttemptError>> + Send;
}

/// Sends requests.
pub trait Transport: Send + Sync + 'static {
    /// The body of a response.
    type Body: Body;

    /// Sends a request and waits for the head of its response. Dropping the future closes its connection or stream.
    fn send(
        &self,
        outgoing: Outgoing<'_>,
        timings: &Arc<Timings>,
    ) -> impl Future<Output = Result<(Head, Self::Body), AttemptError>> + Send;
}
