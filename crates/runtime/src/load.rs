//! When one I/O thread is not enough.
//!
//! One is, for small bodies: it moves 100,000 a second, more than most servers give, and a second would only take turns
//! with whoever else needs the core. But of large bodies over TLS, or such as must be unpacked, it manages a gigabyte a
//! second, or less. So it watches itself: if it has no rest although bodies are large, a second thread is started, and
//! every other worker goes on there. (200 bodies of 1 MiB on two cores, nginx on the same: over TLS
//! 0.34 s with one, 0.23 with two; plain 0.18 and 0.15. 10,000 small ones: no difference.)
//!
//! A worker goes between two requests, when it holds nothing; connections stay where they were made.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// The load is looked at this often. Less would be misled: tokio counts in lumps of up to 61 tasks.
const WINDOW: Duration = Duration::from_millis(100);

/// Bodies are large if this is their average.
const LARGE: u64 = 32 << 10;

/// Busy is who rests for less than a quarter of the time; what tokio counts as rest has calls of the system in it.
const BUSY: f64 = 0.75;

struct Load {
    own: Handle,
    since: Instant,
    busy: Duration,
    requests: u64,
    bytes: u64,
    /// In this window, every other worker that asks goes.
    leaving: bool,
    asked: u64,
}

thread_local! {
    /// On the first reactor's thread only.
    static LOAD: RefCell<Option<Load>> = const { RefCell::new(None) };
}

/// This thread is the first reactor's.
pub(super) fn watch(own: Handle) {
    let busy = busy(&own);
    let load = Load { own, since: Instant::now(), busy, requests: 0, bytes: 0, leaving: false, asked: 0 };
    LOAD.set(Some(load));
}

fn busy(handle: &Handle) -> Duration {
    handle.metrics().worker_total_busy_duration(0)
}

/// A request has ended on this thread, with a body of so many bytes.
pub fn record_request(bytes: u64) {
    LOAD.with_borrow_mut(|load| {
        if let Some(load) = load {
            load.requests += 1;
            load.bytes = load.bytes.saturating_add(bytes);
        }
    });
}

/// Where a worker that is between two requests had better go on; `None`: where it is.
pub fn migration_target() -> Option<&'static Handle> {
    let leaves = LOAD.with_borrow_mut(|load| load.as_mut().is_some_and(Load::lets_go));
    if leaves { super::reactor::second() } else { None }
}

impl Load {
    fn lets_go(&mut self) -> bool {
        let elapsed = self.since.elapsed();
        if elapsed >= WINDOW {
            let busy = busy(&self.own);
            let share = busy.saturating_sub(self.busy).as_secs_f64() / elapsed.as_secs_f64();
            let large = self.requests > 0 && self.bytes / self.requests >= LARGE;
            self.leaving = share >= BUSY && large;
            (self.since, self.busy, self.requests, self.bytes) = (Instant::now(), busy, 0, 0);
        }
        self.asked += 1;
        self.leaving && self.asked.is_multiple_of(2)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    /// Asks for a while, after requests with bodies of so many bytes, busy or not; whether anybody was let go.
    fn asks(bytes: u64, works: bool) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let asking = runtime.spawn(async move {
            watch(Handle::current());
            let until = Instant::now() + 3 * WINDOW;
            let mut left = 0;
            while Instant::now() < until {
                record_request(bytes);
                left += u32::from(LOAD.with_borrow_mut(|load| load.as_mut().unwrap().lets_go()));
                if works {
                    let work = Instant::now() + WINDOW / 100;
                    while Instant::now() < work {}
                    tokio::task::yield_now().await;
                } else {
                    tokio::time::sleep(WINDOW / 10).await;
                }
            }
            left > 0
        });
        runtime.block_on(asking).unwrap()
    }

    #[test]
    fn workers_leave_a_thread_without_rest_if_bodies_are_large() {
        assert!(asks(1 << 20, true));
        assert!(!asks(1 << 20, false));
        assert!(!asks(100, true));
        LOAD.set(None);
        assert!(migration_target().is_none());
    }
}
