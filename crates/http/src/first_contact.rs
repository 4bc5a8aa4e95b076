//! One connection at a time to an origin whose protocol is not known: HTTP/2 needs one for all requests.
//!
//! A hundred requests that start together would else open a hundred connections to a server that wants one. The first
//! leads; the others wait until it knows, and then share its connection (HTTP/2) or make their own (HTTP/1.1). Nobody
//! waits for long: after [`ALONE`] the next one tries too, and when an attempt fails, all that waited go ahead at once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A handshake that takes longer keeps nobody else waiting.
const ALONE: Duration = Duration::from_secs(1);

/// The origins to which a first connection is being made.
#[derive(Default)]
pub struct FirstContact(Arc<Gates>);

type Gates = Mutex<HashMap<Box<str>, Arc<Semaphore>>>;

/// Who makes a first connection. Dropped before anything is known, it leaves that to the next one.
pub struct Leader {
    gates: Arc<Gates>,
    gate: Arc<Semaphore>,
    origin: Box<str>,
    permit: Option<OwnedSemaphorePermit>,
    decided: bool,
}

fn lock(gates: &Gates) -> MutexGuard<'_, HashMap<Box<str>, Arc<Semaphore>>> {
    gates.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FirstContact {
    /// Waits for its turn to connect to `origin`; `None` when another one has found something out meanwhile.
    pub async fn lead(&self, origin: &str) -> Option<Leader> {
        let gate = {
            let mut gates = lock(&self.0);
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
    /// Makes the connection. Others may try from [`ALONE`] on.
    pub async fn connect<T>(&mut self, connect: impl Future<Output = T>) -> T {
        let mut connect = std::pin::pin!(connect);
        match tokio::time::timeout(ALONE, &mut connect).await {
            Ok(connected) => connected,
            Err(_) => {
                self.permit = None;
                connect.await
            }
        }
    }

    /// The protocol is known, or the attempt has failed: nobody needs to wait any more.
    pub fn decided(mut self) {
        self.decided = true;
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.permit = None;
        let mut gates = lock(&self.gates);
        let is_ours = gates.get(&self.origin).is_some_and(|gate| Arc::ptr_eq(gate, &self.gate));
        // The map's, and ours: nobody waits.
        if is_ours && (self.decided || Arc::strong_count(&self.gate) <= 2) {
            gates.remove(&self.origin);
        }
        drop(gates);
        if self.decided {
            self.gate.close();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::future::pending;

    use super::*;

    const ORIGIN: &str = "https://a";

    #[tokio::test(start_paused = true)]
    async fn one_leads_and_the_others_wait_for_what_it_finds() {
        let contact = FirstContact::default();
        let leader = contact.lead(ORIGIN).await.unwrap();
        let waiting = contact.lead(ORIGIN);
        assert!(contact.lead("https://b").await.is_some());
        let decide = async { leader.decided() };
        assert!(tokio::join!(waiting, decide).0.is_none());
        assert!(lock(&contact.0).is_empty());
        assert!(contact.lead(ORIGIN).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_one_leads_when_the_first_gives_up_or_takes_long() {
        let contact = FirstContact::default();
        let leader = contact.lead(ORIGIN).await.unwrap();
        let (next, ()) = tokio::join!(contact.lead(ORIGIN), async { drop(leader) });
        let mut slow = next.unwrap();
        let begun = tokio::time::Instant::now();
        tokio::select! {
            () = slow.connect(pending()) => {}
            next = contact.lead(ORIGIN) => assert!(next.is_some()),
        }
        assert_eq!(begun.elapsed(), ALONE);
        drop(slow);
        assert!(lock(&contact.0).is_empty());
    }
}
