//! Reads a body to its end: decoded, bounded, into memory or into a file.

use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use super::decode::{Decoder, codings};
use super::error::{AttemptError, ErrorKind, Phase};
use super::memory;
use super::pace::Pace;
use super::request::Request;
use super::save::{FileWriter, WriteQueue, write_atomic};
use super::settings::DEFAULT_MAX_BODY;
use super::transport::{Body, Head, reserve};
use shoal_runtime::ensure_blocking_thread;

/// A body on its way into a file is written in pieces of this size; a smaller one is written at once, at its end.
const SPOOL: usize = 1 << 20;

/// Coded bytes are received in pieces of this size.
const UNDECODED: usize = 64 << 10;

/// A body that is saved may be [`DEFAULT_MAX_BODY`] longer than this many times what was received for it. Text rarely
/// compresses to less than a twentieth, a bomb to less than a thousandth.
const UNPACKED: u64 = 100;

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
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The most decoded bytes, if a limit was given.
    pub max_body: Option<u64>,
    /// The longest silence between two pieces.
    pub read_timeout: Option<Duration>,
    /// Where it goes instead of memory, and who writes it there.
    pub save_to: Option<(&'a Path, &'a Arc<WriteQueue>)>,
    /// The response has a head only: HEAD, 204 and 304.
    pub absent: bool,
}

/// Reads `body` to its end.
pub async fn load<B: Body>(head: &Head, body: B, reading: Reading<'_>) -> Result<Loaded, AttemptError> {
    if reading.absent {
        return Ok(Loaded::Memory(Bytes::new()));
    }
    let limit = match (reading.max_body, reading.save_to) {
        (Some(given), _) => Limit::Bytes(given),
        (None, None) => Limit::Bytes(DEFAULT_MAX_BODY),
        (None, Some(_)) => Limit::Received,
    };
    let codings = codings(&head.headers)?;
    let coding = if codings.is_empty() {
        // A length that is known to be too much needs no byte read.
        if let Some(length) = head.length.filter(|length| *length > limit.after(*length)) {
            return Err(too_large(limit.after(length), &format!("the server announces {length}")));
        }
        Coding::Identity(Vec::new())
    } else {
        let raw = memory::with_capacity(reserve(head.length).clamp(1, UNDECODED))?;
        Coding::Coded(Box::new(Coded { raw, read: 0, done: true, decoder: Decoder::new(codings, limit.after(0))? }))
    };
    let mut inflow = Inflow { body, timeout: reading.read_timeout, limit, received: 0, pace: Pace::default(), coding };
    match reading.save_to {
        None => {
            while inflow.read().await? {}
            let mut bytes = mem::take(inflow.held());
            memory::trim(&mut bytes);
            Ok(Loaded::Memory(bytes.into()))
        }
        Some((path, queue)) => save(inflow, head.length, path, queue).await,
    }
}

fn too_large(limit: u64, detail: &str) -> AttemptError {
    AttemptError::new(
        ErrorKind::BodyTooLarge,
        Phase::Body,
        format!("the body exceeds max_body of {limit} bytes ({detail})"),
    )
}

/// The most decoded bytes of a body.
#[derive(Clone, Copy)]
enum Limit {
    Bytes(u64),
    /// As many as fit what was received: a file doesn't fill the memory, but a bomb would fill the disk.
    Received,
}

impl Limit {
    /// Once so many bytes were received.
    fn after(self, received: u64) -> u64 {
        match self {
            Self::Bytes(limit) => limit,
            Self::Received => received.saturating_mul(UNPACKED).saturating_add(DEFAULT_MAX_BODY),
        }
    }
}

/// Decoded bytes as they come, never more than the limit.
struct Inflow<B> {
    body: B,
    timeout: Option<Duration>,
    limit: Limit,
    /// Bytes that came, undecoded.
    received: u64,
    pace: Pace,
    coding: Coding,
}

enum Coding {
    Identity(Vec<u8>),
    Coded(Box<Coded>),
}

/// What was received, and how far it is decoded.
struct Coded {
    raw: Vec<u8>,
    read: usize,
    done: bool,
    decoder: Decoder,
}

impl<B: Body> Inflow<B> {
    /// What has come and was not taken out yet.
    fn held(&mut self) -> &mut Vec<u8> {
        self.coding.held()
    }

    /// Adds what has come, or a part of it, to what is held; `false` at the end.
    async fn read(&mut self) -> Result<bool, AttemptError> {
        let Self { body, timeout, limit, received, pace, coding } = self;
        match coding {
            Coding::Identity(bytes) => {
                let count = within(*timeout, pace.wait(body.read(bytes))).await?;
                *received += count as u64;
                if *received > limit.after(*received) {
                    return Err(too_large(limit.after(*received), "more was received"));
                }
                if count > 0 && pace.is_due() {
                    pace.rest().await;
                }
                Ok(count > 0)
            }
            Coding::Coded(coded) => {
                if coded.done {
                    coded.raw.clear();
                    let count = within(*timeout, pace.wait(body.read(&mut coded.raw))).await?;
                    if count == 0 {
                        coded.decoder.end()?;
                        return Ok(false);
                    }
                    *received += count as u64;
                    coded.read = 0;
                    coded.decoder.set_limit(limit.after(*received));
                }
                if coded.decoder.is_heavy() {
                    coding.decode_elsewhere(pace).await?;
                    return Ok(true);
                }
                coded.decode(pace)?;
                if !coded.done && pace.is_due() {
                    pace.rest().await;
                }
                Ok(true)
            }
        }
    }
}

impl Coded {
    /// Decodes some of what was received.
    fn decode(&mut self, pace: &mut Pace) -> Result<(), AttemptError> {
        let progress = self.decoder.write(self.raw.get(self.read..).unwrap_or_default(), pace)?;
        self.read += progress.read;
        self.done = progress.done;
        Ok(())
    }
}

impl Coding {
    /// The same on the blocking pool.
    async fn decode_elsewhere(&mut self, pace: &mut Pace) -> Result<(), AttemptError> {
        let Self::Coded(mut coded) = mem::replace(self, Self::Identity(Vec::new())) else { return Ok(()) };
        let decoding = spawn_blocking(move || {
            let decoded = coded.decode(&mut Pace::default());
            (coded, decoded)
        });
        let failed = |_| AttemptError::new(ErrorKind::Internal, Phase::Body, "the decoder failed");
        let (coded, decoded) = pace.wait(decoding).await.map_err(failed)?;
        *self = Self::Coded(coded);
        decoded
    }

    /// What has come and was not taken out yet.
    fn held(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Identity(bytes) => bytes,
            Self::Coded(coded) => coded.decoder.decoded(),
        }
    }
}

impl<B> Drop for Inflow<B> {
    fn drop(&mut self) {
        memory::discard(mem::take(self.coding.held()));
    }
}

async fn within(
    limit: Option<Duration>,
    read: impl Future<Output = Result<usize, AttemptError>>,
) -> Result<usize, AttemptError> {
    let Some(limit) = limit else { return read.await };
    tokio::time::timeout(limit, read).await.unwrap_or_else(|_| {
        let message = format!("no further byte of the body within {} s", limit.as_secs_f64());
        Err(AttemptError::new(ErrorKind::ReadTimeout, Phase::Body, message))
    })
}

/// Small bodies are written at once, by the client's [`WriteQueue`]; large ones piece by piece, the next one being read while
/// one is written, so that no more than two pieces of each are ever in memory.
async fn save<B: Body>(
    mut inflow: Inflow<B>,
    length: Option<u64>,
    path: &Path,
    queue: &Arc<WriteQueue>,
) -> Result<Loaded, AttemptError> {
    if length.is_some_and(|length| length > SPOOL as u64) {
        memory::reserve_exact(inflow.held(), SPOOL)?;
    }
    let mut file = Spooled { target: path.into(), begun: None, written: 0 };
    loop {
        match inflow.read().await {
            Ok(true) if inflow.held().len() >= SPOOL => {
                let full = mem::take(inflow.held());
                *inflow.held() = file.append(full).await?;
            }
            Ok(true) => {}
            Ok(false) => break,
            Err(failure) => {
                // What was begun is gone by the time anybody hears of it.
                file.discard().await;
                return Err(failure);
            }
        }
    }
    let written = file.finish(mem::take(inflow.held()), queue).await?;
    Ok(Loaded::File(path.to_owned(), written))
}

/// The file, and the buffer of the piece that was written to it.
type Written = (FileWriter, Vec<u8>);

/// A file that is written on the blocking pool.
struct Spooled {
    target: Arc<Path>,
    /// The piece that is being written; its buffer comes back for another one.
    begun: Option<JoinHandle<io::Result<Written>>>,
    written: u64,
}

impl Spooled {
    /// Begins to write `piece`; an empty buffer comes back.
    async fn append(&mut self, piece: Vec<u8>) -> Result<Vec<u8>, AttemptError> {
        let (open, free) = self.last().await?.unzip();
        self.outcome(Some(ensure_blocking_thread()))?;
        let free = match free {
            Some(free) => free,
            None => memory::with_capacity(SPOOL)?,
        };
        let target = self.target.clone();
        self.written += piece.len() as u64;
        self.begun = Some(spawn_blocking(move || {
            let mut piece = piece;
            let mut writer = match open {
                Some(writer) => writer,
                None => FileWriter::create(&target)?,
            };
            writer.write(&piece)?;
            piece.clear();
            Ok((writer, piece))
        }));
        Ok(free)
    }

    /// Writes `rest`, and makes the file appear; how many bytes it has.
    async fn finish(mut self, rest: Vec<u8>, queue: &Arc<WriteQueue>) -> Result<u64, AttemptError> {
        let open = self.last().await?;
        self.outcome(Some(ensure_blocking_thread()))?;
        let written = self.written + rest.len() as u64;
        let target = self.target.clone();
        let done = match open {
            None => queue.run(move || write_atomic(&target, &rest)).await,
            Some((mut writer, _)) => {
                let commit = move || writer.write(&rest).and_then(|()| writer.commit());
                spawn_blocking(commit).await.ok()
            }
        };
        self.outcome(done)?;
        Ok(written)
    }

    /// Gives up. The file is removed where that may wait: a large one takes the system milliseconds.
    async fn discard(&mut self) {
        if let Ok(Some(open)) = self.last().await {
            drop(spawn_blocking(move || drop(open)).await);
        }
    }

    async fn last(&mut self) -> Result<Option<Written>, AttemptError> {
        match self.begun.take() {
            None => Ok(None),
            Some(begun) => self.outcome(begun.await.ok()).map(Some),
        }
    }

    fn outcome<T>(&self, done: Option<io::Result<T>>) -> Result<T, AttemptError> {
        match done {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => {
                let message = format!("the body could not be saved to {}: {error}", self.target.display());
                let mut failure = AttemptError::new(ErrorKind::Save, Phase::Save, message);
                failure.os_error = error.raw_os_error();
                Err(failure)
            }
            None => Err(AttemptError::new(ErrorKind::Internal, Phase::Save, "the file writer failed")),
        }
    }
}

impl Drop for Spooled {
    /// Cancelled: what was begun is removed as in [`Spooled::discard`].
    fn drop(&mut self) {
        if let (Some(begun), Ok(handle)) = (self.begun.take(), Handle::try_current()) {
            handle.spawn_blocking(move || drop(begun));
        }
    }
}

/// Reads away what is left of a body nobody wants, so that its connection can be used again; gives up on one that is long
/// or slow, which costs the connection and nothing else.
pub async fn drain<B: Body>(mut body: B) {
    let mut left = DRAINED;
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
