//! The buffer for unpacked bytes. It grows as they come, never beyond the limit.
//!
//! The size that a document claims is a hint, followed for up to 8 MiB: a wrong one costs nothing then.

use crate::error::KernelError;
use crate::stop::Stop;

const MIN_GROWTH: usize = 16 << 10;
const MAX_HINT: u64 = 8 << 20;

fn no_memory() -> KernelError {
    KernelError::value("no memory for what it unpacks to")
}

/// The unpacked bytes of one document.
pub struct Output<'a> {
    bytes: Vec<u8>,
    max_size: usize,
    stop: &'a Stop,
}

impl<'a> Output<'a> {
    pub fn new(hint: u64, max_size: Option<u64>, stop: &'a Stop) -> Result<Self, KernelError> {
        let max_size = max_size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX).min(usize::MAX - 1);
        let hint = usize::try_from(hint.min(MAX_HINT)).unwrap_or(0);
        // One byte more: a decoder that has filled its room to the last byte needs another call.
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(hint.min(max_size) + 1).map_err(|_| no_memory())?;
        Ok(Self { bytes, max_size, stop })
    }

    /// Room for the next bytes: at least one, and at most one more than allowed.
    pub fn room(&mut self) -> Result<&mut Vec<u8>, KernelError> {
        self.check()?;
        let length = self.bytes.len();
        if self.bytes.capacity() == length {
            let more = length.max(MIN_GROWTH).min(self.max_size + 1 - length);
            self.bytes.try_reserve_exact(more).map_err(|_| no_memory())?;
        }
        Ok(&mut self.bytes)
    }

    /// An error if the bytes are too many, or the batch is stopped.
    pub fn check(&self) -> Result<(), KernelError> {
        self.stop.check()?;
        if self.bytes.len() > self.max_size {
            return Err(KernelError::value(format!("unpacks to more than max_size={}", self.max_size)));
        }
        Ok(())
    }

    /// Appends bytes that were unpacked elsewhere.
    pub fn extend(&mut self, mut bytes: &[u8]) -> Result<(), KernelError> {
        while !bytes.is_empty() {
            let room = self.room()?;
            let (now, later) = bytes.split_at(bytes.len().min(room.capacity() - room.len()));
            room.extend_from_slice(now);
            bytes = later;
        }
        self.check()
    }

    /// All bytes, in about as much memory as they need.
    pub fn finish(mut self) -> Vec<u8> {
        if self.bytes.capacity() - self.bytes.len() > MIN_GROWTH {
            self.bytes.shrink_to_fit();
        }
        self.bytes
    }
}
