//! Makes one connection at a time to an origin whose protocol is unknown: HTTP/2 needs one for all requests.
//!
//! Otherwise a hundred requests that start together would open a hundred connections. The first leads; the others wait
//! until the protocol is known, and then share its connection (HTTP/2) or make their own (HTTP/1.1). A handshake that
//! takes longer than [`PATIENCE`] lets the next request try; one that fails lets all of them go ahead.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use shoal_runtime::Mutex;

/// How long a handshake keeps the other requests waiting.
const PATIENCE: Duration = Duration::from_secs(1);

/// The origins to which a first connection is being made.
#[derive(Default)]
pub(super) struct Discovery(Arc<Gates>);

type Gates = Mutex<HashMap<Box<str>, Arc<Semaphore>>>;

/// The request that makes the first connection. Dropped before [`Leader::decided`], it leaves that to the next request.
pub(super) struct Leader {
    gates: Arc<Gates>,
    gate: Arc<Semaphore>,
    origin: Box<str>,
    permit: Option<OwnedSemaphorePermit>,
    decided: bool,
}

impl Discovery {
    /// Waits for the lead; `None` if another request has decided meanwhile.
    pub(super) async fn lead(&self, origin: &str) -> Option<Leader> {
        let gate = {
            let mut gates = self.0.lock();
            match gates.get(origin) {
                Some(gate) => gate.clone(),
                None => gates.entry(origin.into()).or_insert_with(|| Arc::new(Semaphore::new(1))).clone(),
            }
        };
        let mut leader =
            Leader { gates: self.0.clone(), gate: gate.clone(), origin: origin.into(), permit: None, decided: false };
        leader.permit = Some(gate.acquire_owned().await.ok()?);
        Some(leader)
    }
}

impl Leader {
    /// Makes the connection. After [`PATIENCE`] the lead passes on.
    pub(super) async fn connect<T>(&mut self, connect: impl Future<Output = T>) -> T {
        let mut connect = std::pin::pin!(connect);
        match tokio::time::timeout(PATIENCE, &mut connect).await {
            Ok(connected) => connected,
            Err(_) => {
                self.permit = None;
                connect.await
            }
        }
    }

    /// Lets all waiting requests go on: the protocol is known, or the attempt failed.
    pub(super) fn decided(mut self) {
        self.decided = true;
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.permit = None;
        let mut gates = self.gates.lock();
        let is_ours = gates.get(&self.origin).is_some_and(|gate| Arc::ptr_eq(gate, &self.gate));
        // Two references, the map's and ours: no request waits.
        if is_ours && (self.decided || Arc::strong_count(&self.gate) <= 2) {
            gates.remove(&self.origin);
        }
        drop(gates);
        if self.decided {
            self.gate.close();
        }
    }
}
