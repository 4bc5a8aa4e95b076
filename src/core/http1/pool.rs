//! Idle connections by origin, the last one used first: the others get old and go.
//! Each I/O thread has a pool of its own: a connection that another thread made would wake that one first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::connection::Connection;
use crate::core::connections::IDLE;

/// How often the idle ones are looked at: those that are too old, or that the server has closed, are closed here too.
const SWEEP: Duration = Duration::from_secs(1);

/// One that idled longer than this is asked of the system, not of the reactor, whether it still stands.
const CERTAIN: Duration = Duration::from_millis(500);

/// The idle connections of a client.
#[derive(Default)]
pub struct Pool(Mutex<Idle>);

#[derive(Default)]
struct Idle {
    by_origin: HashMap<Arc<str>, Vec<(Connection, Instant)>>,
    /// Somebody looks at them from time to time.
    swept: bool,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that still stands, if there is any; `careful`: at the price of a system call.
    pub fn take(&self, origin: &str, careful: bool) -> Option<Connection> {
        loop {
            let (mut connection, since) = self.lock().by_origin.get_mut(origin)?.pop()?;
            let idle = since.elapsed();
            if idle < IDLE && connection.is_usable(careful || idle > CERTAIN) {
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
        let mut idle = self.lock();
        if !idle.swept
            && let Ok(handle) = Handle::try_current()
        {
            idle.swept = true;
            handle.spawn(sweep(Arc::downgrade(self)));
        }
        let entry = (connection, Instant::now());
        match idle.by_origin.get_mut(&*entry.0.origin) {
            Some(others) => others.push(entry),
            None => {
                idle.by_origin.insert(entry.0.origin.clone(), vec![entry]);
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let idle = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (connection, _) in idle.by_origin.values_mut().flatten() {
            connection.part();
        }
    }
}

/// Looks at the idle connections until there are none.
async fn sweep(pool: std::sync::Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.lock();
        idle.by_origin.retain(|_, connections| {
            connections.retain_mut(|(connection, since)| {
                let kept = since.elapsed() < IDLE && connection.is_usable(false);
                if !kept {
                    connection.part();
                }
                kept
            });
            !connections.is_empty()
        });
        if idle.by_origin.is_empty() {
            idle.swept = false;
            return;
        }
    }
}
