//! The chain of stages that decodes one body.

use super::stage::{Coding, Stage};
use crate::error::{AttemptError, ErrorKind, Phase};
use crate::memory;
use crate::pace::Pace;

/// Decoded bytes after which a decoder returns, so that they can be taken out.
pub(super) const PIECE: usize = 256 << 10;

/// Decodes one body. Without codings it only checks the limit.
pub struct Decoder {
    /// In the order of decoding: the last applied coding is the first.
    pub(super) stages: Vec<Stage>,
    pub(super) sink: Sink,
}

/// The result of [`Decoder::write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The bytes of the input that were read.
    pub read: usize,
    /// All of the input is decoded. Otherwise call again, even if all of it was read.
    pub done: bool,
}

impl Decoder {
    /// For a body with `codings`, in the order of application, of at most `limit` decoded bytes.
    pub fn new(codings: Vec<Coding>, limit: u64) -> Result<Self, AttemptError> {
        let stages = codings.into_iter().rev().map(Stage::new).collect::<Result<_, _>>()?;
        Ok(Self { stages, sink: Sink { decoded: Vec::new(), total: 0, limit } })
    }

    pub(crate) fn set_limit(&mut self, limit: u64) {
        self.sink.limit = limit;
    }

    /// Decodes the next piece of the body, or a part of it: until `pace` is due, [`PIECE`] bytes are decoded, or the next
    /// step [is heavy](Self::is_heavy). After an error the decoder can't be used again.
    pub fn write(&mut self, input: &[u8], pace: &mut Pace) -> Result<Progress, AttemptError> {
        let mut read = 0;
        let most = self.sink.decoded.len().saturating_add(PIECE);
        let was_heavy = self.is_heavy();
        while let Some(count) = self.step(input.get(read..).unwrap_or_default())? {
            read += count;
            if pace.is_due() || self.sink.decoded.len() >= most || self.is_heavy() != was_heavy {
                return Ok(Progress { read, done: false });
            }
        }
        Ok(Progress { read, done: true })
    }

    /// One step of the last stage that has input. Returns the bytes of `input` that were read; `None` if no stage has any.
    fn step(&mut self, input: &[u8]) -> Result<Option<usize>, AttemptError> {
        let Self { stages, sink } = self;
        if stages.is_empty() {
            sink.put(input)?;
            return Ok((!input.is_empty()).then_some(input.len()));
        }
        let last = stages.len() - 1;
        for index in (0..=last).rev() {
            let (before, here) = stages.split_at_mut(index);
            let (previous, Some(stage)) = (before.last_mut(), here.first_mut()) else { break };
            let of_stage = previous.as_ref().map_or(input, |previous| previous.decoded());
            if of_stage.is_empty() && !stage.filled {
                continue;
            }
            let read = stage.decode(of_stage)?;
            if index == last {
                sink.put(stage.decoded())?;
                stage.take(usize::MAX);
            } else if stage.total > max_between(sink.limit) {
                return Err(sink.too_large("what its codings pack"));
            }
            return Ok(Some(previous.map_or(read, |previous| {
                previous.take(read);
                0
            })));
        }
        Ok(None)
    }

    /// Whether a single step may take milliseconds, so that it must not run on the reactor.
    pub(crate) fn is_heavy(&self) -> bool {
        self.stages.iter().any(Stage::is_heavy)
    }

    /// The decoded bytes; taking them out does not reset the limit.
    pub fn decoded(&mut self) -> &mut Vec<u8> {
        &mut self.sink.decoded
    }

    /// Ends the body; [`ErrorKind::IncompleteBody`] if the stream of a coding has not ended.
    pub fn end(&self) -> Result<(), AttemptError> {
        match self.stages.iter().find(|stage| stage.is_open()) {
            None => Ok(()),
            Some(stage) => {
                let message = format!("the {} body ends in the middle", stage.coding.as_str());
                Err(AttemptError::new(ErrorKind::IncompleteBody, Phase::Body, message))
            }
        }
    }
}

/// The most bytes between two codings of a body of at most `limit` bytes: incompressible data grows a little.
pub(super) fn max_between(limit: u64) -> u64 {
    limit.saturating_add(limit / 16).saturating_add(64 << 10)
}

/// The end of the chain: the decoded bytes, and their limit.
pub(super) struct Sink {
    pub(super) decoded: Vec<u8>,
    pub(super) total: u64,
    limit: u64,
}

impl Sink {
    fn put(&mut self, piece: &[u8]) -> Result<(), AttemptError> {
        self.total = self.total.saturating_add(piece.len() as u64);
        if self.total > self.limit {
            return Err(self.too_large("the decoded body"));
        }
        let needed = self.decoded.len().saturating_add(piece.len());
        if needed > self.decoded.capacity() {
            // Doubles like `Vec`, but not beyond the limit.
            let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
            let capacity = self.decoded.capacity().saturating_mul(2).min(limit).max(needed);
            let additional = capacity.saturating_sub(self.decoded.len());
            memory::reserve_exact(&mut self.decoded, additional)?;
        }
        self.decoded.extend_from_slice(piece);
        Ok(())
    }

    /// Drops what was decoded.
    fn too_large(&mut self, what: &str) -> AttemptError {
        memory::discard(std::mem::take(&mut self.decoded));
        let message = format!("{what} is larger than max_body ({} bytes)", self.limit);
        AttemptError::new(ErrorKind::BodyTooLarge, Phase::Body, message)
    }
}
