//! Why a kernel has no result for a document.

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// Bytes of a document that its failure keeps, at most.
const SHOWN: usize = 1 << 20;

/// One document's failure. A pointer, as results have room for it in every place: 40 bytes for a hash instead of 72.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct KernelError(Box<Reason>);

/// Of a failure: a kind, which decides the exception, and words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it is.
    pub kind: ErrorKind,
    /// What happened, without the document's index; never empty.
    pub message: String,
}

/// What Python raises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The document is not what the kernel needs, or too much of it: `ValueError`.
    Value,
    /// Not JSON: `json.JSONDecodeError`.
    Json {
        /// Where parsing stopped: in bytes from the start, or, with the document, in characters.
        position: usize,
        /// What was parsed, if it is known.
        document: Box<str>,
    },
    /// A file that cannot be read: `OSError` with this number.
    File {
        /// `errno`, if the system gave one.
        number: Option<i32>,
        /// The file.
        path: PathBuf,
    },
    /// A fault of ours: `InternalError`.
    Internal,
    /// Nobody waits for the result any more; never shown.
    Stopped,
}

impl Deref for KernelError {
    type Target = Reason;

    fn deref(&self) -> &Reason {
        &self.0
    }
}

impl KernelError {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Reason { kind, message: message.into() }))
    }

    /// The document is not fit for the kernel.
    pub fn value(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Value, message)
    }

    /// The document is not JSON.
    pub fn json(message: impl Into<String>, position: usize) -> Self {
        Self::new(ErrorKind::Json { position, document: Box::default() }, message)
    }

    /// The same with the document, for whoever wants to look at it.
    pub fn in_document(mut self, json: &[u8]) -> Self {
        if let ErrorKind::Json { position, document } = &mut self.0.kind
            && json.len() <= SHOWN
        {
            let read = json.get(..*position).unwrap_or(json);
            *position = String::from_utf8_lossy(read).chars().count();
            *document = String::from_utf8_lossy(json).into();
        }
        self
    }

    /// There is no memory for so many bytes.
    pub fn memory(bytes: usize) -> Self {
        Self::value(format!("no memory: {bytes} bytes more are needed"))
    }

    /// A fault of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The batch was stopped.
    pub fn stopped() -> Self {
        Self::new(ErrorKind::Stopped, "stopped")
    }

    /// The document's file could not be read.
    pub fn file(path: &Path, error: &io::Error) -> Self {
        // Rust appends " (os error 2)", which the exception's own text has already.
        let words = error.to_string();
        let words = words.rsplit_once(" (os error").map_or(words.as_str(), |(words, _)| words).to_owned();
        Self::new(ErrorKind::File { number: error.raw_os_error(), path: path.to_owned() }, words)
    }
}
