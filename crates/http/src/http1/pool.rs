//! Idle connections by origin, the last one used first: the others get old and go.
//! Each I/O thread has a pool of its own: a connection that another thread made would wake that one first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::connection::Connection;
use crate::connections::IDLE;
use crate::descriptors::{self, Counted};

/// How often the idle ones are looked at: those that are too old, or that the server has closed, are closed here too.
const SWEEP: Duration = Duration::from_secs(1);

/// The idle connections of a client.
#[derive(Default)]
pub struct Pool(Mutex<State>);

#[derive(Default)]
struct State {
    by_origin: HashMap<Arc<str>, Vec<Entry>>,
    /// Somebody looks at them from time to time.
    swept: bool,
    /// Idle connections are closed when descriptors are short.
    registered: bool,
}

struct Entry {
    connection: Connection,
    since: Instant,
    _idle: Counted,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that still stands, and on which nothing came that nobody asked for, if there is any. The system is asked, at
    /// the price of a call: what the reactor knows is from its last turn, and an answer too much would be taken for that
    /// of the next request.
    pub fn take(&self, origin: &str) -> Option<Connection> {
        loop {
            let Entry { mut connection, since, .. } = self.lock().by_origin.get_mut(origin)?.pop()?;
            if since.elapsed() < IDLE && connection.is_usable(true) {
                return Some(connection);
            }
            connection.part();
        }
    }

    /// Keeps a connection for the next one, if it can have one.
    pub fn give(self: &Arc<Self>, mut connection: Connection) {
        if !connection.can_be_kept() {
            connection.part();
            return;
        }
        let mut state = self.lock();
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
        into.extend(self.lock().by_origin.values().flatten().map(|entry| entry.since));
    }

    fn close(&self, until: Instant) -> usize {
        self.lock().keep(|entry| entry.since > until)
    }
}

impl State {
    /// Closes the connections that are not to be kept; how many.
    fn keep(&mut self, mut is_kept: impl FnMut(&mut Entry) -> bool) -> usize {
        let mut closed = 0;
        self.by_origin.retain(|_, entries| {
            entries.retain_mut(|entry| {
                let kept = is_kept(entry);
                if !kept {
                    entry.connection.part();
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
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).keep(|_| false);
    }
}

/// Looks at the idle connections until there are none.
async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = pool.lock();
        state.keep(|entry| entry.since.elapsed() < IDLE && entry.connection.is_usable(false));
        if state.by_origin.is_empty() {
            state.swept = false;
            return;
        }
    }
}
