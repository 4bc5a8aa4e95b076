//! Why a kernel has no result for a document.

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// The longest document that its error keeps.
const MAX_KEPT: usize = 1 << 20;

/// One document's error. A pointer, as each result has room for one: 40 bytes for a hash instead of 72.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct KernelError(Box<Reason>);

/// The content of a [`KernelError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The kind, which decides the Python exception.
    pub kind: ErrorKind,
    /// The message, without the document's index; never empty.
    pub message: String,
}

/// The kind of an error, and the exception that Python raises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The document is not what the kernel needs, or too large: `ValueError`.
    Value,
    /// Not JSON: `json.JSONDecodeError`.
    Json {
        /// Where parsing stopped: in bytes; with the document, in characters.
        position: usize,
        /// The document, if it is known.
        document: Box<str>,
    },
    /// A file that cannot be read: `OSError` with this number.
    File {
        /// `errno`, if there is one.
        number: Option<i32>,
        /// The file.
        path: PathBuf,
    },
    /// A bug in Shoal: `InternalError`.
    Internal,
    /// The batch was stopped; never shown.
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

    /// The document is not what the kernel needs.
    pub fn value(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Value, message)
    }

    /// The document is not JSON.
    pub fn json(message: impl Into<String>, position: usize) -> Self {
        Self::new(ErrorKind::Json { position, document: Box::default() }, message)
    }

    /// Adds the document, if it is not too long, for `JSONDecodeError.doc`.
    pub fn in_document(mut self, json: &[u8]) -> Self {
        if let ErrorKind::Json { position, document } = &mut self.0.kind
            && json.len() <= MAX_KEPT
        {
            let read = json.get(..*position).unwrap_or(json);
            *position = String::from_utf8_lossy(read).chars().count();
            *document = String::from_utf8_lossy(json).into();
        }
        self
    }

    /// There is no memory for this many bytes.
    pub fn memory(bytes: usize) -> Self {
        Self::value(format!("no memory: {bytes} bytes more are needed"))
    }

    /// A bug in Shoal.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The batch was stopped.
    pub fn stopped() -> Self {
        Self::new(ErrorKind::Stopped, "stopped")
    }

    /// The document's file could not be read.
    pub fn file(path: &Path, error: &io::Error) -> Self {
        // Rust appends " (os error 2)"; the exception has the number anyway.
        let text = error.to_string();
        let message = text.rsplit_once(" (os error").map_or(text.as_str(), |(message, _)| message).to_owned();
        Self::new(ErrorKind::File { number: error.raw_os_error(), path: path.to_owned() }, message)
    }
}
