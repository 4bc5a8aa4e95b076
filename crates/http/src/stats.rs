//! The statistics of a batch: counts, bytes, percentiles of the time in each phase, and what limited it.
//!
//! One [`Collector`] per batch, shared by its workers. Recording holds a lock for about 50 ns, less than one system call
//! of the request takes.

mod percentiles;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub use self::percentiles::Percentiles;
use self::percentiles::Samples;
use super::error_kind::ErrorKind;
use super::limits::Limit;
use super::named::named;
use super::transport::TransportKind;
use shoal_runtime::Mutex;

/// Collects the statistics of a batch, from any thread.
#[derive(Debug)]
pub struct Collector {
    started: Instant,
    connections_opened: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    wall_time: Option<Duration>,
    total: u64,
    ok: u64,
    bytes: u64,
    /// A batch has a handful of different statuses: a search is faster than a tree.
    by_status: Vec<(u16, u64)>,
    by_error: Vec<(&'static str, u64)>,
    by_transport: Vec<(TransportKind, u64)>,
    retries: BTreeMap<Cow<'static, str>, u64>,
    queue: Samples,
    connect: Samples,
    first_byte: Samples,
    body: Samples,
    waits: Waits,
}

/// Time in the queue by its cause.
#[derive(Debug, Default)]
struct Waits {
    per_host: Duration,
    rate: Duration,
    retry_after: Duration,
    /// For a permit of `concurrency`, or for a worker.
    concurrency: Duration,
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector {
    /// A collector without records; its clock starts.
    pub fn new() -> Self {
        Self { started: Instant::now(), connections_opened: AtomicU64::new(0), state: Mutex::default() }
    }

    /// Records a finished request: once, with the times of its last attempt.
    pub(crate) fn record(&self, record: RequestRecord) {
        let RequestRecord { status, error, bytes, transport, times, limited_by } = record;
        let mut state = self.state.lock();
        state.total += 1;
        state.bytes = state.bytes.saturating_add(bytes);
        if let Some(status) = status {
            count(&mut state.by_status, status);
        }
        match error {
            Some(kind) => count(&mut state.by_error, kind.class_name()),
            None => state.ok += 1,
        }
        if let Some(transport) = transport {
            count(&mut state.by_transport, transport);
        }
        state.queue.record(times.queue);
        times.connect.into_iter().for_each(|time| state.connect.record(time));
        times.first_byte.into_iter().for_each(|time| state.first_byte.record(time));
        times.body.into_iter().for_each(|time| state.body.record(time));
        let wait = match limited_by {
            Some(Limit::PerHost) => &mut state.waits.per_host,
            Some(Limit::Rate) => &mut state.waits.rate,
            Some(Limit::RetryAfter) => &mut state.waits.retry_after,
            Some(Limit::Concurrency) | None => &mut state.waits.concurrency,
        };
        *wait = wait.saturating_add(times.queue);
    }

    /// Records a request that failed without an attempt: its URL was invalid or the deadline passed.
    pub(crate) fn record_failure(&self, kind: ErrorKind) {
        let mut state = self.state.lock();
        state.total += 1;
        count(&mut state.by_error, kind.class_name());
    }

    /// Records a retry and its cause, a status or the class of an error.
    pub(crate) fn retry(&self, cause: Cow<'static, str>) {
        *self.state.lock().retries.entry(cause).or_default() += 1;
    }

    pub(crate) fn connection_opened(&self) {
        self.connections_opened.fetch_add(1, Ordering::Relaxed);
    }

    /// Stops the clock at the end of the batch; the first call counts.
    pub fn finish(&self) {
        let wall_time = self.started.elapsed();
        self.state.lock().wall_time.get_or_insert(wall_time);
    }

    /// The statistics so far.
    pub fn snapshot(&self) -> Stats {
        let state = self.state.lock();
        Stats {
            total: state.total,
            ok: state.ok,
            failed: state.total - state.ok,
            by_status: state.by_status.iter().copied().collect(),
            by_error: state.by_error.iter().map(|(class, times)| (Cow::Borrowed(*class), *times)).collect(),
            by_transport: state.by_transport.iter().map(|(transport, times)| (transport.as_str(), *times)).collect(),
            retries: state.retries.values().sum(),
            retries_by_cause: state.retries.clone(),
            bytes: state.bytes,
            wall: state.wall_time.unwrap_or_else(|| self.started.elapsed()),
            connections_opened: self.connections_opened.load(Ordering::Relaxed),
            queue: state.queue.percentiles(),
            connect: state.connect.percentiles(),
            first_byte: state.first_byte.percentiles(),
            body: state.body.percentiles(),
            limited_by: state.limited_by(),
        }
    }
}

fn count<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K) {
    match counts.iter_mut().find(|(known, _)| *known == key) {
        Some((_, times)) => *times += 1,
        None => counts.push((key, 1)),
    }
}

impl State {
    /// Applies the rule of [`LimitedBy`].
    fn limited_by(&self) -> LimitedBy {
        let head = self.connect.sum().saturating_add(self.first_byte.sum());
        let body = self.body.sum();
        let busy = head.saturating_add(body);
        let Waits { per_host, rate, retry_after, concurrency } = &self.waits;
        let longest = [(rate, LimitedBy::Rate), (retry_after, LimitedBy::RetryAfter), (per_host, LimitedBy::PerHost)]
            .into_iter()
            .max_by_key(|(wait, _)| **wait);
        match longest {
            Some((wait, limit)) if *wait > busy.max(*concurrency) => limit,
            _ if busy.is_zero() && concurrency.is_zero() => LimitedBy::Nothing,
            _ if *concurrency > busy => LimitedBy::Concurrency,
            _ if body > head => LimitedBy::Bandwidth,
            _ => LimitedBy::Server,
        }
    }
}

/// The time in each phase of an attempt; `None` for a phase that did not take place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PhaseTimes {
    /// Waiting for a worker and a permit.
    pub queue: Duration,
    /// Name resolution, TCP and TLS, if the attempt opened a connection.
    pub connect: Option<Duration>,
    /// From sending the request to the head of the response.
    pub first_byte: Option<Duration>,
    /// From the head to the last byte.
    pub body: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestRecord {
    pub status: Option<u16>,
    /// The error, if it failed (with `raise_for_status` beside a status).
    pub error: Option<ErrorKind>,
    /// The bytes of its decoded body.
    pub bytes: u64,
    /// The transport of its last attempt, if one was chosen.
    pub transport: Option<TransportKind>,
    pub times: PhaseTimes,
    /// What made it wait for a permit.
    pub limited_by: Option<Limit>,
}

impl RequestRecord {
    /// A request that never left the queue.
    pub(crate) fn waited(queue: Duration) -> Self {
        Self { times: PhaseTimes { queue, ..PhaseTimes::default() }, ..Self::default() }
    }
}

/// The statistics of a batch or another job.
#[allow(missing_docs, reason = "documented at shoal.JobStats")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Finished requests: `ok` and `failed`.
    pub total: u64,
    pub ok: u64,
    pub failed: u64,
    pub by_status: BTreeMap<u16, u64>,
    pub by_error: BTreeMap<Cow<'static, str>, u64>,
    /// Requests by the [`TransportKind`] of their last attempt.
    pub by_transport: BTreeMap<&'static str, u64>,
    /// Attempts beyond the first of each request.
    pub retries: u64,
    pub retries_by_cause: BTreeMap<Cow<'static, str>, u64>,
    pub bytes: u64,
    /// From the start of the batch to its end, or to now.
    pub wall: Duration,
    pub connections_opened: u64,
    pub queue: Percentiles,
    pub connect: Percentiles,
    pub first_byte: Percentiles,
    pub body: Percentiles,
    pub limited_by: LimitedBy,
}

named! {
    /// What limited a job: a rule of thumb over the summed times of its requests.
    ///
    /// If the wait for a rate, a pause or a per-host limit is longer than everything else (the exchanges and the wait for
    /// `concurrency`), it is that limit. Otherwise a wait for `concurrency` longer than the exchanges means that more
    /// concurrency would help; exchanges that spend most of their time on bodies are limited by bandwidth; the rest is the
    /// server's response time.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub enum LimitedBy.as_str {
        /// Requests waited for `concurrency`.
        Concurrency = "concurrency",
        /// Requests waited for `rate`.
        Rate = "rate",
        /// Requests waited for `per_host`.
        PerHost = "per_host",
        /// Requests waited because the server asked for a pause.
        RetryAfter = "retry_after",
        /// The time to the first byte.
        Server = "server",
        /// The time of the bodies.
        Bandwidth = "bandwidth",
        /// Work on all cores (`shoal.parallel`).
        Cpu = "cpu",
        /// No time was measured.
        #[default]
        Nothing = "nothing",
    }
}
