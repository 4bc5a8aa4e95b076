//! Compresses documents: gzip with libdeflate, zstd with zstd, brotli with its Rust port.
//!
//! 2,000 documents of 20 KB on one thread, beside Python's packages at the same level: gzip 6 in 350 ms (`gzip`: 680),
//! zstd 3 in 133 (`zstandard`: 131 with one context for all, 180 with its `compress()`; the same C code), brotli 5 in
//! 1,000 (`brotli`, in C: 780). Compressors are used again for the next document.
//!
//! A document longer than [`WHOLE`] is compressed as a stream, so that it can be stopped.

use std::io::{self, Read};

use flate2::{Compress, Compression, FlushCompress, Status};
use libdeflater::CompressionLvl;
use regex_automata::util::pool::Pool;
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective as Directive;
use zstd::zstd_safe::{self, CCtx, CParameter, InBuffer, OutBuffer, ResetDirective};

use super::format::Format;
use crate::error::KernelError;
use crate::room::check_room;
use crate::stop::Stop;

/// The longest document that libdeflate takes, which knows no streams. zlib-rs compresses longer ones as well and about
/// as fast.
const WHOLE: usize = 4 << 20;
/// Bytes between two looks at the stop.
const STEP: usize = 128 << 10;
/// The window that gzip has: 32 KiB.
const WINDOW_BITS: u8 = 15;

/// Compresses documents to one format at one level.
pub struct Compressor(Method);

type Deflaters = Pool<libdeflater::Compressor, Box<dyn Fn() -> libdeflater::Compressor + Send + Sync>>;

enum Method {
    Gzip { level: u32, compressors: Deflaters },
    Zstd { level: i32, contexts: Pool<CCtx<'static>, fn() -> CCtx<'static>> },
    Brotli { level: i32 },
}

impl Compressor {
    /// Levels: gzip 0 to 9 (default 6), zstd -131072 to 22 (3), brotli 0 to 11 (5: its own default of 11 takes 100 times
    /// as long).
    pub fn new(format: Format, level: Option<i32>) -> Result<Self, String> {
        let (default, range) = match format {
            Format::Gzip => (6, 0..=9),
            Format::Zstd => (zstd::DEFAULT_COMPRESSION_LEVEL, zstd::compression_level_range()),
            Format::Brotli => (5, 0..=11),
            Format::Zlib => return Err("zlib is only read; gzip is the same in another wrapping".into()),
        };
        let level = level.unwrap_or(default);
        if !range.contains(&level) {
            let name = format.name();
            return Err(format!("level {level} is out of range: {name} has {} to {}", range.start(), range.end()));
        }
        Ok(Self(match format {
            Format::Zstd => Method::Zstd { level, contexts: Pool::new(CCtx::create) },
            Format::Brotli => Method::Brotli { level },
            Format::Gzip | Format::Zlib => {
                let create = move || libdeflater::Compressor::new(CompressionLvl::new(level).unwrap_or_default());
                Method::Gzip { level: level.unsigned_abs(), compressors: Pool::new(Box::new(create)) }
            }
        }))
    }

    /// The document, compressed.
    pub fn compress(&self, document: &[u8], stop: &Stop) -> Result<Vec<u8>, KernelError> {
        stop.check()?;
        check_room(document.len(), 2)?;
        match &self.0 {
            Method::Gzip { compressors, .. } if document.len() <= WHOLE => gzip(&mut compressors.get(), document),
            Method::Gzip { level, .. } => gzip_stream(*level, document, stop),
            Method::Zstd { level, contexts } => {
                zstd(&mut contexts.get(), *level, document, stop).map_err(zstd_error)?
            }
            Method::Brotli { level } => brotli(*level, document, stop),
        }
    }
}

fn gzip(compressor: &mut libdeflater::Compressor, document: &[u8]) -> Result<Vec<u8>, KernelError> {
    let mut packed = vec![0; compressor.gzip_compress_bound(document.len())];
    let length = compressor
        .gzip_compress(document, &mut packed)
        .map_err(|error| KernelError::internal(format!("libdeflate: {error}")))?;
    packed.truncate(length);
    packed.shrink_to_fit();
    Ok(packed)
}

fn gzip_stream(level: u32, document: &[u8], stop: &Stop) -> Result<Vec<u8>, KernelError> {
    // Level 1 of zlib-rs hardly compresses; its level 2 is the level 1 of others.
    let level = if level == 1 { 2 } else { level };
    let mut state = Compress::new_gzip(Compression::new(level), WINDOW_BITS);
    let mut packed = Vec::new();
    let mut rest = document;
    loop {
        stop.check()?;
        packed.reserve(STEP);
        let step = rest.get(..STEP).unwrap_or(rest);
        let flush = if step.len() == rest.len() { FlushCompress::Finish } else { FlushCompress::None };
        let read = state.total_in();
        let status = state
            .compress_vec(step, &mut packed, flush)
            .map_err(|error| KernelError::internal(format!("zlib-rs: {error}")))?;
        rest = rest.get(usize::try_from(state.total_in() - read).unwrap_or(usize::MAX)..).unwrap_or_default();
        if status == Status::StreamEnd {
            return Ok(packed);
        }
    }
}

type Stoppable<T> = Result<T, KernelError>;

fn zstd(context: &mut CCtx<'_>, level: i32, document: &[u8], stop: &Stop) -> Result<Stoppable<Vec<u8>>, usize> {
    context.reset(ResetDirective::SessionOnly)?;
    context.set_parameter(CParameter::CompressionLevel(level))?;
    let mut packed = Vec::with_capacity(zstd_safe::compress_bound(document.len().min(WHOLE)));
    if document.len() <= STEP {
        context.compress2(&mut packed, document)?;
        packed.shrink_to_fit();
        return Ok(Ok(packed));
    }
    context.set_pledged_src_size(Some(document.len() as u64))?;
    let mut rest = document;
    loop {
        if let Err(failure) = stop.check() {
            return Ok(Err(failure));
        }
        packed.reserve(STEP);
        let step = rest.get(..STEP).unwrap_or(rest);
        let last = step.len() == rest.len();
        let directive = if last { Directive::ZSTD_e_end } else { Directive::ZSTD_e_continue };
        let mut input = InBuffer::around(step);
        let before = packed.len();
        let mut output = OutBuffer::around_pos(&mut packed, before);
        let left = context.compress_stream2(&mut output, &mut input, directive)?;
        rest = rest.get(input.pos()..).unwrap_or_default();
        if last && left == 0 {
            packed.shrink_to_fit();
            return Ok(Ok(packed));
        }
    }
}

fn zstd_error(code: usize) -> KernelError {
    KernelError::internal(format!("zstd: {}", zstd_safe::get_error_name(code)))
}

fn brotli(level: i32, document: &[u8], stop: &Stop) -> Result<Vec<u8>, KernelError> {
    // A window no larger than the document: with 4 MiB for each, two thirds of the time are page faults. (Below 2^17 brotli
    // searches for matches in another, slower way.)
    let window = (usize::BITS - document.len().leading_zeros()).clamp(18, 22);
    let parameters = ::brotli::enc::BrotliEncoderParams {
        quality: level,
        lgwin: window as i32,
        size_hint: document.len(),
        ..::brotli::enc::BrotliEncoderParams::default()
    };
    let mut packed = Vec::new();
    let mut input = Steps { rest: document, stop };
    match ::brotli::BrotliCompress(&mut input, &mut packed, &parameters) {
        Ok(_) => Ok(packed),
        Err(_) if stop.is_set() => Err(KernelError::stopped()),
        Err(error) => Err(KernelError::internal(format!("brotli: {error}"))),
    }
}

/// Reads a document until the batch is stopped.
struct Steps<'a> {
    rest: &'a [u8],
    stop: &'a Stop,
}

impl Read for Steps<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stop.check().map_err(io::Error::other)?;
        self.rest.read(buffer)
    }
}

#[cfg(test)]
mod tests;
