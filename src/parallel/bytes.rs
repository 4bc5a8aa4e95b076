//! `hash`, `compress`, `decompress`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arguments::{invalid, take, text};
use super::results::Whole;
use super::run::KernelCall;
use crate::arguments::scalars::{integer, size};
use crate::bridge::job::Job;
use shoal_kernels::bytes::compress::Compressor;
use shoal_kernels::bytes::decompress::Decompressor;
use shoal_kernels::bytes::format::Format;
use shoal_kernels::bytes::hash::{Algorithm, hash as hash_kernel};

#[doc = signature!(hash("docs, algorithm='sha256', *"), kernel)]
/// The hash of each document, in lower-case hexadecimal digits.
///
///     digests = await parallel.hash(docs, "sha256")
///
/// Args:
///     docs: an iterable of `str` (hashed as UTF-8), `bytes`, bytes-like objects, paths or `Response`s, or an Arrow or
///         NumPy array of them.
///     algorithm: "sha256" (FIPS 180-4), "blake3", "xxh3" (XXH3 of 64 bits; fast, but not safe against an adversary) or
///         "md5" (RFC 1321; likewise).
///     on_error: "raise" the first failure as an ItemError, "return" it in its place, or "skip" the document; "raise".
///     workers: threads at once; None for all cores (or `SHOAL_THREADS`).
///     progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.
///
/// Returns:
///     Job[list[str]]: the digests, as `hexdigest()` of hashlib gives them, in the order of the documents.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is not what it should be.
///     ItemError: from the Job: a document cannot be read.
#[pyfunction]
#[pyo3(signature = (docs, algorithm=None, **keywords), text_signature = None)]
pub fn hash(
    docs: &Bound<'_, PyAny>,
    algorithm: Option<&Bound<'_, PyAny>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let name = algorithm.map_or(Ok("sha256"), |name| text("algorithm", name))?;
    let algorithm = Algorithm::parse(name).map_err(invalid("algorithm"))?;
    KernelCall::new("hash", docs, keywords)
        .list_result(move |document, stop| hash_kernel(algorithm, &document.bytes()?, stop))
}

#[doc = signature!(compress("docs, format='gzip', level=None, *"), kernel)]
/// Each document, compressed.
///
///     packed = await parallel.compress(docs, "zstd", level=9)
///
/// Args:
///     docs: as for `hash`.
///     format: "gzip" (RFC 1952), "zstd" (RFC 8878) or "brotli" (RFC 7932); "gzip".
///     level: how hard to try: gzip 0 to 9 (6 unless said), zstd -131072 to 22 (3), brotli 0 to 11 (5); None for the
///         format's usual one.
///     on_error, workers, progress: as for `hash`.
///
/// Returns:
///     Job[list[bytes]]: in the order of the documents.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is not what it should be.
///     ItemError: from the Job: a document cannot be read.
#[pyfunction]
#[pyo3(signature = (docs, format=None, level=None, **keywords), text_signature = None)]
pub fn compress(
    docs: &Bound<'_, PyAny>,
    format: Option<&Bound<'_, PyAny>>,
    level: Option<&Bound<'_, PyAny>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let format = format.map_or(Ok("gzip"), |name| text("format", name))?;
    let format = Format::to_write(format).map_err(invalid("format"))?;
    let level = level.filter(|level| !level.is_none()).map(|level| integer("level", level)).transpose()?;
    // A number beyond i32 is beyond every range.
    let level = level.map(|level| i32::try_from(level).unwrap_or(if level < 0 { i32::MIN } else { i32::MAX }));
    let compressor = Compressor::new(format, level).map_err(invalid("level"))?;
    KernelCall::new("compress", docs, keywords)
        .list_result(move |document, stop| compressor.compress(&document.bytes()?, stop).map(Whole))
}

#[doc = signature!(decompress("docs, format='auto', *, max_size='64MiB'"), kernel)]
/// Each document, unpacked, and never more of it than allowed.
///
///     bodies = await parallel.decompress(docs, max_size="1GiB")
///
/// Files of several gzip members or zstd frames are unpacked to the end, check sums are verified, and what is cut off or
/// followed by something else is a failure.
///
/// Args:
///     docs: as for `hash`.
///     format: "auto" tells gzip, zlib and zstd apart by their first bytes, document by document; or "gzip", "zlib",
///         "zstd", "brotli" (which has no mark of its own); "auto".
///     max_size: bytes that one document may unpack to, as int or "64MiB"; None for no limit; "64MiB".
///     on_error, workers, progress: as for `hash`.
///
/// Returns:
///     Job[list[bytes]]: in the order of the documents.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is not what it should be.
///     ItemError: from the Job: a document is broken, unpacks to more than `max_size`, or is in no known format
///         (`exception` is a ValueError), or cannot be read.
#[pyfunction]
#[pyo3(signature = (docs, format=None, **keywords), text_signature = None)]
pub fn decompress(
    docs: &Bound<'_, PyAny>,
    format: Option<&Bound<'_, PyAny>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let format = format.map_or(Ok("auto"), |name| text("format", name))?;
    let format = Format::to_read(format).map_err(invalid("format"))?;
    let max_size = take(keywords, "max_size")?.map_or(Ok(MAX_SIZE), |given| size("max_size", &given))?;
    let decompressor = Decompressor::new(format, Some(max_size));
    KernelCall::new("decompress", docs, keywords)
        .list_result(move |document, stop| decompressor.decompress(&document.bytes()?, stop).map(Whole))
}

/// As `max_body` of a request.
const MAX_SIZE: u64 = 64 << 20;
