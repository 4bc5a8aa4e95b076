//! One request through all its attempts: turn, exchange, verdict, backoff.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, StatusCode};
use url::Url;

use super::client::Session;
use super::error::{AttemptError, ErrorKind, FetchError, Phase};
use super::limits::{Limit, Limiter, Permit};
use super::redirects::exchange;
use super::request::Request;
use super::response::Response;
use super::retry::parse_retry_after;
use super::settings::Settings;
use super::stats::{Collector, PhaseTimes, RequestRecord, RetryCause};
use super::transport::{Router, Snapshot, Timings, Transport};
use shoal_runtime::{load, panic_message};

/// A request with this header may be sent again whatever its method (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What came of a request.
pub type FetchResult = Result<Response, FetchError>;

/// What all requests of one call share.
pub struct Fetcher<T = Router> {
    /// Connections, cookies, limits.
    pub session: Arc<Session<T>>,
    /// The call's own limits, which hold in addition to the session's.
    pub limits: Option<Arc<Limiter>>,
    /// For requests that have none of their own.
    pub settings: Arc<Settings>,
    /// Those of client and call, merged.
    pub headers: Arc<HeaderMap>,
    /// Notes what happens.
    pub collector: Arc<Collector>,
}

/// What one attempt left behind besides its result.
struct Attempt {
    result: Result<Response, AttemptError>,
    started: Instant,
    snapshot: Snapshot,
}

impl<T: Transport> Fetcher<T> {
    /// Carries a request out, however many attempts that takes. A panic on the way is its failure.
    pub async fn fetch(&self, request: Arc<Request>, index: usize) -> FetchResult {
        self.fetch_queued(request, index, Instant::now()).await
    }

    /// The same for a request that has waited for a worker since `queued`, which counts as waiting for its turn.
    pub async fn fetch_queued(&self, request: Arc<Request>, index: usize, queued: Instant) -> FetchResult {
        let asked = Instant::now();
        match AssertUnwindSafe(self.attempts(&request, index, asked, queued)).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => {
                let message = format!("internal error: {}", panic_message(panic.as_ref()));
                let failure = AttemptError::new(ErrorKind::Internal, Phase::Queue, message);
                Err(self.failed(failure, &request, index, 0, RequestRecord::waited(queued.elapsed()), asked))
            }
        }
    }

    async fn attempts(&self, request: &Arc<Request>, index: usize, asked: Instant, queued: Instant) -> FetchResult {
        let settings = request.settings.as_ref().unwrap_or(&self.settings).clone();
        let mut limited_by = None;
        let mut attempts = 0;
        loop {
            let turn = match self.acquire(request, &settings).await {
                Ok(turn) => turn,
                Err(failure) => {
                    let recorded = RequestRecord::waited(queued.elapsed());
                    return Err(self.failed(failure, request, index, attempts, recorded, asked));
                }
            };
            limited_by = turn.limited_by().or(limited_by);
            attempts += 1;
            let attempt = self.attempt(request, &settings).await;
            drop(turn);
            if let Some(wait) = self.wait_before_retry(request, &settings, &attempt, attempts) {
                tokio::time::sleep(wait).await;
                continue;
            }
            let times = times(queued, &attempt);
            return match attempt.result {
                Ok(mut response) => {
                    response.elapsed = attempt.started.elapsed();
                    response.attempts = attempts;
                    response.index = index;
                    self.verdict(response, &settings, times, limited_by, attempt.snapshot)
                }
                Err(failure) => {
                    let recorded =
                        RequestRecord { times, transport: attempt.snapshot.transport, ..RequestRecord::default() };
                    Err(self.failed(failure, request, index, attempts, recorded, asked))
                }
            };
        }
    }

    async fn acquire(&self, request: &Request, settings: &Settings) -> Result<Permit, AttemptError> {
        let (limiter, of_call) = (&self.session.limiter, self.limits.as_ref());
        if let Some(turn) = limiter.try_acquire_within(of_call, &request.url) {
            return Ok(turn);
        }
        let waiting = limiter.acquire_within(of_call, &request.url);
        match settings.timeout.pool {
            None => Ok(waiting.await),
            Some(limit) => tokio::time::timeout(limit, waiting).await.map_err(|_| self.no_permit(limit, &request.url)),
        }
    }

    /// A request got no permit in time.
    fn no_permit(&self, limit: Duration, url: &Url) -> AttemptError {
        let of_call = self.limits.as_ref().and_then(|limits| limits.shortage(url));
        let why = of_call.or_else(|| self.session.limiter.shortage(url)).map(|why| format!(": {why}"));
        let why = why.unwrap_or_default();
        AttemptError::new(
            ErrorKind::PoolTimeout,
            Phase::Queue,
            format!("no permit within {} s{why}", limit.as_secs_f64()),
        )
    }

    async fn attempt(&self, request: &Arc<Request>, settings: &Settings) -> Attempt {
        let timings = Arc::new(Timings::start(settings.timeout.connect));
        // Pinned where it is: `timeout` would move it, and the futures of reqwest inside are kilobytes.
        let mut work = pin!(async {
            let first = exchange(&self.session, request, settings, &self.headers, &timings).await;
            match &first {
                // A kept connection may be closed by the server just as a request is written to it: nobody's failure,
                // and one more try on a new connection tells (browsers and aiohttp do the same).
                Err(failure)
                    if failure.kind == ErrorKind::Read
                        && failure.phase == Phase::Headers
                        && timings.snapshot().connects == 0
                        && (request.method.is_idempotent() || self.has_key(request)) =>
                {
                    exchange(&self.session, request, settings, &self.headers, &timings).await
                }
                _ => first,
            }
        });
        let result = match settings.timeout.total {
            None => work.await,
            Some(limit) => match tokio::time::timeout(limit, work.as_mut()).await {
                Ok(result) => result,
                Err(_) if settings.timeout.plain && timings.snapshot().saves => work.await,
                Err(_) => Err(timed_out(limit, timings.phase())),
            },
        };
        let snapshot = timings.snapshot();
        for _ in 0..snapshot.connects {
            self.collector.connection_opened();
        }
        Attempt { result, started: timings.started, snapshot }
    }

    /// Whether the request has an `Idempotency-Key`: the server then does twice what it is asked twice only once.
    fn has_key(&self, request: &Request) -> bool {
        let of_call = || self.headers.contains_key(IDEMPOTENCY_KEY) && !request.without.contains(&IDEMPOTENCY_KEY);
        request.headers.contains_key(IDEMPOTENCY_KEY) || of_call()
    }

    /// How long to wait before the next attempt; `None` if this one was the last.
    fn wait_before_retry(
        &self,
        request: &Request,
        settings: &Settings,
        attempt: &Attempt,
        attempts: u32,
    ) -> Option<Duration> {
        let retry = &settings.retry;
        if retry.is_none() {
            return None;
        }
        let (again, cause, asked_for) = match &attempt.result {
            Ok(response) => {
                let asked_for = if retry.respect_retry_after { self.pause(response, settings) } else { None };
                let again = retry.status_retryable(&request.method, || self.has_key(request), response.status);
                (again, RetryCause::Status(response.status.as_u16()), asked_for)
            }
            Err(failure) => {
                let again = failure.unprocessed
                    || retry.failure_retryable(&request.method, || self.has_key(request), failure.kind);
                (again, RetryCause::Error(failure.kind), None)
            }
        };
        if !again || attempts > retry.total {
            return None;
        }
        self.collector.retry(cause);
        Some(asked_for.unwrap_or_else(|| retry.backoff(attempts - 1, fastrand::f64())))
    }

    /// A `Retry-After` on 413, 429 and 503 pauses the host for every request of the client.
    fn pause(&self, response: &Response, settings: &Settings) -> Option<Duration> {
        if !matches!(
            response.status,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            return None;
        }
        let value = response.headers.get(RETRY_AFTER)?;
        let asked_for = parse_retry_after(value, SystemTime::now())?.min(settings.retry.retry_after_max);
        self.session.limiter.pause(response.url(), asked_for);
        Some(asked_for)
    }

    fn verdict(
        &self,
        response: Response,
        settings: &Settings,
        times: PhaseTimes,
        limited_by: Option<Limit>,
        snapshot: Snapshot,
    ) -> FetchResult {
        load::record_request(snapshot.bytes);
        let status = response.status;
        let raise = settings.raise_for_status && (status.is_client_error() || status.is_server_error());
        self.collector.record(RequestRecord {
            status: Some(status.as_u16()),
            error: raise.then_some(ErrorKind::HttpStatus),
            bytes: snapshot.bytes,
            transport: snapshot.transport,
            times,
            limited_by,
        });
        if raise { Err(FetchError::of_status(response)) } else { Ok(response) }
    }

    fn failed(
        &self,
        failure: AttemptError,
        request: &Arc<Request>,
        index: usize,
        attempts: u32,
        recorded: RequestRecord,
        asked: Instant,
    ) -> FetchError {
        let status = failure.response.as_ref().map(|response| response.status.as_u16());
        self.collector.record(RequestRecord { status, error: Some(failure.kind), ..recorded });
        FetchError::new(failure, Some(request.clone()), index, attempts, asked.elapsed())
    }
}

fn timed_out(limit: Duration, phase: Phase) -> AttemptError {
    let doing = match phase {
        Phase::Connect => "still connecting",
        Phase::Body => "the body was incomplete",
        _ => "no answer",
    };
    AttemptError::new(ErrorKind::TotalTimeout, phase, format!("{doing} after {} s", limit.as_secs_f64()))
}

fn times(queued: Instant, attempt: &Attempt) -> PhaseTimes {
    let first_byte = attempt.snapshot.first_byte;
    PhaseTimes {
        queue: attempt.started.duration_since(queued),
        connect: attempt.snapshot.connect,
        first_byte,
        body: first_byte.map(|head| attempt.started.elapsed().saturating_sub(head)),
    }
}
