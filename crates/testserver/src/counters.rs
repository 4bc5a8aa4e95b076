//! The counters of a server: relaxed atomics without a lock, about 20 ns per request.
//!
//! Requests are counted per route, not per path, so the table has a fixed size. A request with `key=` in its query is
//! also counted under that key, in a locked and bounded map; for the fault routes this count is the attempt.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::route::Route;

/// The most keys that are counted apart; all others share the count of the empty key.
const MAX_KEYS: usize = 100_000;

/// A snapshot of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests whose head was read.
    pub requests: u64,
    /// Connections accepted.
    pub connections_opened: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// The most connections open at a time.
    pub peak_connections: u64,
    /// Requests being answered now.
    pub requests_active: u64,
    /// The most requests being answered at a time.
    pub peak_requests: u64,
    /// Bytes given to the sockets, heads included.
    pub bytes_sent: u64,
}

pub(crate) struct Counters {
    routes: [AtomicU64; Route::NAMES.len()],
    opened: AtomicU64,
    open: AtomicU64,
    peak_open: AtomicU64,
    active: AtomicU64,
    peak_active: AtomicU64,
    bytes_sent: AtomicU64,
    keys: Mutex<HashMap<String, u64>>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            routes: [const { AtomicU64::new(0) }; Route::NAMES.len()],
            opened: AtomicU64::new(0),
            open: AtomicU64::new(0),
            peak_open: AtomicU64::new(0),
            active: AtomicU64::new(0),
            peak_active: AtomicU64::new(0),
            bytes_sent: AtomicU64::new(0),
            keys: Mutex::default(),
        }
    }
}

fn increment(gauge: &AtomicU64, peak: &AtomicU64) {
    let now = gauge.fetch_add(1, Relaxed) + 1;
    if now > peak.load(Relaxed) {
        peak.fetch_max(now, Relaxed);
    }
}

impl Counters {
    pub(crate) fn connection_opened(&self) {
        self.opened.fetch_add(1, Relaxed);
        increment(&self.open, &self.peak_open);
    }

    pub(crate) fn connection_closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(crate) fn request_started(&self, route: Route) {
        if let Some(count) = self.routes.get(route as usize) {
            count.fetch_add(1, Relaxed);
        }
        increment(&self.active, &self.peak_active);
    }

    pub(crate) fn request_ended(&self) {
        self.active.fetch_sub(1, Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Relaxed);
    }

    /// Counts a request of `key`; returns 1 for the first.
    pub(crate) fn attempt(&self, key: &str) -> u64 {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = keys.get_mut(key) {
            *count += 1;
            return *count;
        }
        let key = if keys.len() < MAX_KEYS { key } else { "" };
        let count = keys.entry(key.to_owned()).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn attempts(&self, key: &str) -> u64 {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or(0)
    }

    /// The requests of all routes at or below `path`.
    pub(crate) fn requests(&self, path: &str) -> u64 {
        let wanted = path.trim_matches('/');
        let below = |name: &str| {
            wanted.is_empty() || name.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Route::NAMES
            .iter()
            .zip(&self.routes)
            .filter(|(name, _)| below(name))
            .map(|(_, count)| count.load(Relaxed))
            .sum()
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            requests: self.requests(""),
            connections_opened: self.opened.load(Relaxed),
            connections_open: self.open.load(Relaxed),
            peak_connections: self.peak_open.load(Relaxed),
            requests_active: self.active.load(Relaxed),
            peak_requests: self.peak_active.load(Relaxed),
            bytes_sent: self.bytes_sent.load(Relaxed),
        }
    }

    /// Peaks restart at the current values.
    pub(crate) fn reset(&self) {
        for count in self.routes.iter().chain([&self.opened, &self.bytes_sent]) {
            count.store(0, Relaxed);
        }
        self.peak_open.store(self.open.load(Relaxed), Relaxed);
        self.peak_active.store(self.active.load(Relaxed), Relaxed);
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
