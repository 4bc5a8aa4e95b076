//! Where unpacked bytes go: a buffer that grows as they come, and never beyond what is allowed.
//!
//! What a document says of its own size is a hint: followed for up to 8 MiB, since one that lies costs nothing then.

use crate::error::KernelError;
use crate::stop::Stop;

const LEAST: usize = 16 << 10;
const HINT_MOST: u64 = 8 << 20;

fn no_memory() -> KernelError {
    KernelError::value("no memory for what it unpacks to")
}

/// The unpacked bytes of one document.
pub struct Output<'a> {
    bytes: Vec<u8>,
    most: usize,
    stop: &'a Stop,
}

impl<'a> Output<'a> {
    pub fn new(hint: u64, max_size: Option<u64>, stop: &'a Stop) -> Result<Self, KernelError> {
        let most = max_size
            .and_then(|most| usize::try_from(most).ok())
            .map_or(usize::MAX - 1, |most| most.min(usize::MAX - 1));
        let hint = usize::try_from(hint.min(HINT_MOST)).unwrap_or(0);
        // One byte more than expected: a decoder that has filled its room to the last byte needs another look.
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(hint.min(most) + 1).map_err(|_| no_memory())?;
        Ok(Self { bytes, most, stop })
    }

    /// Room for the next bytes: at least one, and at most one more than allowed.
    pub fn room(&mut self) -> Result<&mut Vec<u8>, KernelError> {
        self.check()?;
        let length = self.bytes.len();
        if self.bytes.capacity() == length {
            let more = length.max(LEAST).min(self.most + 1 - length);
            self.bytes.try_reserve_exact(more).map_err(|_| no_memory())?;
        }
        Ok(&mut self.bytes)
    }

    /// Whether what came is allowed, and still wanted.
    pub fn check(&self) -> Result<(), KernelError> {
        self.stop.check()?;
        if self.bytes.len() > self.most {
            return Err(KernelError::value(format!("unpacks to more than max_size={}", self.most)));
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

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes from `start` on.
    pub fn since(&self, start: usize) -> &[u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// All, in no more memory than they need.
    pub fn finish(mut self) -> Vec<u8> {
        if self.bytes.capacity() - self.bytes.len() > LEAST {
            self.bytes.shrink_to_fit();
        }
        self.bytes
    }
}
