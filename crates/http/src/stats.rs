//! What a batch did: counts, bytes, percentiles of where the time went, and what limited it.
//!
//! One [`Collector`] per batch, shared by its workers. Recording takes a lock for about 50 ns, less than any exchange
//! needs for a single system call.

mod samples;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::samples::Samples;
use super::error::ErrorKind;
use super::limits::Limit;
use super::transport::TransportKind;

/// Collects what a batch does, from any thread.
#[derive(Debug)]
pub struct Collector {
    started: Instant,
    connections_opened: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    wall: Option<Duration>,
    total: u64,
    ok: u64,
    bytes: u64,
    /// A batch sees a handful of them: a search beats a tree.
    by_status: Vec<(u16, u64)>,
    by_error: Vec<(&'static str, u64)>,
    by_transport: Vec<(TransportKind, u64)>,
    retries: Vec<(RetryCause, u64)>,
    queue: Samples,
    connect: Samples,
    first_byte: Samples,
    body: Samples,
    waits: Waits,
}

/// Time in the queue by what caused it.
#[derive(Debug, Default)]
struct Waits {
    per_host: Duration,
    rate: Duration,
    retry_after: Duration,
    /// For a free slot, known or presumed.
    slot: Duration,
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector {
    /// Nothing recorded; the wall clock starts.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            connections_opened: AtomicU64::new(0),
            state: Mutex::new(State {
                wall: None,
                total: 0,
                ok: 0,
                bytes: 0,
                by_status: Vec::new(),
                by_error: Vec::new(),
                by_transport: Vec::new(),
                retries: Vec::new(),
                queue: Samples::new(),
                connect: Samples::new(),
                first_byte: Samples::new(),
                body: Samples::new(),
                waits: Waits::default(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request has finished, well or not. One that was retried is recorded once, with the times of its last
    /// attempt.
    pub fn record(&self, outcome: RequestRecord) {
        let RequestRecord { status, error, bytes, transport, times, limited_by } = outcome;
        let mut state = self.state();
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
        if let Some(connect) = times.connect {
            state.connect.record(connect);
        }
        if let Some(first_byte) = times.first_byte {
            state.first_byte.record(first_byte);
        }
        if let Some(body) = times.body {
            state.body.record(body);
        }
        let wait = match limited_by {
            Some(Limit::PerHost) => &mut state.waits.per_host,
            Some(Limit::Rate) => &mut state.waits.rate,
            Some(Limit::RetryAfter) => &mut state.waits.retry_after,
            Some(Limit::Concurrency) | None => &mut state.waits.slot,
        };
        *wait = wait.saturating_add(times.queue);
    }

    /// One request has failed without a turn of its own: its URL was bad, or the deadline came.
    pub fn record_failure(&self, kind: ErrorKind) {
        let mut state = self.state();
        state.total += 1;
        count(&mut state.by_error, kind.class_name());
    }

    /// Another attempt is made.
    pub fn retry(&self, cause: RetryCause) {
        count(&mut self.state().retries, cause);
    }

    /// A new connection was opened.
    pub fn connection_opened(&self) {
        self.connections_opened.fetch_add(1, Ordering::Relaxed);
    }

    /// The batch is over: the wall clock stops, the first time this is called.
    pub fn finish(&self) {
        let wall = self.started.elapsed();
        self.state().wall.get_or_insert(wall);
    }

    /// What is known so far.
    pub fn snapshot(&self) -> Stats {
        let state = self.state();
        let mut retries_by_cause = BTreeMap::new();
        for (cause, times) in &state.retries {
            *retries_by_cause.entry(cause.name()).or_default() += times;
        }
        Stats {
            total: state.total,
            ok: state.ok,
            failed: state.total - state.ok,
            by_status: state.by_status.iter().copied().collect(),
            by_error: state.by_error.iter().map(|(class, times)| (Cow::Borrowed(*class), *times)).collect(),
            by_transport: state.by_transport.iter().map(|(transport, times)| (transport.as_str(), *times)).collect(),
            retries: state.retries.iter().map(|(_, times)| times).sum(),
            retries_by_cause,
            bytes: state.bytes,
            wall: state.wall.unwrap_or_else(|| self.started.elapsed()),
            connections_opened: self.connections_opened.load(Ordering::Relaxed),
            queue: state.queue.percentiles(),
            connect: state.connect.percentiles(),
            first_byte: state.first_byte.percentiles(),
            body: state.body.percentiles(),
            limited_by: state.limited_by(),
        }
    }
}

/// Adds one to the count of `key`.
fn count<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K) {
    match counts.iter_mut().find(|(known, _)| *known == key) {
        Some((_, times)) => *times += 1,
        None => counts.push((key, 1)),
    }
}

impl State {
    /// See [`LimitedBy`].
    fn limited_by(&self) -> LimitedBy {
        let head = self.connect.sum().saturating_add(self.first_byte.sum());
        let body = self.body.sum();
        let busy = head.saturating_add(body);
        let Waits { per_host, rate, retry_after, slot } = &self.waits;
        let longest = [(rate, LimitedBy::Rate), (retry_after, LimitedBy::RetryAfter), (per_host, LimitedBy::PerHost)]
            .into_iter()
            .max_by_key(|(wait, _)| **wait);
        match longest {
            Some((wait, limit)) if *wait > busy.max(*slot) => limit,
            _ if busy.is_zero() && slot.is_zero() => LimitedBy::Nothing,
            _ if *slot > busy => LimitedBy::Concurrency,
            _ if body > head => LimitedBy::Bandwidth,
            _ => LimitedBy::Server,
        }
    }
}

/// Why another attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryCause {
    /// A status of the forcelist.
    Status(u16),
    /// A failure of the exchange.
    Error(ErrorKind),
}

impl RetryCause {
    /// `"503"` or `"ReadTimeout"`.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Status(status) => Cow::Owned(status.to_string()),
            Self::Error(kind) => Cow::Borrowed(kind.class_name()),
        }
    }
}

/// How long the parts of one attempt took; `None` for a part that was not reached or did not take place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseTimes {
    /// Waiting for its turn.
    pub queue: Duration,
    /// Name resolution, TCP and TLS, if a connection was opened for it.
    pub connect: Option<Duration>,
    /// From sending the request to the head of the response.
    pub first_byte: Option<Duration>,
    /// From the head to the last byte.
    pub body: Option<Duration>,
}

/// One finished request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestRecord {
    /// The status, if there was a response.
    pub status: Option<u16>,
    /// The error, if it failed (with `raise_for_status` beside a status).
    pub error: Option<ErrorKind>,
    /// The bytes of its body, decoded.
    pub bytes: u64,
    /// The transport of its last attempt, if that got so far.
    pub transport: Option<TransportKind>,
    /// Where its time went.
    pub times: PhaseTimes,
    /// What made it wait for its turn.
    pub limited_by: Option<Limit>,
}

impl RequestRecord {
    /// One that got no further than its place in the queue.
    pub fn waited(queue: Duration) -> Self {
        Self { times: PhaseTimes { queue, ..PhaseTimes::default() }, ..Self::default() }
    }
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Finished requests: `ok` and `failed`.
    pub total: u64,
    /// Those with a result, whatever its status.
    pub ok: u64,
    /// Those with an error.
    pub failed: u64,
    /// Responses by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Errors by the name of their Python class.
    pub by_error: BTreeMap<Cow<'static, str>, u64>,
    /// Requests by the transport of their last attempt ([`TransportKind`]).
    pub by_transport: BTreeMap<&'static str, u64>,
    /// Attempts beyond the first of each request.
    pub retries: u64,
    /// The same by [`RetryCause::name`].
    pub retries_by_cause: BTreeMap<Cow<'static, str>, u64>,
    /// Bytes of all bodies, decoded.
    pub bytes: u64,
    /// From the start of the batch to its end, or to now.
    pub wall: Duration,
    /// New connections; the others were reused.
    pub connections_opened: u64,
    /// Waiting for turns.
    pub queue: Percentiles,
    /// Opening connections.
    pub connect: Percentiles,
    /// From request to head.
    pub first_byte: Percentiles,
    /// From head to last byte.
    pub body: Percentiles,
    /// What would have to change to make it faster.
    pub limited_by: LimitedBy,
}

/// A distribution of durations, in seconds; all 0 when nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// 90 % took no longer.
    pub p90: f64,
    /// 99 % took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// The average.
    pub mean: f64,
}

/// What limited a batch: a rule of thumb over the summed times of its requests.
///
/// Waiting for a rate, a pause or a per-host limit longer than for everything else (the exchanges themselves, the wait
/// for a free slot) names that limit. Otherwise, waiting for a free slot longer than the exchanges took means that more
/// concurrency would help; exchanges that spend most of their time on bodies are limited by bandwidth; what remains is
/// the server's time to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LimitedBy {
    /// Requests waited for a free slot.
    Concurrency,
    /// Requests waited for `rate`.
    Rate,
    /// Requests waited for `per_host`.
    PerHost,
    /// Requests waited because the server asked for a pause.
    RetryAfter,
    /// The time to the head of the response.
    Server,
    /// The time of the bodies.
    Bandwidth,
    /// The time of the work on all cores (`shoal.parallel`).
    Cpu,
    /// No time was measured.
    #[default]
    Nothing,
}

impl LimitedBy {
    /// The name Python shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Rate => "rate",
            Self::PerHost => "per_host",
            Self::RetryAfter => "retry_after",
            Self::Server => "server",
            Self::Bandwidth => "bandwidth",
            Self::Cpu => "cpu",
            Self::Nothing => "nothing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn times(queue: u64, connect: u64, first_byte: u64, body: u64) -> PhaseTimes {
        PhaseTimes {
            queue: ms(queue),
            connect: Some(ms(connect)),
            first_byte: Some(ms(first_byte)),
            body: Some(ms(body)),
        }
    }

    #[test]
    fn an_empty_batch() {
        let stats = Collector::new().snapshot();
        assert_eq!(Stats { wall: Duration::ZERO, ..stats }, Stats::default());
    }

    #[test]
    fn counts() {
        let collector = Collector::new();
        for status in [200, 200, 404, 200] {
            collector.record(RequestRecord { status: Some(status), bytes: 10, ..RequestRecord::default() });
        }
        collector.record(RequestRecord { error: Some(ErrorKind::ReadTimeout), ..RequestRecord::default() });
        collector.record(RequestRecord { error: Some(ErrorKind::Dns), bytes: 3, ..RequestRecord::default() });
        collector.record(RequestRecord {
            status: Some(500),
            error: Some(ErrorKind::HttpStatus),
            ..RequestRecord::default()
        });
        for cause in [RetryCause::Status(503), RetryCause::Error(ErrorKind::Read), RetryCause::Status(503)] {
            collector.retry(cause);
        }
        collector.connection_opened();
        let stats = collector.snapshot();
        assert_eq!((stats.total, stats.ok, stats.failed, stats.bytes), (7, 4, 3, 43));
        assert_eq!(stats.by_status, BTreeMap::from([(200, 3), (404, 1), (500, 1)]));
        assert_eq!(
            stats.by_error,
            ["DNSError", "HTTPStatusError", "ReadTimeout"].map(|class| (class.into(), 1)).into()
        );
        assert_eq!(stats.retries, 3);
        assert_eq!(stats.retries_by_cause, BTreeMap::from([("503".into(), 2), ("ReadError".into(), 1)]));
        assert_eq!(stats.connections_opened, 1);
        assert_eq!((stats.queue.count, stats.connect.count, stats.body.count), (7, 0, 0));
    }

    #[test]
    fn the_clock_stops_once() {
        let collector = Collector::new();
        collector.finish();
        let wall = collector.snapshot().wall;
        std::thread::sleep(ms(2));
        collector.finish();
        assert_eq!(collector.snapshot().wall, wall);
        assert!(Collector::new().started.elapsed() < ms(1000));
    }

    #[test]
    fn what_limited_it() {
        for (times, limited_by, expected) in [
            (times(5000, 0, 100, 10), Some(Limit::Rate), LimitedBy::Rate),
            (times(5000, 0, 100, 10), Some(Limit::RetryAfter), LimitedBy::RetryAfter),
            (times(5000, 0, 100, 10), Some(Limit::PerHost), LimitedBy::PerHost),
            (times(5000, 0, 100, 10), Some(Limit::Concurrency), LimitedBy::Concurrency),
            (times(5000, 0, 100, 10), None, LimitedBy::Concurrency),
            (times(50, 10, 100, 10), Some(Limit::Rate), LimitedBy::Server),
            (times(0, 10, 100, 10), None, LimitedBy::Server),
            (times(0, 10, 100, 1000), None, LimitedBy::Bandwidth),
            (times(0, 0, 0, 0), None, LimitedBy::Nothing),
        ] {
            let collector = Collector::new();
            for _ in 0..10 {
                collector.record(RequestRecord { status: Some(200), times, limited_by, ..RequestRecord::default() });
            }
            assert_eq!(collector.snapshot().limited_by, expected, "{times:?} {limited_by:?}");
            assert!(!expected.as_str().is_empty());
        }
    }

    #[test]
    fn threads_lose_nothing() {
        let collector = Collector::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..5000_u16 {
                        let status = Some(200 + number % 3);
                        collector.record(RequestRecord {
                            status,
                            bytes: 1,
                            times: times(1, 2, 3, 4),
                            ..RequestRecord::default()
                        });
                        collector.retry(RetryCause::Error(ErrorKind::Connect));
                    }
                });
            }
        });
        let stats = collector.snapshot();
        assert_eq!((stats.total, stats.bytes, stats.retries, stats.body.count), (20_000, 20_000, 20_000, 20_000));
        assert_eq!(stats.by_status.values().sum::<u64>(), 20_000);
    }
}
