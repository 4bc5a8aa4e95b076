//! The known content codings: the decoders of flate2, brotli and zstd behind one step function of bounded work.

use std::fmt;
use std::ops::Range;

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper};
use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, Operation};

use super::allocator::Heap;
use crate::error::{AttemptError, ErrorKind, Phase};
use crate::memory::OutOfMemory;
use crate::named::named;

/// The most bytes that a step decodes.
pub(super) const SCRATCH: usize = 16 << 10;

/// The most bytes that a step reads: blocks that decode to nothing take up to 0.3 µs a byte (code tables).
const INPUT: usize = 4 << 10;

/// The same for brotli: a block may have 768 tables, up to 2 µs a byte.
const BROTLI_INPUT: usize = 1 << 10;

/// The same before brotli has allocated its window, which takes more input than this.
const BROTLI_HEAD: usize = 8;

/// brotli fills its window in one step. Up to this size that takes at most a millisecond; 16 MiB are possible.
const LIGHT_WINDOW: usize = (1 << 20) + (64 << 10);

/// The largest zstd window for HTTP, as a power of two (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;

/// A response with more codings is an attack (the limit of urllib3 and curl).
const MAX_CODINGS: usize = 5;

named! {
    /// A known content coding, by its token in the header.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Coding.as_str {
        /// Also `x-gzip`.
        Gzip = "gzip",
        /// Zlib-wrapped or raw.
        Deflate = "deflate",
        /// RFC 7932.
        Brotli = "br",
        /// RFC 8878.
        Zstd = "zstd",
    }
}

/// The codings of a response in the order of application, without `identity`. Empty if one of them is unknown: then the
/// body is left as it is. More than five are an error.
pub(crate) fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, AttemptError> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let Ok(text) = value.to_str() else { return Ok(Vec::new()) };
        for token in text.split(',').map(str::trim) {
            let is = |name: &str| token.eq_ignore_ascii_case(name);
            if token.is_empty() || is("identity") {
                continue;
            }
            codings.push(match () {
                () if is("gzip") || is("x-gzip") => Coding::Gzip,
                () if is("deflate") => Coding::Deflate,
                () if is("br") => Coding::Brotli,
                () if is("zstd") => Coding::Zstd,
                () => return Ok(Vec::new()),
            });
        }
    }
    if codings.len() > MAX_CODINGS {
        let message = format!("the body has {} content codings, more than {MAX_CODINGS}", codings.len());
        return Err(AttemptError::new(ErrorKind::Decoding, Phase::Body, message));
    }
    Ok(codings)
}

/// One coding of one body, with the buffer it decodes into.
pub(super) struct Stage {
    pub(super) coding: Coding,
    engine: Engine,
    scratch: Box<[u8]>,
    /// The part of `scratch` that is decoded and not yet taken.
    decoded: Range<usize>,
    /// The last step filled `scratch`, so the decoder may have more output without input.
    pub(super) filled: bool,
    /// Decoded bytes in all.
    pub(super) total: u64,
}

impl Stage {
    pub(super) fn new(coding: Coding) -> Result<Self, AttemptError> {
        let engine = match coding {
            Coding::Gzip => Engine::Gzip(Gzip::Between { first: true, magic: false }),
            Coding::Deflate => Engine::Deflate(Deflate::Start { first: None }),
            Coding::Brotli => Engine::Brotli(Box::new(Brotli::new())),
            Coding::Zstd => Engine::Zstd(Zstd::new().map_err(|error| damaged(coding, &error))?),
        };
        let scratch = vec![0; SCRATCH].into_boxed_slice();
        Ok(Self { coding, engine, scratch, decoded: 0..0, filled: false, total: 0 })
    }

    /// Whether a stream has begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.engine.is_open()
    }

    /// The decoded bytes that are not yet taken.
    pub(super) fn decoded(&self) -> &[u8] {
        self.scratch.get(self.decoded.clone()).unwrap_or_default()
    }

    /// Drops the first `count` decoded bytes.
    pub(super) fn take(&mut self, count: usize) {
        self.decoded.start = self.decoded.start.saturating_add(count).min(self.decoded.end);
    }

    /// Whether a step may take milliseconds.
    pub(super) fn is_heavy(&self) -> bool {
        matches!(&self.engine, Engine::Brotli(brotli) if brotli.window() > LIGHT_WINDOW)
    }

    /// One step: decodes at most [`SCRATCH`] bytes from the beginning of `input`. Returns the bytes read. The bytes
    /// decoded before must be taken.
    pub(super) fn decode(&mut self, input: &[u8]) -> Result<usize, AttemptError> {
        let piece = match &self.engine {
            Engine::Brotli(brotli) if brotli.window() == 0 => BROTLI_HEAD,
            Engine::Brotli(_) => BROTLI_INPUT,
            _ => INPUT,
        };
        let step = self.engine.step(input.get(..piece).unwrap_or(input), &mut self.scratch);
        let step = step.map_err(|error| match error {
            StepError::Memory => OutOfMemory.into(),
            StepError::Damaged(error) => damaged(self.coding, &error),
        })?;
        self.decoded = 0..step.written;
        self.total = self.total.saturating_add(step.written as u64);
        let filled = step.written == self.scratch.len();
        if step.read == 0 && step.written == 0 && !input.is_empty() && !self.filled {
            return Err(damaged(self.coding, &"the decoder makes no progress"));
        }
        self.filled = filled;
        Ok(step.read)
    }
}

fn damaged(coding: Coding, error: &dyn fmt::Display) -> AttemptError {
    AttemptError::new(ErrorKind::Decoding, Phase::Body, format!("the {} body is damaged: {error}", coding.as_str()))
}

#[derive(Default)]
struct Step {
    read: usize,
    written: usize,
}

enum StepError {
    /// The body is not a valid stream of its coding.
    Damaged(Box<dyn fmt::Display + Send + Sync>),
    Memory,
}

impl<E: fmt::Display + Send + Sync + 'static> From<E> for StepError {
    fn from(error: E) -> Self {
        Self::Damaged(Box::new(error))
    }
}

/// A step, and whether the body ended with it.
type Stepped = Result<(Step, bool), StepError>;

enum Engine {
    Gzip(Gzip),
    Deflate(Deflate),
    Brotli(Box<Brotli>),
    Zstd(Zstd),
    /// The stream has ended; the rest is ignored.
    Ended,
}

impl Engine {
    fn step(&mut self, input: &[u8], scratch: &mut [u8]) -> Result<Step, StepError> {
        let (step, ended) = match self {
            Self::Gzip(gzip) => gzip.step(input, scratch)?,
            Self::Deflate(deflate) => deflate.step(input, scratch)?,
            Self::Brotli(brotli) => brotli.step(input, scratch)?,
            Self::Zstd(zstd) => zstd.step(input, scratch)?,
            Self::Ended => return Ok(Step { read: input.len(), written: 0 }),
        };
        if ended {
            *self = Self::Ended;
        }
        Ok(step)
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Gzip(gzip) => matches!(gzip, Gzip::Member { .. } | Gzip::Between { first: true, magic: true }),
            Self::Deflate(deflate) => !matches!(deflate, Deflate::Start { first: None }),
            Self::Brotli(brotli) => brotli.begun,
            Self::Zstd(zstd) => zstd.in_frame > 0,
            Self::Ended => false,
        }
    }
}

fn inflate(state: &mut Decompress, input: &[u8], scratch: &mut [u8]) -> Stepped {
    let (read, written) = (state.total_in(), state.total_out());
    let status = state.decompress(input, scratch, FlushDecompress::None)?;
    // The differences of one call fit its buffers.
    let step = Step {
        read: usize::try_from(state.total_in() - read).unwrap_or(input.len()),
        written: usize::try_from(state.total_out() - written).unwrap_or(scratch.len()),
    };
    Ok((step, status == Status::StreamEnd))
}

/// A sequence of gzip members, each checked by its CRC and length.
enum Gzip {
    /// Before a member; `magic`: its first byte, 0x1f, was read.
    Between {
        first: bool,
        magic: bool,
    },
    Member {
        state: Decompress,
    },
}

impl Gzip {
    fn step(&mut self, input: &[u8], scratch: &mut [u8]) -> Stepped {
        match self {
            Self::Member { state } => {
                let (step, ended) = inflate(state, input, scratch)?;
                if ended {
                    *self = Self::Between { first: false, magic: false };
                }
                Ok((step, false))
            }
            Self::Between { first, magic } => {
                let Some(&byte) = input.first() else { return Ok((Step::default(), false)) };
                match (*magic, byte) {
                    (false, 0x1f) => {
                        *magic = true;
                        Ok((Step { read: 1, written: 0 }, false))
                    }
                    (true, 0x8b) => {
                        // Two bytes of a header decode to nothing.
                        let mut state = Decompress::new_gzip(15);
                        inflate(&mut state, &[0x1f, 0x8b], scratch)?;
                        *self = Self::Member { state };
                        Ok((Step { read: 1, written: 0 }, false))
                    }
                    _ if *first => Err("it has no gzip header".into()),
                    _ => Ok((Step { read: input.len(), written: 0 }, true)),
                }
            }
        }
    }
}

/// Deflate, zlib-wrapped or raw; the first two bytes tell.
enum Deflate {
    Start { first: Option<u8> },
    Stream { state: Decompress },
}

impl Deflate {
    fn step(&mut self, input: &[u8], scratch: &mut [u8]) -> Stepped {
        match self {
            Self::Stream { state } => inflate(state, input, scratch),
            Self::Start { first } => {
                let Some(&byte) = input.first() else { return Ok((Step::default(), false)) };
                let Some(held) = *first else {
                    *first = Some(byte);
                    return Ok((Step { read: 1, written: 0 }, false));
                };
                let mut state = Decompress::new(is_zlib_header(held, byte));
                // One byte decodes to nothing: neither zlib's header nor that of a raw block is complete.
                inflate(&mut state, &[held], scratch)?;
                let result = inflate(&mut state, input, scratch);
                *self = Self::Stream { state };
                result
            }
        }
    }
}

/// Whether these bytes begin a zlib stream (RFC 1950): method 8, window up to 32 KiB, no dictionary, valid check bits.
fn is_zlib_header(cmf: u8, flags: u8) -> bool {
    cmf & 0x0f == 8 && cmf >> 4 <= 7 && flags & 0x20 == 0 && u16::from_be_bytes([cmf, flags]).is_multiple_of(31)
}

/// Brotli with windows of at most 16 MiB (RFC 7932, without the "large window" extension).
struct Brotli {
    state: BrotliState<Heap, Heap, Heap>,
    total: usize,
    begun: bool,
}

impl Brotli {
    fn new() -> Self {
        let heap = Heap::default;
        Self { state: BrotliState::new_strict(heap(), heap(), heap()), total: 0, begun: false }
    }

    /// The size of the window; 0 until it is allocated.
    fn window(&self) -> usize {
        self.state.ringbuffer.slice().len()
    }

    fn step(&mut self, input: &[u8], scratch: &mut [u8]) -> Stepped {
        if input.is_empty() && !self.begun {
            return Ok((Step::default(), false));
        }
        self.begun = true;
        let (mut left, mut room) = (input.len(), scratch.len());
        let (mut read, mut written) = (0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            input,
            &mut room,
            &mut written,
            scratch,
            &mut self.total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure if self.state.alloc_u8.refused || self.state.alloc_hc.refused => {
                Err(StepError::Memory)
            }
            BrotliResult::ResultFailure => Err("the brotli stream is invalid".into()),
            BrotliResult::ResultSuccess => Ok((Step { read, written }, true)),
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok((Step { read, written }, false)),
        }
    }
}

/// A sequence of Zstandard frames.
struct Zstd {
    state: ZstdDecoder<'static>,
    /// Bytes read of the current frame; 0 between frames.
    in_frame: u64,
    /// At least one frame was complete.
    complete: bool,
}

impl Zstd {
    fn new() -> std::io::Result<Self> {
        let mut state = ZstdDecoder::new()?;
        state.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        Ok(Self { state, in_frame: 0, complete: false })
    }

    fn step(&mut self, input: &[u8], scratch: &mut [u8]) -> Stepped {
        if input.is_empty() && self.in_frame == 0 {
            return Ok((Step::default(), false));
        }
        match self.state.run_on_buffers(input, scratch) {
            Ok(status) => {
                let step = Step { read: status.bytes_read, written: status.bytes_written };
                if status.remaining == 0 {
                    self.in_frame = 0;
                    self.complete = true;
                } else {
                    self.in_frame += step.read as u64;
                }
                Ok((step, false))
            }
            // After the last frame, bytes without the magic number of another are ignored.
            Err(_) if self.complete && self.in_frame < 4 => Ok((Step { read: input.len(), written: 0 }, true)),
            Err(error) => Err(error.into()),
        }
    }
}
