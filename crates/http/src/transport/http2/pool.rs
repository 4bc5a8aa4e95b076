//! The HTTP/2 connections of a client, by origin.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use super::connection::Connection;
use super::exchange::failure;
use crate::descriptors::{self, Counted, Idle};
use crate::error::{AttemptError, Phase};
use crate::transport::reqwest_connector::Connected;
use shoal_runtime::Mutex;

/// At most one connection for each origin.
#[derive(Default)]
pub(crate) struct Pool {
    by_origin: Mutex<HashMap<Box<str>, Arc<Connection>>>,
    /// Set once `descriptors` knows this pool.
    registered: OnceLock<()>,
}

impl Idle for Pool {
    fn since(&self, into: &mut Vec<Instant>) {
        into.extend(self.by_origin.lock().values().filter_map(|connection| connection.wire.idle_since()));
    }

    fn close(&self, until: Instant) -> usize {
        let is_closed =
            |connection: &mut Arc<Connection>| connection.wire.idle_since().is_some_and(|since| since <= until);
        let closed: Vec<_> = self.by_origin.lock().extract_if(|_, connection| is_closed(connection)).collect();
        closed.len()
    }
}

impl Pool {
    /// The connection to `origin`, if it takes another request.
    pub(crate) fn get(&self, origin: &str) -> Option<Arc<Connection>> {
        let mut all = self.by_origin.lock();
        let connection = all.get(origin)?;
        if connection.takes_requests() {
            return Some(connection.clone());
        }
        let ended = all.remove(origin);
        drop(all);
        drop(ended);
        None
    }

    /// Forgets the connection to `origin`; requests in flight on it go on.
    pub(crate) fn remove(&self, origin: &str) {
        let removed = self.by_origin.lock().remove(origin);
        drop(removed);
    }

    /// Starts HTTP/2 on a connection that reqwest made.
    pub(crate) async fn adopt(
        self: &Arc<Self>,
        connected: Connected,
        origin: &str,
        permit: Counted,
    ) -> Result<Arc<Connection>, AttemptError> {
        self.registered.get_or_init(|| {
            let pool: Weak<Self> = Arc::downgrade(self);
            descriptors::register(pool);
        });
        let connection =
            Connection::begin(connected.io, permit).await.map_err(|error| failure(&error, Phase::Connect))?;
        let connection = Arc::new(connection);
        let mut all = self.by_origin.lock();
        let ended: Vec<_> = all.extract_if(|_, connection| !connection.takes_requests()).collect();
        let replaced = all.insert(origin.into(), connection.clone());
        drop(all);
        drop((ended, replaced));
        Ok(connection)
    }
}
