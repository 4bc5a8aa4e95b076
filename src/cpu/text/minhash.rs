//! MinHash signatures: texts of which a share J of all their shingles is common agree in about the share J of their
//! signatures' numbers (Broder, "On the resemblance and containment of documents", 1997).
//!
//! A shingle is `ngram` words or characters in a row; a text shorter than that is one shingle, a text without a word has
//! none, and the signature of nothing: the highest number everywhere. Words are what stands between white space, as it
//! stands. Five words are what is usual for finding near duplicates in collections of web pages.
//!
//! A shingle is hashed once, by XXH3 to 64 bits (words first, then their hashes in a row, so that white space does not
//! count), folded to 32; the permutations are multiply-shift, `(a·x + b mod 2^64) >> 32` with random 64-bit `a` and `b`,
//! which is strongly universal for 32-bit `x` (Dietzfelbinger, "Universal hashing and k-wise independent random
//! variables via integer arithmetic without primes", 1996), and close to ideal on hashed input (Mitzenmacher and Vadhan,
//! "Why simple hash functions work", 2008).

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::cpu::failure::Failure;
use crate::cpu::stop::Stop;

/// What shingles are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// What stands between white space.
    Words,
    /// Unicode characters.
    Characters,
}

impl By {
    /// By the name that `parallel.minhash` takes.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "words" => Ok(Self::Words),
            "characters" => Ok(Self::Characters),
            _ => Err(format!("no shingles of {name:?}: \"words\" or \"characters\"")),
        }
    }
}

/// Makes signatures that can be compared with each other.
#[derive(Debug)]
pub struct MinHash {
    by: By,
    ngram: usize,
    seed: u64,
    multipliers: Vec<u64>,
    summands: Vec<u64>,
}

const MOST: usize = 1 << 16;

impl MinHash {
    /// `num_perm` numbers a signature, 1 to 65,536; the standard error of an estimate is at most 0.5 / √num_perm.
    /// Signatures with different seeds have nothing in common.
    pub fn new(num_perm: usize, ngram: usize, seed: u64, by: By) -> Result<Self, String> {
        if num_perm == 0 || num_perm > MOST {
            return Err(format!("num_perm={num_perm} is out of range: 1 to {MOST}"));
        }
        if ngram == 0 {
            return Err("ngram=0 is out of range: at least 1".into());
        }
        let number = |index: usize, kind: u64| xxh3_64_with_seed(&(index as u64).to_le_bytes(), seed ^ kind);
        Ok(Self {
            by,
            ngram,
            seed,
            multipliers: (0..num_perm).map(|index| number(index, 0x6d75_6c74)).collect(),
            summands: (0..num_perm).map(|index| number(index, 0x706c_7573)).collect(),
        })
    }

    /// The text's signature.
    pub fn signature(&self, text: &str, stop: &Stop) -> Result<Vec<u32>, Failure> {
        let mut signature = vec![u32::MAX; self.multipliers.len()];
        let mut batch = Batch { minhash: self, hashes: Vec::with_capacity(BATCH), signature: &mut signature, stop };
        match self.by {
            By::Words => self.words(text, &mut batch)?,
            By::Characters => self.characters(text, &mut batch)?,
        }
        batch.flush()?;
        Ok(signature)
    }

    fn words(&self, text: &str, batch: &mut Batch<'_>) -> Result<(), Failure> {
        // The hashes of the last words, as bytes; shingles are windows of it.
        let mut row = Vec::with_capacity(8 * (self.ngram.min(BATCH) + BATCH));
        let size = self.ngram.saturating_mul(8);
        let mut count = 0_usize;
        for word in text.split_whitespace() {
            row.extend_from_slice(&xxh3_64(word.as_bytes()).to_le_bytes());
            count += 1;
            if let Some(start) = row.len().checked_sub(size) {
                batch.push(self.shingle(row.get(start..).unwrap_or_default()))?;
                if row.len() >= size + 8 * BATCH {
                    row.drain(..start + 8);
                }
            }
        }
        if count > 0 && count < self.ngram {
            batch.push(self.shingle(&row))?;
        }
        Ok(())
    }

    fn characters(&self, text: &str, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let mut starts = text.char_indices().map(|(start, _)| start);
        let mut ends = text.char_indices().map(|(start, char)| start + char.len_utf8()).skip(self.ngram - 1).peekable();
        if ends.peek().is_none() && !text.is_empty() {
            return batch.push(self.shingle(text.as_bytes()));
        }
        while let (Some(end), Some(start)) = (ends.next(), starts.next()) {
            batch.push(self.shingle(text.as_bytes().get(start..end).unwrap_or_default()))?;
        }
        Ok(())
    }

    fn shingle(&self, bytes: &[u8]) -> u32 {
        let hash = xxh3_64_with_seed(bytes, self.seed);
        (hash ^ hash >> 32) as u32
    }
}

/// Shingles that are permuted together: a signature's number stays in a register for all of them.
const BATCH: usize = 256;

struct Batch<'a> {
    minhash: &'a MinHash,
    hashes: Vec<u32>,
    signature: &'a mut [u32],
    stop: &'a Stop,
}

impl Batch<'_> {
    fn push(&mut self, hash: u32) -> Result<(), Failure> {
        self.hashes.push(hash);
        if self.hashes.len() == BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.stop.check()?;
        permute(&self.minhash.multipliers, &self.minhash.summands, &self.hashes, self.signature);
        self.hashes.clear();
        Ok(())
    }
}

fn permute(multipliers: &[u64], summands: &[u64], hashes: &[u32], signature: &mut [u32]) {
    for ((least, a), b) in signature.iter_mut().zip(multipliers).zip(summands) {
        for hash in hashes {
            *least = (*least).min((a.wrapping_mul(u64::from(*hash)).wrapping_add(*b) >> 32) as u32);
        }
    }
}

#[cfg(test)]
mod tests;
