//! Reads a body to its end: decoded, bounded, into memory or into a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::{JoinError, spawn_blocking};

use super::decode::{Decoder, codings};
use super::error::{Failure, Kind, Phase};
use super::request::Request;
use super::save::{FileWriter, write_atomic};
use super::transport::{Body, Head};

/// The most memory set aside at once on the word of a `Content-Length`.
const RESERVE: usize = 4 << 20;

/// A body on its way into a file is written in pieces of this size; a smaller one is written at once, at its end.
const SPOOL: usize = 1 << 20;

/// The most bytes, and the longest time, that are spent on a body nobody wants.
const DRAINED: usize = 64 << 10;
const DRAINING: Duration = Duration::from_millis(100);

/// What became of a body.
#[derive(Debug)]
pub enum Loaded {
    /// It is in memory.
    Memory(Bytes),
    /// It is in a file: the path and the number of bytes.
    File(PathBuf, u64),
}

impl Loaded {
    /// How many bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }
}

/// How a body is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The most decoded bytes.
    pub max_body: u64,
    /// The longest silence between two pieces.
    pub read_timeout: Option<Duration>,
    /// Where it goes instead of memory.
    pub save_to: Option<&'a Path>,
    /// The response has a head only: HEAD, 204 and 304.
    pub absent: bool,
}

/// Reads `body` to its end.
pub async fn load<B: Body>(head: &Head, body: B, reading: Reading<'_>) -> Result<Loaded, Failure> {
    if reading.absent {
        return Ok(Loaded::Memory(Bytes::new()));
    }
    let codings = codings(&head.headers)?;
    let mut pieces = Pieces { body, timeout: reading.read_timeout };
    let mut inflow = if codings.is_empty() {
        // A length that is known to be too much needs no byte read.
        if let Some(length) = head.length.filter(|length| *length > reading.max_body) {
            return Err(too_large(reading.max_body, &format!("the server announces {length}")));
        }
        Inflow::Plain { length: head.length, bytes: Vec::new(), total: 0, limit: reading.max_body }
    } else {
        Inflow::Coded(Box::new(Decoder::new(codings, reading.max_body)?))
    };
    match reading.save_to {
        None => {
            while let Some(piece) = pieces.next().await? {
                inflow.push(&piece)?;
            }
            Ok(Loaded::Memory(inflow.finish()?.into()))
        }
        Some(path) => save(pieces, inflow, path).await,
    }
}

fn too_large(limit: u64, detail: &str) -> Failure {
    Failure::new(Kind::BodyTooLarge, Phase::Body, format!("the body exceeds max_body of {limit} bytes ({detail})"))
}

struct Pieces<B> {
    body: B,
    timeout: Option<Duration>,
}

impl<B: Body> Pieces<B> {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(limit) = self.timeout else { return self.body.chunk().await };
        match tokio::time::timeout(limit, self.body.chunk()).await {
            Ok(piece) => piece,
            Err(_) => Err(Failure::new(
                Kind::ReadTimeout,
                Phase::Body,
                format!("no further byte of the body within {} s", limit.as_secs_f64()),
            )),
        }
    }
}

/// Decoded bytes gathered so far, never more than the limit.
enum Inflow {
    Plain { length: Option<u64>, bytes: Vec<u8>, total: u64, limit: u64 },
    Coded(Box<Decoder>),
}

impl Inflow {
    fn push(&mut self, piece: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Coded(decoder) => decoder.write(piece),
            Self::Plain { length, bytes, total, limit } => {
                *total += piece.len() as u64;
                if *total > *limit {
                    return Err(too_large(*limit, "more was received"));
                }
                if bytes.capacity() == 0 {
                    // Copied into an allocation of the right size: a slice of the connection's read buffer would keep
                    // all of that alive (8 KB and more for a body of 100 bytes).
                    let expected = length.unwrap_or(0).min(RESERVE as u64) as usize;
                    bytes.reserve_exact(expected.max(piece.len()));
                }
                bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Plain { bytes, .. } => std::mem::take(bytes),
            Self::Coded(decoder) => decoder.take(),
        }
    }

    fn finish(self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Plain { bytes, .. } => Ok(bytes),
            Self::Coded(decoder) => decoder.finish(),
        }
    }
}

/// Small bodies are written by one trip to the blocking pool; large ones piece by piece, so that no more than a piece of
/// each is ever in memory.
async fn save<B: Body>(mut pieces: Pieces<B>, mut inflow: Inflow, path: &Path) -> Result<Loaded, Failure> {
    let target: Arc<Path> = path.into();
    let mut writer: Option<FileWriter> = None;
    let mut held: Vec<u8> = Vec::new();
    let mut written = 0u64;
    while let Some(piece) = pieces.next().await? {
        inflow.push(&piece)?;
        let decoded = inflow.take();
        if held.is_empty() {
            held = decoded;
        } else {
            held.extend_from_slice(&decoded);
        }
        if held.len() >= SPOOL {
            let (full, open) = (std::mem::take(&mut held), writer.take());
            written += full.len() as u64;
            writer = Some(append(&target, open, full).await?);
        }
    }
    held.extend_from_slice(&inflow.finish()?);
    written += held.len() as u64;
    match writer {
        None => {
            let file = target.clone();
            blocking(&target, move || write_atomic(&file, &held)).await?;
        }
        Some(open) => {
            let writer = append(&target, Some(open), held).await?;
            blocking(&target, move || writer.commit()).await?;
        }
    }
    Ok(Loaded::File(path.to_owned(), written))
}

async fn append(path: &Arc<Path>, writer: Option<FileWriter>, bytes: Vec<u8>) -> Result<FileWriter, Failure> {
    let target = path.clone();
    blocking(path, move || {
        let mut writer = match writer {
            Some(writer) => writer,
            None => FileWriter::create(&target)?,
        };
        writer.write(&bytes)?;
        Ok(writer)
    })
    .await
}

async fn blocking<T, W>(path: &Path, work: W) -> Result<T, Failure>
where
    T: Send + 'static,
    W: FnOnce() -> std::io::Result<T> + Send + 'static,
{
    let done: Result<_, JoinError> = spawn_blocking(work).await;
    match done {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let message = format!("the body could not be saved to {}: {error}", path.display());
            let mut failure = Failure::new(Kind::Save, Phase::Save, message);
            failure.os_error = error.raw_os_error();
            Err(failure)
        }
        Err(error) => Err(Failure::new(Kind::Internal, Phase::Save, format!("the file writer failed: {error}"))),
    }
}

/// Reads away what is left of a body nobody wants, so that its connection can be used again; gives up on one that is long
/// or slow, which costs the connection and nothing else.
pub async fn drain<B: Body>(mut body: B) {
    let mut left = DRAINED;
    let reading = async {
        while let Ok(Some(piece)) = body.chunk().await {
            left -= piece.len().min(left);
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DRAINING, reading).await;
}

/// Whether a response to `request` has no body by definition (RFC 9110, 6.4.1).
pub fn is_absent(request: &http::Method, status: http::StatusCode) -> bool {
    *request == http::Method::HEAD || status == http::StatusCode::NO_CONTENT || status == http::StatusCode::NOT_MODIFIED
}

/// The file a response to `request` goes to: only 2xx bodies are saved.
pub fn target(request: &Request, status: http::StatusCode) -> Option<&Path> {
    request.save_to.as_deref().filter(|_| status.is_success())
}
