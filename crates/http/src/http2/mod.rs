//! HTTP/2 over the `h2` crate: one connection for all requests to an origin.
//!
//! `h2` knows the protocol: frames, HPACK, flow control, the states of streams. This module keeps connections, turns
//! requests and bodies into streams, and bounds what a peer may cost.
//!
//! - [`connection`] is a connection with its driver, the task that reads and writes; it also idles out there.
//! - [`exchange`] is one request on a stream of it, and the body of the response.
//! - [`watch`] lies between `h2` and the socket and counts frames that bring no request forward.

mod connection;
mod exchange;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

pub use self::connection::Connection;
pub use self::exchange::Incoming;
use super::descriptors::{self, Counted, Idle};
use super::error::{AttemptError, Phase};
use super::http::Made;

/// The connections of a client by origin.
#[derive(Clone, Default)]
pub struct Pool(Arc<Kept>);

#[derive(Default)]
struct Kept {
    by_origin: Mutex<HashMap<Box<str>, Arc<Connection>>>,
    /// Idle connections are closed when descriptors are short.
    registered: OnceLock<()>,
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Connection>>> {
        self.by_origin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle for Kept {
    fn since(&self, into: &mut Vec<Instant>) {
        into.extend(self.lock().values().filter_map(|connection| connection.wire.idle_since()));
    }

    fn close(&self, until: Instant) -> usize {
        let is_closed =
            |connection: &mut Arc<Connection>| connection.wire.idle_since().is_some_and(|since| since <= until);
        let closed: Vec<_> = self.lock().extract_if(|_, connection| is_closed(connection)).collect();
        closed.len()
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Connection>>> {
        self.0.lock()
    }

    /// The connection to `origin`, if there is one that takes another request.
    pub fn get(&self, origin: &str) -> Option<Arc<Connection>> {
        let mut all = self.lock();
        let connection = all.get(origin)?;
        if connection.takes_requests() {
            return Some(connection.clone());
        }
        // Requests that are under way on it have it still.
        let old = all.remove(origin);
        drop(all);
        drop(old);
        None
    }

    /// Begins to speak HTTP/2 on a connection that reqwest made.
    pub async fn adopt(&self, made: Made, origin: &str, open: Counted) -> Result<Arc<Connection>, AttemptError> {
        self.0.registered.get_or_init(|| {
            let kept: Weak<Kept> = Arc::downgrade(&self.0);
            descriptors::register(kept);
        });
        let begun = Connection::begin(made.io, open).await;
        let connection = Arc::new(begun.map_err(|error| exchange::failure(&error, Phase::Connect))?);
        let mut all = self.lock();
        all.retain(|_, connection| connection.takes_requests());
        let other = all.insert(origin.into(), connection.clone());
        drop(all);
        drop(other);
        Ok(connection)
    }
}
