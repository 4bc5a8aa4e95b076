//! Hashes, in hexadecimal as `hexdigest()` of `hashlib` and `xxhash`.
//!
//! Speed of one thread relative to the Python modules, 2,000 documents of 20 KB: sha256 1.2× OpenSSL (both use the
//! CPU's SHA instructions), blake3 1.2×, xxh3 1.0× (limited by memory bandwidth), md5 0.87× (OpenSSL has it in
//! assembly). The Python modules hold the GIL for documents of up to 2 KiB; these kernels never do.
//!
//! XXH3 comes from twox-hash, which detects AVX2 at run time: 1.24 ms for 2,000 documents of 17.7 KB in a bare loop.
//! xxhash-rust uses AVX2 only if it is compiled for it, and takes 1.60 ms.

use std::hash::Hasher as _;

use twox_hash::XxHash3_64;

use crate::error::KernelError;
use crate::stop::Stop;

/// Bytes hashed between two checks of the `Stop`: 0.1 to 2 ms.
const STEP: usize = 1 << 20;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// BLAKE3, 256 bits.
    Blake3,
    /// XXH3, 64 bits, seed 0: fast, not cryptographic.
    Xxh3,
    /// MD5 (RFC 1321): for old checksums only.
    Md5,
}

impl Algorithm {
    /// Parses the argument of `parallel.hash`.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "sha256" => Ok(Self::Sha256),
            "blake3" => Ok(Self::Blake3),
            "xxh3" => Ok(Self::Xxh3),
            "md5" => Ok(Self::Md5),
            _ => Err(format!("no algorithm {name:?}: \"sha256\", \"blake3\", \"xxh3\" or \"md5\"")),
        }
    }

    /// The length of its digest in bytes.
    fn length(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 32,
            Self::Xxh3 => 8,
            Self::Md5 => 16,
        }
    }
}

/// A hash of at most 256 bits. It becomes text only when Python asks for it, so a batch allocates nothing per document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; MAX_LENGTH],
    algorithm: Algorithm,
}

/// Bytes of the longest digest.
const MAX_LENGTH: usize = 32;

impl Digest {
    fn new(algorithm: Algorithm, digest: &[u8]) -> Self {
        let mut bytes = [0; MAX_LENGTH];
        bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
        Self { bytes, algorithm }
    }

    /// Calls `callback` with the digest in lower-case hexadecimal digits.
    pub fn with_text<R>(&self, callback: impl FnOnce(&str) -> R) -> R {
        let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
        let mut text = [0; 2 * MAX_LENGTH];
        let (pairs, _) = text.as_chunks_mut::<2>();
        pairs.iter_mut().zip(self.bytes).for_each(|(pair, byte)| *pair = [digit(byte >> 4), digit(byte & 15)]);
        let text = text.get(..2 * self.algorithm.length()).and_then(|text| str::from_utf8(text).ok());
        callback(text.unwrap_or_default())
    }
}

/// The hash of a document.
pub fn hash(algorithm: Algorithm, document: &[u8], stop: &Stop) -> Result<Digest, KernelError> {
    let digest = |bytes: &[u8]| Digest::new(algorithm, bytes);
    match algorithm {
        Algorithm::Sha256 => Ok(digest(&digest_of::<sha2::Sha256>(document, stop)?)),
        Algorithm::Md5 => Ok(digest(&digest_of::<md5::Md5>(document, stop)?)),
        Algorithm::Blake3 => {
            let mut hasher = blake3::Hasher::new();
            steps(document, stop, |step| {
                hasher.update(step);
            })?;
            Ok(digest(hasher.finalize().as_bytes()))
        }
        Algorithm::Xxh3 => {
            // Hashing in steps costs 30 ns more, as much as hashing another KB.
            let hash = if document.len() <= PREFETCH { XxHash3_64::oneshot(document) } else { xxh3(document, stop)? };
            Ok(digest(&hash.to_be_bytes()))
        }
    }
}

/// Bytes prefetched while as many are hashed: 2,000 documents of 17.9 KB that are in no cache take 3.7 ms instead of
/// 5.1 (1.8 instead of 2.0 if they are in the last-level cache). Half or twice the size is no better. A last piece that
/// is shorter is not prefetched: a prefetch loop of variable length would take as long as it saves.
const PREFETCH: usize = 2 << 10;

/// The hasher, aligned so that it lies within one page of memory. It buffers a little of each step, 64 bytes at a time;
/// across two pages, hashing takes 15 to 30 % longer.
#[repr(align(512))]
struct InOnePage(XxHash3_64);

const _: () = assert!(size_of::<InOnePage>() == 512);

fn xxh3(document: &[u8], stop: &Stop) -> Result<u64, KernelError> {
    let mut hasher = InOnePage(XxHash3_64::new());
    steps(document, stop, |step| {
        prefetch(step.get(..PREFETCH));
        for (number, piece) in step.chunks(PREFETCH).enumerate() {
            prefetch(step.get((number + 1) * PREFETCH..).and_then(|rest| rest.get(..PREFETCH)));
            hasher.0.write(piece);
        }
    })?;
    Ok(hasher.0.finish())
}

/// Prefetches memory that will soon be read.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch(bytes: Option<&[u8]>) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    const LINE: usize = 64;
    for line in bytes.unwrap_or_default().chunks(LINE) {
        // SAFETY: every x86-64 CPU has the instruction, which only fills caches.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

/// Does nothing: other CPUs prefetch on their own.
#[cfg(not(target_arch = "x86_64"))]
fn prefetch(_bytes: Option<&[u8]>) {}

fn digest_of<D: sha2::Digest>(document: &[u8], stop: &Stop) -> Result<sha2::digest::Output<D>, KernelError> {
    let mut hasher = D::new();
    steps(document, stop, |step| hasher.update(step))?;
    Ok(hasher.finalize())
}

/// Calls `update` with each [`STEP`] of the document, and checks `stop` before each.
fn steps(document: &[u8], stop: &Stop, mut update: impl FnMut(&[u8])) -> Result<(), KernelError> {
    for step in document.chunks(STEP) {
        stop.check()?;
        update(step);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
