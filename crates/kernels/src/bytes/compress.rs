//! Compresses documents: gzip with libdeflate, zstd with zstd, brotli with its Rust port.
//!
//! 2,000 documents of 20 KB on one thread, beside Python's packages at the same level: gzip 6 in 350 ms (`gzip`: 680),
//! zstd 3 in 133 (`zstandard`: 131 with one context for all, 180 with its `compress()`; the same C code), brotli 5 in
//! 1,000 (`brotli`, in C: 780). Compressors are used again for the next document.
//!
//! A document that libdeflate does not take is compressed as a stream, so that it can be stopped.

use std::io::{self, Read};

use flate2::Compression;
use flate2::write::GzEncoder;
use libdeflater::CompressionLvl;
use regex_automata::util::pool::Pool;
use zstd::zstd_safe::{self, CCtx, CParameter, ResetDirective};

use super::format::Format;
use crate::document::check_room;
use crate::error::KernelError;
use crate::stop::Stop;

/// The longest document that libdeflate takes, which knows no streams. zlib-rs compresses longer ones as well and about
/// as fast.
const WHOLE: usize = 4 << 20;

/// Compresses documents to one format at one level.
pub struct Compressor {
    format: Format,
    level: i32,
    deflaters: Pool<libdeflater::Compressor, Box<dyn Fn() -> libdeflater::Compressor + Send + Sync>>,
    zstd_contexts: Pool<CCtx<'static>, fn() -> CCtx<'static>>,
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
        let deflater = move || libdeflater::Compressor::new(CompressionLvl::new(level).unwrap_or_default());
        let (deflaters, zstd_contexts) = (Pool::new(Box::new(deflater) as _), Pool::new(CCtx::create as _));
        Ok(Self { format, level, deflaters, zstd_contexts })
    }

    /// The document, compressed.
    pub fn compress(&self, document: &[u8], stop: &Stop) -> Result<Vec<u8>, KernelError> {
        stop.check()?;
        check_room(document.len(), 2)?;
        let mut packed = Vec::new();
        if self.format == Format::Gzip && document.len() <= WHOLE {
            let mut deflater = self.deflaters.get();
            packed.resize(deflater.gzip_compress_bound(document.len()), 0);
            let length = deflater.gzip_compress(document, &mut packed);
            packed.truncate(length.map_err(|error| KernelError::internal(format!("libdeflate: {error}")))?);
        } else {
            self.stream(document, &mut packed, stop)?;
        }
        packed.shrink_to_fit();
        Ok(packed)
    }

    fn stream(&self, document: &[u8], packed: &mut Vec<u8>, stop: &Stop) -> Result<(), KernelError> {
        let steps = &mut Steps { rest: document, stop };
        let done = match self.format {
            Format::Zstd => zstd(&mut self.zstd_contexts.get(), self.level, steps, packed),
            Format::Brotli => brotli(self.level, steps, packed),
            Format::Gzip | Format::Zlib => {
                // Level 1 of zlib-rs hardly compresses; its level 2 is the level 1 of others.
                let level = if self.level == 1 { 2 } else { self.level.unsigned_abs() };
                let mut encoder = GzEncoder::new(packed, Compression::new(level));
                io::copy(steps, &mut encoder).and_then(|_| encoder.try_finish())
            }
        };
        done.map_err(|error| match stop.check() {
            Ok(()) => KernelError::internal(format!("{}: {error}", self.format.name())),
            Err(stopped) => stopped,
        })
    }
}

fn zstd(context: &mut CCtx<'static>, level: i32, steps: &mut Steps<'_>, packed: &mut Vec<u8>) -> io::Result<()> {
    let failure = |code| io::Error::other(zstd_safe::get_error_name(code));
    context.reset(ResetDirective::SessionOnly).map_err(failure)?;
    context.set_parameter(CParameter::CompressionLevel(level)).map_err(failure)?;
    let mut encoder = zstd::Encoder::with_context(packed, context);
    encoder.set_pledged_src_size(Some(steps.rest.len() as u64))?;
    io::copy(steps, &mut encoder)?;
    encoder.finish().map(drop)
}

fn brotli(level: i32, steps: &mut Steps<'_>, packed: &mut Vec<u8>) -> io::Result<()> {
    // A window no larger than the document: with 4 MiB for each, two thirds of the time are page faults. (Below 2^17 brotli
    // searches for matches in another, slower way.)
    let size = steps.rest.len();
    let parameters = ::brotli::enc::BrotliEncoderParams {
        quality: level,
        lgwin: (usize::BITS - size.leading_zeros()).clamp(18, 22) as i32,
        size_hint: size,
        ..::brotli::enc::BrotliEncoderParams::default()
    };
    ::brotli::BrotliCompress(steps, packed, &parameters).map(drop)
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
