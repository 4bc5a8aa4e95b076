//! Who may start when: one limiter per client, shared by all its requests.
//!
//! A request needs up to four things, each from its own queue, first come, first served:
//!
//! 1. a permit of its host (`per_host`);
//! 2. the head of its host's line, if the host has a rate or is paused: only the head waits for time to pass;
//! 3. a permit of the client (`concurrency`), taken when the time has come, so that a slow host holds up no other;
//! 4. a token of its host's bucket, taken at the moment of the start: a rate is kept at the wire, not in the queue.
//!
//! All of them are given back when a [`Permit`] or the future that waits for one is dropped. The locks are held for a few
//! instructions, never across an await. Without `per_host`, `rate` and a pause no host is ever looked up: a turn costs a
//! load and a permit.
//!
//! A call with limits of its own has a limiter, too, and its requests need the permits of both (`nested`).

mod nested;
mod rate;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};
use url::{Position, Url};

pub use self::rate::Rate;
use self::rate::{Bucket, Spacing};

/// The limits of one client; `None` means no limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Requests in flight; 0 counts as 1.
    pub concurrency: Option<usize>,
    /// Requests in flight to one host (scheme, name and port); 0 counts as 1.
    pub per_host: Option<usize>,
    /// Requests started per time and host.
    pub rate: Option<Rate>,
}

/// What made a request wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Limits::concurrency`].
    Concurrency,
    /// [`Limits::per_host`].
    PerHost,
    /// [`Limits::rate`].
    Rate,
    /// [`Limiter::pause`]: the server asked for it.
    RetryAfter,
}

impl Limit {
    /// The name Python shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::PerHost => "per_host",
            Self::Rate => "rate",
            Self::RetryAfter => "retry_after",
        }
    }
}

/// Gives turns to the requests of one client. It belongs to one process: a forked child makes its own from
/// [`Self::limits`].
#[derive(Debug)]
pub struct Limiter {
    limits: Limits,
    spacing: Option<Spacing>,
    slots: Option<Semaphore>,
    /// Some host may be paused.
    pausing: AtomicBool,
    hosts: Mutex<Hosts>,
}

/// The hosts that have something to remember.
#[derive(Debug)]
struct Hosts {
    table: HashMap<Box<str>, Arc<Host>>,
    /// With so many entries the idle ones are dropped.
    sweep_at: usize,
    /// The end of the last pause of any host.
    last_pause: Option<Instant>,
}

/// The smallest [`Hosts::sweep_at`].
const SWEEP_AT: usize = 64;

impl Hosts {
    /// Drops the entries without requests, pause and debt.
    fn sweep(&mut self, now: Instant) {
        self.table.retain(|_, host| Arc::strong_count(host) > 1 || !host.times().is_idle(now));
        self.sweep_at = SWEEP_AT.max(self.table.len().saturating_mul(2));
    }

    fn get_or_insert(&mut self, key: &str, permits: Option<usize>) -> Arc<Host> {
        if let Some(host) = self.table.get(key) {
            return Arc::clone(host);
        }
        if self.table.len() >= self.sweep_at {
            self.sweep(Instant::now());
        }
        let host = Arc::new(Host {
            permits: permits.map(semaphore),
            line: Semaphore::new(1),
            times: Mutex::new(Times { paused_until: None, bucket: Bucket::default(), blamed: Limit::Rate }),
        });
        self.table.insert(key.into(), Arc::clone(&host));
        host
    }
}

/// One origin.
#[derive(Debug)]
struct Host {
    permits: Option<Semaphore>,
    /// The permit is the head of the line.
    line: Semaphore,
    times: Mutex<Times>,
}

impl Host {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Times {
    paused_until: Option<Instant>,
    bucket: Bucket,
    /// What the head of the line waited for last; those behind it waited for the same.
    blamed: Limit,
}

impl Times {
    fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    fn is_idle(&self, now: Instant) -> bool {
        !self.is_paused(now) && self.bucket.is_full(now)
    }

    /// Until when a request must wait, and why.
    fn obstacle(&self, spacing: Option<&Spacing>, now: Instant) -> Option<(Instant, Limit)> {
        let pause = self.paused_until.map(|until| (until, Limit::RetryAfter));
        let rate = spacing.and_then(|spacing| self.bucket.ready(spacing)).map(|ready| (ready, Limit::Rate));
        [pause, rate].into_iter().flatten().filter(|(until, _)| *until > now).max_by_key(|(until, _)| *until)
    }
}

impl Limiter {
    /// With nothing in flight.
    pub fn new(limits: Limits) -> Self {
        Self {
            spacing: limits.rate.as_ref().map(Spacing::new),
            slots: limits.concurrency.map(semaphore),
            pausing: AtomicBool::new(false),
            hosts: Mutex::new(Hosts { table: HashMap::new(), sweep_at: SWEEP_AT, last_pause: None }),
            limits,
        }
    }

    /// As given; no lock.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Waits for a turn. Dropping the future gives everything back.
    pub async fn acquire(self: &Arc<Self>, url: &Url) -> Permit {
        match self.try_acquire(url) {
            Some(turn) => turn,
            None => self.wait(url, true).await.turn,
        }
    }

    /// Waits for the permits and for the time, and takes a token if `claims`; without it the caller takes the token.
    async fn wait(self: &Arc<Self>, url: &Url, claims: bool) -> Held {
        let started = Instant::now();
        let mut turn = Permit::default();
        let mut blame = Blame::default();
        let mut host = self.host(url);
        if let Some(known) = &host
            && let Some(permits) = &known.permits
        {
            let waiting = Instant::now();
            acquire(permits).await;
            turn.host = Some(Arc::clone(known));
            blame.add(Limit::PerHost, waiting);
        }
        let mut line = Head(None);
        loop {
            if let Some(host) = &host {
                self.stand_in_line(host, &mut line, &mut blame).await;
            }
            if let Some(slots) = &self.slots {
                if slots.try_acquire().map(SemaphorePermit::forget).is_err() {
                    let waiting = Instant::now();
                    if let Some(host) = &host {
                        host.times().blamed = Limit::Concurrency;
                    }
                    acquire(slots).await;
                    blame.add(Limit::Concurrency, waiting);
                }
                turn.limiter = Some(Arc::clone(self));
            }
            // A pause may have begun meanwhile.
            if host.is_none() {
                host = self.host(url);
            }
            if !claims || host.as_ref().is_none_or(|host| self.claim(host, true)) {
                break;
            }
            turn.release_slot();
        }
        turn.limited_by = blame.limit;
        turn.waited = started.elapsed();
        Held { turn, host, _line: line }
    }

    /// Waits until `host` is neither paused nor ahead of its rate, at the head of its line if time must pass.
    async fn stand_in_line(&self, host: &Arc<Host>, line: &mut Head, blame: &mut Blame) {
        loop {
            let now = Instant::now();
            let obstacle = self.obstacle(host, now);
            if line.0.is_none() && (self.spacing.is_some() || obstacle.is_some()) {
                acquire(&host.line).await;
                line.0 = Some(Arc::clone(host));
                let blamed = host.times().blamed;
                blame.add(blamed, now);
                continue;
            }
            let Some((until, limit)) = obstacle else { return };
            host.times().blamed = limit;
            sleep_until(until).await;
            blame.add(limit, now);
        }
    }

    /// A turn if nothing stands in its way now; never before those who wait.
    pub fn try_acquire(self: &Arc<Self>, url: &Url) -> Option<Permit> {
        let held = self.try_hold(url)?;
        held.host.is_none_or(|host| self.claim(&host, false)).then_some(held.turn)
    }

    /// The permits, if all of them are free now.
    fn try_hold(self: &Arc<Self>, url: &Url) -> Option<Held> {
        let mut turn = Permit::default();
        let host = self.host(url);
        let mut line = Head(None);
        if let Some(host) = &host {
            if let Some(permits) = &host.permits {
                permits.try_acquire().ok()?.forget();
                turn.host = Some(Arc::clone(host));
            }
            if self.spacing.is_some() {
                host.line.try_acquire().ok()?.forget();
                line.0 = Some(Arc::clone(host));
            } else if host.line.available_permits() == 0 {
                return None;
            }
        }
        if let Some(slots) = &self.slots {
            slots.try_acquire().ok()?.forget();
            turn.limiter = Some(Arc::clone(self));
        }
        Some(Held { turn, host, _line: line })
    }

    /// Until when requests to `host` must wait, and why.
    fn obstacle(&self, host: &Host, now: Instant) -> Option<(Instant, Limit)> {
        host.times().obstacle(self.spacing.as_ref(), now)
    }

    /// Takes a token of `host`, unless the host is paused or ahead of its rate.
    fn claim(&self, host: &Host, queued: bool) -> bool {
        let now = Instant::now();
        let mut times = host.times();
        if times.obstacle(self.spacing.as_ref(), now).is_some() {
            return false;
        }
        if let Some(spacing) = &self.spacing {
            times.bucket.take(spacing, now, queued);
        }
        true
    }

    /// Holds back all requests to the host of `url` for `duration` from now. It lengthens a pause, never shortens one;
    /// requests in flight go on.
    pub fn pause(&self, url: &Url, duration: Duration) {
        const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);
        let until = Instant::now() + duration.min(LONGEST);
        let mut hosts = self.hosts();
        let host = hosts.get_or_insert(&origin(url), self.limits.per_host);
        {
            let mut times = host.times();
            times.paused_until = times.paused_until.max(Some(until));
        }
        hosts.last_pause = hosts.last_pause.max(Some(until));
        self.pausing.store(true, Ordering::Release);
    }

    fn hosts(&self) -> MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of the host of `url`, if there can be anything to heed.
    fn host(&self, url: &Url) -> Option<Arc<Host>> {
        let limited = self.limits.per_host.is_some() || self.spacing.is_some();
        if !limited && !self.pausing.load(Ordering::Acquire) {
            return None;
        }
        let key = origin(url);
        let mut hosts = self.hosts();
        if limited {
            return Some(hosts.get_or_insert(&key, self.limits.per_host));
        }
        let now = Instant::now();
        if hosts.last_pause.is_none_or(|until| until <= now) {
            self.pausing.store(false, Ordering::Release);
            hosts.sweep(now);
        }
        hosts.table.get(&*key).cloned()
    }
}

/// `scheme://host:port`, a slice of the URL unless it has credentials.
fn origin(url: &Url) -> Cow<'_, str> {
    if url.username().is_empty() && url.password().is_none() {
        Cow::Borrowed(&url[..Position::AfterPort])
    } else {
        Cow::Owned(format!("{}://{}", url.scheme(), &url[Position::BeforeHost..Position::AfterPort]))
    }
}

fn semaphore(permits: usize) -> Semaphore {
    Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS))
}

/// Takes a permit for good; `add_permits(1)` gives it back.
async fn acquire(semaphore: &Semaphore) {
    // The error means that it was closed, which never happens.
    if let Ok(permit) = semaphore.acquire().await {
        permit.forget();
    }
}

/// The head of a host's line; dropping it makes room for the next.
struct Head(Option<Arc<Host>>);

impl Drop for Head {
    fn drop(&mut self) {
        if let Some(host) = &self.0 {
            host.line.add_permits(1);
        }
    }
}

/// The permits of a turn that has no token yet. The line is left when it is dropped.
struct Held {
    turn: Permit,
    host: Option<Arc<Host>>,
    _line: Head,
}

/// Finds the limit that made a request wait longest at a stretch.
#[derive(Default)]
struct Blame {
    limit: Option<Limit>,
    longest: Duration,
}

impl Blame {
    fn add(&mut self, limit: Limit, since: Instant) {
        let waited = since.elapsed();
        if waited > self.longest {
            self.longest = waited;
            self.limit = Some(limit);
        }
    }
}

/// The right to have one request in flight; dropping it gives it back.
#[derive(Debug, Default)]
pub struct Permit {
    /// Holds one of its slots.
    limiter: Option<Arc<Limiter>>,
    /// Holds one of its permits.
    host: Option<Arc<Host>>,
    /// That of the call's own limits.
    of_call: Option<Box<Permit>>,
    limited_by: Option<Limit>,
    waited: Duration,
}

impl Permit {
    /// The limit that made it wait longest; `None` if it did not wait.
    pub fn limited_by(&self) -> Option<Limit> {
        self.limited_by
    }

    /// How long it waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    fn release_slot(&mut self) {
        if let Some(slots) = self.limiter.take().as_ref().and_then(|limiter| limiter.slots.as_ref()) {
            slots.add_permits(1);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.release_slot();
        if let Some(permits) = self.host.as_ref().and_then(|host| host.permits.as_ref()) {
            permits.add_permits(1);
        }
    }
}
