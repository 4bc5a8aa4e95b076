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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::connection::Connection;
pub use self::exchange::Incoming;
use super::error::{Failure, Phase};
use super::http::Made;

/// The connections of a client by origin.
#[derive(Default)]
pub struct Pool(Mutex<HashMap<Box<str>, Arc<Connection>>>);

impl Pool {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Connection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    pub async fn adopt(&self, made: Made, origin: &str) -> Result<Arc<Connection>, Failure> {
        let begun = Connection::begin(made.io).await;
        let connection = Arc::new(begun.map_err(|error| exchange::failure(&error, Phase::Connect))?);
        let mut all = self.lock();
        all.retain(|_, connection| connection.takes_requests());
        let other = all.insert(origin.into(), connection.clone());
        drop(all);
        drop(other);
        Ok(connection)
    }
}
