//! The load of the first reactor, and when requests migrate to a second one.
//!
//! One thread is enough for small bodies: it moves 100,000 a second, more than most servers send, and a second thread
//! would only compete for the cores. For large bodies over TLS, or compressed ones, one thread moves 1 GB/s or less. So
//! when the first reactor is busy and the bodies are large, a second one is started and every other worker migrates to
//! it. (200 bodies of 1 MiB on two cores shared with nginx: over TLS 0.34 s with one thread and 0.23 s with two, plain
//! 0.18 s and 0.15 s; 10,000 small bodies: no difference.)
//!
//! A worker migrates between two requests, when it holds no connection; connections stay on their reactor.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// The load is measured over windows of this length. tokio updates its busy time once per up to 61 tasks, so shorter
/// windows are inaccurate.
const WINDOW: Duration = Duration::from_millis(100);

/// Bodies count as large from this average size in bytes.
const LARGE_BODY: u64 = 32 << 10;

/// A thread counts as busy when it is idle for less than 25 % of the window. tokio's idle time includes some system
/// calls.
const BUSY_SHARE: f64 = 0.75;

/// Starts the second reactor at first use.
type Second = fn() -> Option<&'static Handle>;

struct Load {
    own: Handle,
    second: Second,
    since: Instant,
    busy: Duration,
    requests: u64,
    bytes: u64,
    /// Whether every other worker migrates in this window.
    migrates: bool,
    calls: u64,
}

thread_local! {
    /// Set on the first reactor's thread only.
    static LOAD: RefCell<Option<Load>> = const { RefCell::new(None) };
}

/// Begins to measure this thread, which is the first reactor's.
pub(crate) fn watch(own: Handle, second: Second) {
    let busy = busy_time(&own);
    LOAD.set(Some(Load { own, second, since: Instant::now(), busy, requests: 0, bytes: 0, migrates: false, calls: 0 }));
}

fn busy_time(handle: &Handle) -> Duration {
    handle.metrics().worker_total_busy_duration(0)
}

/// Records a request that ended on this thread, with the size of its body.
pub fn record_request(bytes: u64) {
    LOAD.with_borrow_mut(|load| {
        if let Some(load) = load {
            load.requests += 1;
            load.bytes = load.bytes.saturating_add(bytes);
        }
    });
}

/// The reactor to which a worker that is between two requests should migrate; `None` to stay.
pub fn migration_target() -> Option<&'static Handle> {
    let second = LOAD.with_borrow_mut(|load| {
        let load = load.as_mut()?;
        load.should_migrate().then_some(load.second)
    });
    second?()
}

impl Load {
    fn should_migrate(&mut self) -> bool {
        let elapsed = self.since.elapsed();
        if elapsed >= WINDOW {
            let busy = busy_time(&self.own);
            let share = busy.saturating_sub(self.busy).as_secs_f64() / elapsed.as_secs_f64();
            let is_large = self.requests > 0 && self.bytes / self.requests >= LARGE_BODY;
            self.migrates = share >= BUSY_SHARE && is_large;
            (self.since, self.busy, self.requests, self.bytes) = (Instant::now(), busy, 0, 0);
        }
        self.calls += 1;
        self.migrates && self.calls.is_multiple_of(2)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;
