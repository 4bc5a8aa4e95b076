//! Unpacks documents within a bound: a document that unpacks to more fails before it takes the memory.
//!
//! A document is read to its end: all members of a gzip file, all frames of a zstd file. Nothing may follow (after gzip,
//! zeros), so that a document which is not quite in its format fails instead of giving half a result.

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use regex_automata::util::pool::Pool;
use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer, ResetDirective};

use super::format::Format;
use super::inflate::{self, ends_early, trailing};
use super::output::Output;
use crate::error::KernelError;
use crate::stop::Stop;

/// Packed bytes at a time.
const STEP: usize = 32 << 10;

/// Unpacks documents of one format, or of any that their first bytes tell.
pub struct Decompressor {
    format: Option<Format>,
    max_size: Option<u64>,
    zstd_contexts: Pool<DCtx<'static>, fn() -> DCtx<'static>>,
}

impl Decompressor {
    /// `format`: None to tell it by each document's first bytes. `max_size`: unpacked bytes of one document.
    pub fn new(format: Option<Format>, max_size: Option<u64>) -> Self {
        Self { format, max_size, zstd_contexts: Pool::new(DCtx::create) }
    }

    /// The document, unpacked.
    pub fn decompress(&self, document: &[u8], stop: &Stop) -> Result<Vec<u8>, KernelError> {
        stop.check()?;
        let format = self.format.or_else(|| Format::guess(document)).ok_or_else(|| unknown(document))?;
        let hint = match format {
            Format::Gzip => inflate::size_hint(document),
            Format::Zstd => zstd_safe::get_frame_content_size(document).ok().flatten().unwrap_or(0),
            Format::Zlib | Format::Brotli => 4 * document.len() as u64,
        };
        let mut output = Output::new(hint, self.max_size, stop)?;
        match format {
            Format::Gzip => inflate::gunzip(document, &mut output)?,
            Format::Zlib => inflate::unzlib(document, &mut output)?,
            Format::Zstd => unzstd(&mut self.zstd_contexts.get(), document, &mut output)?,
            Format::Brotli => unbrotli(document, &mut output)?,
        }
        Ok(output.finish())
    }
}

fn unknown(document: &[u8]) -> KernelError {
    if document.is_empty() {
        return KernelError::value("empty: nothing to unpack");
    }
    KernelError::value("not gzip, zlib or zstd by its first bytes (brotli has no mark: name it)")
}

fn unzstd(context: &mut DCtx<'_>, document: &[u8], output: &mut Output<'_>) -> Result<(), KernelError> {
    let broken = |code| KernelError::value(format!("damaged zstd data: {}", zstd_safe::get_error_name(code)));
    context.reset(ResetDirective::SessionOnly).map_err(broken)?;
    let mut rest = document;
    // Whether `rest` begins between two frames.
    let mut between = true;
    while !(rest.is_empty() && between) || document.is_empty() {
        let step = rest.get(..STEP).unwrap_or(rest);
        let mut input = InBuffer::around(step);
        let room = output.room()?;
        let before = room.len();
        let mut target = OutBuffer::around_pos(room, before);
        let left = context.decompress_stream(&mut target, &mut input).map_err(broken)?;
        let written = target.pos() - before;
        output.check()?;
        rest = rest.get(input.pos()..).unwrap_or_default();
        between = left == 0;
        if step.is_empty() && written == 0 {
            return Err(ends_early("zstd"));
        }
    }
    Ok(())
}

fn unbrotli(document: &[u8], output: &mut Output<'_>) -> Result<(), KernelError> {
    let allocate = StandardAlloc::default;
    let mut state = BrotliState::new(allocate(), allocate(), allocate());
    let mut buffer = vec![0; STEP];
    let (mut offset, mut total) = (0, 0);
    loop {
        let mut available = document.len() - offset;
        let (mut room, mut written) = (buffer.len(), 0);
        let result = BrotliDecompressStream(
            &mut available,
            &mut offset,
            document,
            &mut room,
            &mut written,
            &mut buffer,
            &mut total,
            &mut state,
        );
        output.extend(buffer.get(..written).unwrap_or_default())?;
        match result {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput => return Err(ends_early("brotli")),
            BrotliResult::ResultFailure => return Err(KernelError::value("damaged brotli data")),
            BrotliResult::ResultSuccess if offset == document.len() => return Ok(()),
            BrotliResult::ResultSuccess => {
                return Err(trailing(document.get(offset..).unwrap_or_default(), "brotli"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
