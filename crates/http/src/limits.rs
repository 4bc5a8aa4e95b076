//! Permits to send: one [`Limiter`] per client, shared by all its requests.
//!
//! A request needs up to four things, each from its own first-in, first-out queue:
//!
//! 1. a permit of its host (`per_host`);
//! 2. the head of its host's queue, if the host has a rate or is paused: only the head waits for time to pass;
//! 3. a permit of the client (`concurrency`), acquired when the time has come, so that a slow host delays no other;
//! 4. a token of its host's bucket, taken at the start of the request: a rate is kept on the wire, not in the queue.
//!
//! All are released when a [`Permit`], or the future that waits for one, is dropped. Locks are held for a few
//! instructions, never across an await. Without `per_host`, `rate` and a pause no host is looked up: a permit costs one
//! load and one semaphore.
//!
//! A call with limits of its own has its own limiter, and its requests need the permits of both ([`nested`]).

mod hosts;
mod nested;
mod rate;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use url::Url;

use self::hosts::{Host, Hosts, origin, semaphore};
pub use self::hosts::{Limit, Limits};
pub use self::rate::Rate;
use self::rate::Spacing;
use shoal_runtime::Mutex;

/// Gives permits to the requests of one client. It belongs to one process: a forked child makes its own from
/// [`Self::limits`].
#[derive(Debug)]
pub struct Limiter {
    limits: Limits,
    spacing: Option<Spacing>,
    concurrency: Option<Arc<Semaphore>>,
    /// Some host may be paused.
    has_pause: AtomicBool,
    hosts: Mutex<Hosts>,
}

impl Limiter {
    /// A limiter with nothing in flight.
    pub fn new(limits: Limits) -> Self {
        Self {
            spacing: limits.rate.as_ref().map(Spacing::new),
            concurrency: limits.concurrency.map(semaphore),
            has_pause: AtomicBool::new(false),
            hosts: Mutex::new(Hosts::new()),
            limits,
        }
    }

    /// The limits as configured; takes no lock.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Waits for a permit. Dropping the future releases what it holds.
    async fn acquire(&self, url: &Url) -> Permit {
        match self.try_acquire(url) {
            Some(permit) => permit,
            None => self.reserve(url, true).await.permit,
        }
    }

    /// Waits for the permits and for the time. Takes a token if `takes_token`; otherwise that is left to the caller.
    async fn reserve(&self, url: &Url, takes_token: bool) -> Reservation {
        let started = Instant::now();
        let mut permit = Permit::default();
        let mut longest = LongestWait::default();
        let mut host = self.host(url);
        if let Some(permits) = host.as_ref().and_then(|host| host.permits.as_ref()) {
            let waiting = Instant::now();
            permit.host = acquire(permits).await;
            longest.add(Limit::PerHost, waiting);
        }
        let mut head = None;
        loop {
            if let Some(host) = &host {
                self.wait_for_time(host, &mut head, &mut longest).await;
            }
            if let Some(concurrency) = &self.concurrency {
                permit.concurrency = Arc::clone(concurrency).try_acquire_owned().ok();
                if permit.concurrency.is_none() {
                    let waiting = Instant::now();
                    if let Some(host) = &host {
                        host.schedule().last_wait = Limit::Concurrency;
                    }
                    permit.concurrency = acquire(concurrency).await;
                    longest.add(Limit::Concurrency, waiting);
                }
            }
            // A pause may have begun meanwhile.
            if host.is_none() {
                host = self.host(url);
            }
            if !takes_token || host.as_ref().is_none_or(|host| self.take_token(host, true)) {
                break;
            }
            permit.concurrency = None;
        }
        permit.limited_by = longest.limit;
        permit.waited = started.elapsed();
        Reservation { permit, host, _head: head }
    }

    /// Waits until `host` is neither paused nor ahead of its rate, at the head of its queue if time must pass.
    async fn wait_for_time(
        &self,
        host: &Arc<Host>,
        head: &mut Option<OwnedSemaphorePermit>,
        longest: &mut LongestWait,
    ) {
        loop {
            let now = Instant::now();
            let delay = host.schedule().delay(now);
            if head.is_none() && (self.spacing.is_some() || delay.is_some()) {
                *head = acquire(&host.head).await;
                let waited_for = host.schedule().last_wait;
                longest.add(waited_for, now);
                continue;
            }
            let Some((until, limit)) = delay else { return };
            host.schedule().last_wait = limit;
            sleep_until(until).await;
            longest.add(limit, now);
        }
    }

    /// A permit if one is free now; never ahead of requests that wait.
    fn try_acquire(&self, url: &Url) -> Option<Permit> {
        let Reservation { permit, host, _head } = self.try_reserve(url)?;
        host.is_none_or(|host| self.take_token(&host, false)).then_some(permit)
    }

    /// The permits if all are free now; takes no token.
    fn try_reserve(&self, url: &Url) -> Option<Reservation> {
        let mut permit = Permit::default();
        let host = self.host(url);
        let mut head = None;
        if let Some(host) = &host {
            if let Some(permits) = &host.permits {
                permit.host = Some(Arc::clone(permits).try_acquire_owned().ok()?);
            }
            if self.spacing.is_some() {
                head = Some(Arc::clone(&host.head).try_acquire_owned().ok()?);
            } else if host.head.available_permits() == 0 {
                return None;
            }
        }
        if let Some(concurrency) = &self.concurrency {
            permit.concurrency = Some(Arc::clone(concurrency).try_acquire_owned().ok()?);
        }
        Some(Reservation { permit, host, _head: head })
    }

    /// Takes a token of `host`; `false` if the host is paused or ahead of its rate.
    fn take_token(&self, host: &Host, queued: bool) -> bool {
        let now = Instant::now();
        let mut schedule = host.schedule();
        if schedule.delay(now).is_some() {
            return false;
        }
        if let Some(spacing) = &self.spacing {
            schedule.bucket.take(spacing, now, queued);
        }
        true
    }

    /// Delays all new requests to the host of `url` for `duration` from now. It lengthens a pause, never shortens one;
    /// requests in flight go on.
    pub(crate) fn pause(&self, url: &Url, duration: Duration) {
        const MAX: Duration = Duration::from_secs(u32::MAX as u64);
        let until = Instant::now() + duration.min(MAX);
        let mut hosts = self.hosts.lock();
        let host = hosts.get_or_insert(&origin(url), self.limits.per_host);
        {
            let mut schedule = host.schedule();
            schedule.paused_until = schedule.paused_until.max(Some(until));
        }
        hosts.last_pause = hosts.last_pause.max(Some(until));
        self.has_pause.store(true, Ordering::Release);
    }

    /// The host of `url`, if it can have a limit or a pause.
    fn host(&self, url: &Url) -> Option<Arc<Host>> {
        let is_limited = self.limits.per_host.is_some() || self.spacing.is_some();
        if !is_limited && !self.has_pause.load(Ordering::Acquire) {
            return None;
        }
        let origin = origin(url);
        let mut hosts = self.hosts.lock();
        if is_limited {
            return Some(hosts.get_or_insert(&origin, self.limits.per_host));
        }
        let now = Instant::now();
        if hosts.last_pause.is_none_or(|until| until <= now) {
            self.has_pause.store(false, Ordering::Release);
            hosts.sweep(now);
        }
        hosts.table.get(&*origin).cloned()
    }
}

/// A permit; `None` if the semaphore was closed, which never happens.
async fn acquire(semaphore: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(semaphore).acquire_owned().await.ok()
}

/// A permit without a token yet. Dropping it leaves the host's queue.
struct Reservation {
    permit: Permit,
    host: Option<Arc<Host>>,
    _head: Option<OwnedSemaphorePermit>,
}

/// The limit with the longest single wait.
#[derive(Default)]
struct LongestWait {
    limit: Option<Limit>,
    duration: Duration,
}

impl LongestWait {
    fn add(&mut self, limit: Limit, since: Instant) {
        let waited = since.elapsed();
        if waited > self.duration {
            self.duration = waited;
            self.limit = Some(limit);
        }
    }
}

/// The right to have one request in flight, released on drop.
#[derive(Debug, Default)]
pub(crate) struct Permit {
    concurrency: Option<OwnedSemaphorePermit>,
    host: Option<OwnedSemaphorePermit>,
    /// The permit of the call's own limits.
    of_call: Option<Box<Permit>>,
    limited_by: Option<Limit>,
    waited: Duration,
}

impl Permit {
    /// The limit with the longest wait; `None` if there was no wait.
    pub(crate) fn limited_by(&self) -> Option<Limit> {
        self.limited_by
    }
}
