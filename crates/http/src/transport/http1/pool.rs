//! Idle connections by origin. The one used last is used first, so that the others age and are closed.
//!
//! Each I/O thread has its own pool: a connection of another thread's reactor would have to wake that thread first.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::connection::Connection;
use crate::descriptors::{self, Counted};
use crate::transport::options::IDLE_TIMEOUT;
use shoal_runtime::Mutex;

/// Interval of the sweep that closes connections which are too old or which the server has closed.
const SWEEP: Duration = Duration::from_secs(1);

/// How long a new connection rests after its first response. A server that sends more than one response usually does so
/// within this time; then the surplus is not taken for the next response: 1 of 60 times instead of 32 (aiohttp: 13). Only
/// once per connection, so that 20,000 requests on 100 connections take no longer.
const FIRST_REST: Duration = Duration::from_millis(1);

/// The idle connections of a client on one I/O thread.
#[derive(Default)]
pub(super) struct Pool(Mutex<State>);

#[derive(Default)]
struct State {
    by_origin: HashMap<Arc<str>, Vec<Entry>>,
    /// The sweep is running.
    swept: bool,
    /// `descriptors` knows this pool.
    registered: bool,
}

struct Entry {
    connection: Connection,
    since: Instant,
    _idle: Counted,
}

impl Entry {
    /// How much longer it rests.
    fn rest(&self) -> Duration {
        if self.connection.is_new() { FIRST_REST.saturating_sub(self.since.elapsed()) } else { Duration::ZERO }
    }
}

impl Pool {
    /// Takes out the connection to `origin` that was used last, and how long it has to rest before it is used. One that
    /// need not rest goes first.
    pub(super) fn acquire(&self, origin: &str) -> Option<(Connection, Duration)> {
        loop {
            let mut entry = {
                let mut state = self.0.lock();
                let entries = state.by_origin.get_mut(origin)?;
                let rested = entries.iter().rposition(|entry| entry.rest().is_zero());
                entries.remove(rested.or(entries.len().checked_sub(1))?)
            };
            if entry.since.elapsed() < IDLE_TIMEOUT {
                let rest = entry.rest();
                return Some((entry.connection, rest));
            }
            entry.connection.shut_down();
        }
    }

    /// Keeps a connection for the next request, if it can carry one.
    pub(super) fn release(self: &Arc<Self>, mut connection: Connection) {
        if !connection.is_reusable() {
            connection.shut_down();
            return;
        }
        let mut state = self.0.lock();
        if !state.swept
            && let Ok(handle) = Handle::try_current()
        {
            state.swept = true;
            handle.spawn(sweep(Arc::downgrade(self)));
        }
        if !std::mem::replace(&mut state.registered, true) {
            let pool: Weak<Self> = Arc::downgrade(self);
            descriptors::register(pool);
        }
        let entry = Entry { connection, since: Instant::now(), _idle: descriptors::idle() };
        match state.by_origin.get_mut(&*entry.connection.origin) {
            Some(others) => others.push(entry),
            None => {
                state.by_origin.insert(entry.connection.origin.clone(), vec![entry]);
            }
        }
        drop(state);
        descriptors::bound_idle();
    }
}

impl descriptors::Idle for Pool {
    fn since(&self, into: &mut Vec<Instant>) {
        into.extend(self.0.lock().by_origin.values().flatten().map(|entry| entry.since));
    }

    fn close(&self, until: Instant) -> usize {
        self.0.lock().retain(|entry| entry.since > until)
    }
}

impl State {
    /// Closes the connections that `is_kept` does not keep. Returns how many.
    fn retain(&mut self, mut is_kept: impl FnMut(&mut Entry) -> bool) -> usize {
        let mut closed = 0;
        self.by_origin.retain(|_, entries| {
            entries.retain_mut(|entry| {
                let kept = is_kept(entry);
                if !kept {
                    entry.connection.shut_down();
                    closed += 1;
                }
                kept
            });
            !entries.is_empty()
        });
        closed
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().retain(|_| false);
    }
}

/// Closes connections that can't be used any more, until the pool is empty or dropped.
async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = pool.0.lock();
        state.retain(|entry| entry.since.elapsed() < IDLE_TIMEOUT && entry.connection.is_quiet(false));
        if state.by_origin.is_empty() {
            state.swept = false;
            return;
        }
    }
}
