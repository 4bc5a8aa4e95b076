//! One request through all its attempts: permit, exchange, result, backoff.

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
use super::limits::{Limiter, Permit};
use super::redirects::exchange;
use super::request::Request;
use super::response::Response;
use super::retry::parse_retry_after;
use super::settings::Settings;
use super::stats::{Collector, PhaseTimes, RequestRecord};
use super::transport::{Router, Snapshot, Timings, Transport};
use shoal_runtime::{load, panic_message};

/// A request with this header may be sent again with any method (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The result of a request.
pub type FetchResult = Result<Response, FetchError>;

/// Carries out the requests of one call, with what they share.
pub struct Fetcher<T = Router> {
    /// ConnectionOptions, cookies, limits.
    pub session: Arc<Session<T>>,
    /// The call's own limits, in addition to the session's.
    pub limits: Option<Arc<Limiter>>,
    /// For requests without settings of their own.
    pub settings: Arc<Settings>,
    /// The headers of client and call, merged.
    pub headers: Arc<HeaderMap>,
    /// The call's statistics.
    pub collector: Arc<Collector>,
}

struct Progress<'a> {
    request: &'a Arc<Request>,
    index: usize,
    /// When it began to wait for a worker.
    queued: Instant,
    /// When it began to wait for its first permit.
    started: Instant,
    attempts: u32,
}

struct Attempt {
    result: Result<Response, AttemptError>,
    started: Instant,
    snapshot: Snapshot,
}

impl<T: Transport> Fetcher<T> {
    /// Carries a request out, in as many attempts as it takes. A panic becomes the request's error.
    pub async fn fetch(&self, request: Arc<Request>, index: usize) -> FetchResult {
        self.fetch_queued(request, index, Instant::now()).await
    }

    /// The same for a request that has waited for a worker since `queued`; that counts as time in the queue.
    pub async fn fetch_queued(&self, request: Arc<Request>, index: usize, queued: Instant) -> FetchResult {
        let mut progress = Progress { request: &request, index, queued, started: Instant::now(), attempts: 0 };
        match AssertUnwindSafe(self.run_attempts(&mut progress)).catch_unwind().await {
            Ok(result) => result,
            Err(panic) => {
                let message = format!("internal error: {}", panic_message(panic.as_ref()));
                let error = AttemptError::new(ErrorKind::Internal, Phase::Queue, message);
                progress.attempts = 0;
                Err(self.fail(error, &progress, RequestRecord::waited(queued.elapsed())))
            }
        }
    }

    async fn run_attempts(&self, progress: &mut Progress<'_>) -> FetchResult {
        let (request, queued) = (progress.request, progress.queued);
        let settings = request.settings.as_ref().unwrap_or(&self.settings).clone();
        let mut limited_by = None;
        loop {
            let permit = match self.acquire(request, &settings).await {
                Ok(permit) => permit,
                Err(error) => return Err(self.fail(error, progress, RequestRecord::waited(queued.elapsed()))),
            };
            limited_by = permit.limited_by().or(limited_by);
            progress.attempts += 1;
            let attempt = self.attempt(request, &settings).await;
            drop(permit);
            if let Some(wait) = self.wait_before_retry(request, &settings, &attempt, progress.attempts) {
                tokio::time::sleep(wait).await;
                continue;
            }
            let times = phase_times(queued, &attempt);
            let record = RequestRecord { times, transport: attempt.snapshot.transport, ..RequestRecord::default() };
            return match attempt.result {
                Ok(mut response) => {
                    response.elapsed = attempt.started.elapsed();
                    response.attempts = progress.attempts;
                    response.index = progress.index;
                    let bytes = attempt.snapshot.bytes;
                    load::record_request(bytes);
                    self.succeed(response, &settings, RequestRecord { bytes, limited_by, ..record })
                }
                Err(error) => Err(self.fail(error, progress, record)),
            };
        }
    }

    async fn acquire(&self, request: &Request, settings: &Settings) -> Result<Permit, AttemptError> {
        let (limiter, of_call) = (&self.session.limiter, self.limits.as_ref());
        if let Some(permit) = limiter.try_acquire_within(of_call, &request.url) {
            return Ok(permit);
        }
        let waiting = limiter.acquire_within(of_call, &request.url);
        match settings.timeout.pool {
            None => Ok(waiting.await),
            Some(limit) => tokio::time::timeout(limit, waiting).await.map_err(|_| self.no_permit(limit, &request.url)),
        }
    }

    fn no_permit(&self, limit: Duration, url: &Url) -> AttemptError {
        let of_call = self.limits.as_ref().and_then(|limits| limits.shortage(url));
        let why = of_call.or_else(|| self.session.limiter.shortage(url)).map(|why| format!(": {why}"));
        let why = why.unwrap_or_default();
        let message = format!("no permit within {} s{why}", limit.as_secs_f64());
        AttemptError::new(ErrorKind::PoolTimeout, Phase::Queue, message)
    }

    async fn attempt(&self, request: &Arc<Request>, settings: &Settings) -> Attempt {
        let timings = Arc::new(Timings::start(settings.timeout.connect));
        // Pinned in place: `timeout` would move it, and the futures of reqwest inside are kilobytes.
        let mut work = pin!(async {
            let first = exchange(&self.session, request, settings, &self.headers, &timings).await;
            match &first {
                // A server may close a kept connection just as a request is written to it: one more try on a new
                // connection follows, as in browsers and aiohttp.
                Err(error)
                    if error.kind == ErrorKind::Read
                        && error.phase == Phase::Headers
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

    /// Whether the request has an `Idempotency-Key`, by which a server recognises a request that it has already seen.
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
        if retry.total == 0 {
            return None;
        }
        let has_key = || self.has_key(request);
        let (is_allowed, asked_for) = match &attempt.result {
            Ok(response) => {
                let asked_for = if retry.respect_retry_after { self.pause(response, settings) } else { None };
                (retry.allows_status(&request.method, has_key, response.status), asked_for)
            }
            Err(error) => (error.unprocessed || retry.allows_error(&request.method, has_key, error.kind), None),
        };
        if !is_allowed || attempts > retry.total {
            return None;
        }
        self.collector.retry(match &attempt.result {
            Ok(response) => response.status.as_str().to_owned().into(),
            Err(error) => error.kind.class_name().into(),
        });
        Some(asked_for.unwrap_or_else(|| retry.backoff(attempts - 1, fastrand::f64())))
    }

    /// Obeys a `Retry-After` on 413, 429 and 503: it pauses the host for every request of the client.
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

    /// Records a response, and turns it into an error if `raise_for_status` asks for that.
    fn succeed(&self, response: Response, settings: &Settings, record: RequestRecord) -> FetchResult {
        let status = response.status;
        let raises = settings.raise_for_status && (status.is_client_error() || status.is_server_error());
        let error = raises.then_some(ErrorKind::HttpStatus);
        self.collector.record(RequestRecord { status: Some(status.as_u16()), error, ..record });
        if raises { Err(FetchError::of_status(response)) } else { Ok(response) }
    }

    /// Records an error and ties it to its request.
    fn fail(&self, error: AttemptError, progress: &Progress<'_>, record: RequestRecord) -> FetchError {
        let status = error.response.as_ref().map(|response| response.status.as_u16());
        self.collector.record(RequestRecord { status, error: Some(error.kind), ..record });
        let Progress { request, index, attempts, started, .. } = *progress;
        FetchError::new(error, Some(request.clone()), index, attempts, started.elapsed())
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

fn phase_times(queued: Instant, attempt: &Attempt) -> PhaseTimes {
    let first_byte = attempt.snapshot.first_byte;
    PhaseTimes {
        queue: attempt.started.duration_since(queued),
        connect: attempt.snapshot.connect,
        first_byte,
        body: first_byte.map(|head| attempt.started.elapsed().saturating_sub(head)),
    }
}
