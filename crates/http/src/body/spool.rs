//! Writes a body to its file while it is received.

use std::io;
use std::mem::take;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use super::inflow::Inflow;
use crate::error::{AttemptError, ErrorKind, Phase};
use crate::memory;
use crate::save::{FileWriter, WriteQueue, write_atomic};
use crate::transport::Body;
use shoal_runtime::ensure_blocking_thread;

/// The size of a written piece. A smaller body is written at once, at its end.
const PIECE: usize = 1 << 20;

/// Reads a body into a file. A small one is written at once, by the client's [`WriteQueue`]; a large one piece by piece, while
/// the next is received, so that at most two pieces of it are in memory. Returns the length.
pub(super) async fn save<B: Body>(
    mut inflow: Inflow<B>,
    length: Option<u64>,
    path: &Path,
    queue: &Arc<WriteQueue>,
) -> Result<u64, AttemptError> {
    if length.is_some_and(|length| length > PIECE as u64) {
        memory::reserve_exact(inflow.decoded(), PIECE)?;
    }
    let mut file = SpooledFile { target: path.into(), writing: None, written: 0 };
    loop {
        match inflow.read().await {
            Ok(true) if inflow.decoded().len() >= PIECE => {
                let full = take(inflow.decoded());
                *inflow.decoded() = file.append(full).await?;
            }
            Ok(true) => {}
            Ok(false) => break,
            Err(failure) => {
                // The part file is removed before the failure is reported.
                file.discard().await;
                return Err(failure);
            }
        }
    }
    file.finish(take(inflow.decoded()), queue).await
}

/// The file, and the buffer of the written piece.
type Written = (FileWriter, Vec<u8>);

/// A file written on the blocking pool.
struct SpooledFile {
    target: Arc<Path>,
    /// The write in progress; it returns the buffer for another piece.
    writing: Option<JoinHandle<io::Result<Written>>>,
    written: u64,
}

impl SpooledFile {
    /// Starts to write `piece`, and returns an empty buffer.
    async fn append(&mut self, piece: Vec<u8>) -> Result<Vec<u8>, AttemptError> {
        let (open, free) = self.last().await?.unzip();
        self.outcome(Some(ensure_blocking_thread()))?;
        let free = match free {
            Some(free) => free,
            None => memory::with_capacity(PIECE)?,
        };
        let target = self.target.clone();
        self.written += piece.len() as u64;
        self.writing = Some(spawn_blocking(move || {
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

    /// Writes `rest`, and moves the file to its place. Returns its length.
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

    /// Removes the file, on the blocking pool: a large one takes the system milliseconds.
    async fn discard(&mut self) {
        if let Ok(Some(open)) = self.last().await {
            drop(spawn_blocking(move || drop(open)).await);
        }
    }

    /// Waits for the write in progress.
    async fn last(&mut self) -> Result<Option<Written>, AttemptError> {
        match self.writing.take() {
            None => Ok(None),
            Some(writing) => self.outcome(writing.await.ok()).map(Some),
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

impl Drop for SpooledFile {
    /// When the request is cancelled, removes the file as [`SpooledFile::discard`] does.
    fn drop(&mut self) {
        if let (Some(writing), Ok(handle)) = (self.writing.take(), Handle::try_current()) {
            handle.spawn_blocking(move || drop(writing));
        }
    }
}
