//! The configured limits, and the state of each host (an origin): its permits, its queue, its pause and its token bucket.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, MutexGuard};

use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::{Position, Url};

use super::rate::{Bucket, Rate};
use crate::named::named;
use shoal_runtime::Mutex;

/// The limits of a client or a call; `None` means no limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Requests in flight; 0 counts as 1.
    pub concurrency: Option<usize>,
    /// Requests in flight per host (scheme, name and port); 0 counts as 1.
    pub per_host: Option<usize>,
    /// Requests started per time and host.
    pub rate: Option<Rate>,
}

named! {
    /// What made a request wait.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Limit.as_str {
        /// [`Limits::concurrency`].
        Concurrency = "concurrency",
        /// [`Limits::per_host`].
        PerHost = "per_host",
        /// [`Limits::rate`].
        Rate = "rate",
        /// A pause that the server asked for.
        RetryAfter = "retry_after",
    }
}

/// The smallest [`Hosts::sweep_at`].
pub(super) const MIN_SWEEP: usize = 64;

/// The hosts with requests, a pause or a used bucket.
#[derive(Debug)]
pub(super) struct Hosts {
    pub table: HashMap<Box<str>, Arc<Host>>,
    /// The number of entries at which the idle ones are dropped.
    sweep_at: usize,
    /// The end of the last pause of any host.
    pub last_pause: Option<Instant>,
}

impl Hosts {
    pub fn new() -> Self {
        Self { table: HashMap::new(), sweep_at: MIN_SWEEP, last_pause: None }
    }

    pub fn sweep(&mut self, now: Instant) {
        self.table.retain(|_, host| host.is_used() || !host.schedule().is_idle(now));
        self.sweep_at = MIN_SWEEP.max(self.table.len().saturating_mul(2));
    }

    pub fn get_or_insert(&mut self, origin: &str, permits: Option<usize>) -> Arc<Host> {
        if let Some(host) = self.table.get(origin) {
            return Arc::clone(host);
        }
        if self.table.len() >= self.sweep_at {
            self.sweep(Instant::now());
        }
        let schedule = Schedule { paused_until: None, bucket: Bucket::default(), last_wait: Limit::Rate };
        let host =
            Arc::new(Host { permits: permits.map(semaphore), head: semaphore(1), schedule: Mutex::new(schedule) });
        self.table.insert(origin.into(), Arc::clone(&host));
        host
    }
}

#[derive(Debug)]
pub(super) struct Host {
    /// For `per_host`.
    pub permits: Option<Arc<Semaphore>>,
    /// Its one permit belongs to the head of the host's queue.
    pub head: Arc<Semaphore>,
    schedule: Mutex<Schedule>,
}

impl Host {
    /// Whether a request has a reference, a permit or the head of the queue.
    fn is_used(self: &Arc<Self>) -> bool {
        let permits = self.permits.as_ref().map_or(0, Arc::strong_count);
        Arc::strong_count(self).max(permits).max(Arc::strong_count(&self.head)) > 1
    }

    pub fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock()
    }
}

/// When the next request to a host may start.
#[derive(Debug)]
pub(super) struct Schedule {
    pub paused_until: Option<Instant>,
    pub bucket: Bucket,
    /// What the head of the queue waited for last; the requests behind it waited for the same.
    pub last_wait: Limit,
}

impl Schedule {
    fn is_idle(&self, now: Instant) -> bool {
        self.paused_until.is_none_or(|until| until <= now) && self.bucket.is_full(now)
    }

    /// Until when a request must wait, and for what; `None` if it may start now.
    pub fn delay(&self, now: Instant) -> Option<(Instant, Limit)> {
        let pause = self.paused_until.map(|until| (until, Limit::RetryAfter));
        let rate = self.bucket.ready().map(|ready| (ready, Limit::Rate));
        [pause, rate].into_iter().flatten().filter(|(until, _)| *until > now).max_by_key(|(until, _)| *until)
    }
}

/// `scheme://host:port`: a slice of the URL unless it has credentials.
pub(super) fn origin(url: &Url) -> Cow<'_, str> {
    if url.username().is_empty() && url.password().is_none() {
        Cow::Borrowed(&url[..Position::AfterPort])
    } else {
        Cow::Owned(format!("{}://{}", url.scheme(), &url[Position::BeforeHost..Position::AfterPort]))
    }
}

pub(super) fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)))
}
