//! The bodies of `/bytes` and `/json`, deterministic so that a client can check every byte.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::json::push_string;
use shoal_runtime::fork::PerProcess;

/// Byte `i` of `/bytes/{n}` is `i % PERIOD`.
const PERIOD: u64 = 251;
/// The largest document that is built in memory.
pub(crate) const MEMORY_LIMIT: u64 = 256 * 1024 * 1024;

static PATTERN: PerProcess<Vec<u8>> = PerProcess::new();

/// A slice of the byte sequence from `from`, of `limit` bytes at most (and about 256 KiB).
pub(crate) fn pattern(from: u64, limit: u64) -> &'static [u8] {
    let pattern = PATTERN.get_or_init(|| (0..PERIOD as u8).cycle().take(PERIOD as usize * 1024).collect());
    let start = (from % PERIOD) as usize;
    let end = pattern.len().min(start.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX)));
    pattern.get(start..end).unwrap_or_default()
}

/// A small cache of rendered bodies, cleared when full.
pub(crate) struct Cache<K>(Mutex<HashMap<K, Bytes>>);

impl<K> Default for Cache<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Cache<K> {
    const ENTRIES: usize = 64;
    const LARGEST: usize = 8 * 1024 * 1024;

    /// The body of `key`, rendered the first time.
    pub(crate) fn get(&self, key: K, render: impl FnOnce() -> Vec<u8>) -> Bytes {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().get(&key) {
            return found.clone();
        }
        // Rendered without the lock, so that other requests do not wait.
        let made = Bytes::from(render());
        if made.len() <= Self::LARGEST {
            let mut map = lock();
            if map.len() >= Self::ENTRIES {
                map.clear();
            }
            map.insert(key, made.clone());
        }
        made
    }
}

/// Bytes reserved for `i`, so that documents of all indexes have the same length.
const INDEX_WIDTH: usize = 20;

/// The start of a JSON document of `n` bytes: the index, and padding where rows cannot fill the length.
pub(crate) fn json_start(n: u64, index: Option<&str>, rest: usize) -> Vec<u8> {
    let mut start = String::with_capacity(128);
    start.push_str("{\"i\":");
    match index {
        None => start.push_str("null"),
        Some(number) if is_number(number) => start.push_str(number),
        Some(text) => push_string(&mut start, text),
    }
    let _ = write!(start, ",\"n\":{n},\"pad\":\"");
    let missing = (n as usize).saturating_sub(start.len() + 1 + rest);
    start.extend(std::iter::repeat_n('.', missing));
    start.push('"');
    start.into_bytes()
}

fn is_number(text: &str) -> bool {
    text.len() <= 18
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
        && !text.is_empty()
}

/// The rest of a JSON document of `n` bytes: as many rows as fit. It is the same for every index and is cached.
pub(crate) fn json_rest(n: u64) -> Vec<u8> {
    let fixed = json_start(0, None, 0).len() + INDEX_WIDTH + 8;
    let room = usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(fixed);
    let mut out = String::with_capacity(room.min(MEMORY_LIMIT as usize) + 16);
    out.push_str(",\"rows\":[");
    let mut row = String::new();
    for index in 0_u64.. {
        row.clear();
        let comma = if index == 0 { "" } else { "," };
        let score = (index * 7919) % 10_000;
        let _ = write!(
            row,
            "{comma}{{\"id\":{index},\"name\":\"Player {}\",\"score\":{}.{:02},\"tags\":[\"a{}\",\"é\"],\"active\":{}}}",
            index * 31 % 1000,
            score / 100,
            score % 100,
            index % 7,
            index % 3 != 0
        );
        if out.len() + row.len() + 2 > room {
            break;
        }
        out.push_str(&row);
    }
    out.push_str("]}");
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{json_rest, json_start, pattern};

    #[test]
    fn documents_have_their_length_for_every_index() {
        for n in [64_u64, 100, 111, 1000, 10_240, 100_000] {
            let rest = json_rest(n);
            for index in [None, Some("0"), Some("19999"), Some("123456789012345678"), Some("x")] {
                assert_eq!((json_start(n, index, rest.len()).len() + rest.len()) as u64, n, "{n} {index:?}");
            }
        }
    }

    #[test]
    fn the_byte_sequence_is_the_index_modulo_251() {
        assert_eq!(pattern(250, 3), [250, 0, 1]);
        let long = pattern(5, 200_000);
        assert_eq!(long.len(), 200_000);
        assert!(long.iter().enumerate().all(|(index, byte)| (index + 5) % 251 == usize::from(*byte)));
    }
}
