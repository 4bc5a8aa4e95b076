//! Reads a body to its end: decoded and bounded, into memory or into a file.

use std::mem::take;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::inflow::{Inflow, Limit};
use super::spool::save;
use crate::error::AttemptError;
use crate::memory;
use crate::pace::Pace;
use crate::request::Request;
use crate::save::WriteQueue;
use crate::settings::DEFAULT_MAX_BODY;
use crate::transport::{Body, Head};

/// The most bytes and time spent on draining a body.
const MAX_DRAINED: usize = 64 << 10;
const DRAIN_TIMEOUT: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// In memory, unless it is in the file `path`.
    pub(crate) body: Bytes,
    pub(crate) path: Option<PathBuf>,
    /// The decoded bytes.
    pub(crate) length: u64,
}

#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// The most decoded bytes, if a limit was given.
    pub(crate) max_body: Option<u64>,
    /// The longest silence between two reads.
    pub(crate) read_timeout: Option<Duration>,
    /// The file it goes to, and the queue that writes small ones.
    pub(crate) save_to: Option<(&'a Path, &'a Arc<WriteQueue>)>,
    /// The response has no body: HEAD, 204 and 304.
    pub(crate) absent: bool,
}

pub(crate) async fn load<B: Body>(head: &Head, body: B, reading: Reading<'_>) -> Result<Loaded, AttemptError> {
    if reading.absent {
        return Ok(Loaded::default());
    }
    let limit = match (reading.max_body, reading.save_to) {
        (Some(given), _) => Limit::Bytes(given),
        (None, None) => Limit::Bytes(DEFAULT_MAX_BODY),
        (None, Some(_)) => Limit::Received,
    };
    let mut inflow = Inflow::new(head, body, limit, reading.read_timeout)?;
    match reading.save_to {
        None => {
            while inflow.read().await? {}
            let mut bytes = take(inflow.decoded());
            memory::trim(&mut bytes);
            Ok(Loaded { length: bytes.len() as u64, body: bytes.into(), path: None })
        }
        Some((path, queue)) => {
            let length = save(inflow, head.length, path, queue).await?;
            Ok(Loaded { body: Bytes::new(), path: Some(path.to_owned()), length })
        }
    }
}

/// Reads the rest of an unwanted body, so that its connection can be used again. One that is long or slow is dropped with
/// its connection.
pub(crate) async fn drain<B: Body>(mut body: B) {
    let mut left = MAX_DRAINED;
    let mut piece = Vec::with_capacity(8 << 10);
    let mut pace = Pace::default();
    let reading = async {
        while let Ok(count) = pace.wait(body.read(&mut piece)).await {
            left -= count.min(left);
            if count == 0 || left == 0 {
                break;
            }
            piece.clear();
            if pace.is_due() {
                pace.rest().await;
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, reading).await;
}

/// Whether a response to this method has no body by definition (RFC 9110, 6.4.1).
pub(crate) fn is_absent(method: &http::Method, status: http::StatusCode) -> bool {
    *method == http::Method::HEAD || status == http::StatusCode::NO_CONTENT || status == http::StatusCode::NOT_MODIFIED
}

/// The file for a response to `request`: only 2xx bodies are saved.
pub(crate) fn target(request: &Request, status: http::StatusCode) -> Option<&Path> {
    request.save_to.as_deref().filter(|_| status.is_success())
}
