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
use super::error::{Error, Failure, Kind, Phase};
use super::exchange::exchange;
use super::governor::{Governor, Limit, Turn};
use super::lanes::Lanes;
use super::request::Request;
use super::response::Response;
use super::retry::parse_retry_after;
use super::settings::Settings;
use super::stats::{Cause, Collector, Recorded, Times};
use super::transport::{Clock, Marks, Transport};
use shoal_runtime::{load, panic_message};

/// A request with this header may be sent again whatever its method (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What came of a request.
pub type Outcome = Result<Response, Error>;

/// What all requests of one call share.
pub struct Call<T = Lanes> {
    /// Connections, cookies, limits.
    pub session: Arc<Session<T>>,
    /// The call's own limits, which hold in addition to the session's.
    pub limits: Option<Arc<Governor>>,
    /// For requests that have none of their own.
    pub settings: Arc<Settings>,
    /// Those of client and call, merged.
    pub headers: Arc<HeaderMap>,
    /// Notes what happens.
    pub collector: Arc<Collector>,
}

/// What one attempt left behind besides its result.
struct Attempt {
    result: Result<Response, Failure>,
    started: Instant,
    marks: Marks,
}

impl<T: Transport> Call<T> {
    /// Carries a request out, however many attempts that takes. A panic on the way is its failure.
    pub async fn fetch(&self, request: Arc<Request>, index: usize) -> Outcome {
        self.fetch_queued(request, index, Instant::now()).await
    }

    /// The same for a request that has waited for a worker since `queued`, which counts as waiting for its turn.
    pub async fn fetch_queued(&self, request: Arc<Request>, index: usize, queued: Instant) -> Outcome {
        let asked = Instant::now();
        match AssertUnwindSafe(self.attempts(&request, index, asked, queued)).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => {
                let message = format!("internal error: {}", panic_message(panic.as_ref()));
                let failure = Failure::new(Kind::Internal, Phase::Queue, message);
                Err(self.failed(failure, &request, index, 0, Recorded::waited(queued.elapsed()), asked))
            }
        }
    }

    async fn attempts(&self, request: &Arc<Request>, index: usize, asked: Instant, queued: Instant) -> Outcome {
        let settings = request.settings.as_ref().unwrap_or(&self.settings).clone();
        let mut limited_by = None;
        let mut attempts = 0;
        loop {
            let turn = match self.turn(request, &settings).await {
                Ok(turn) => turn,
                Err(failure) => {
                    let recorded = Recorded::waited(queued.elapsed());
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
                    self.verdict(response, &settings, times, limited_by, attempt.marks)
                }
                Err(failure) => {
                    let recorded = Recorded { times, lane: attempt.marks.lane, ..Recorded::default() };
                    Err(self.failed(failure, request, index, attempts, recorded, asked))
                }
            };
        }
    }

    async fn turn(&self, request: &Request, settings: &Settings) -> Result<Turn, Failure> {
        let (governor, of_call) = (&self.session.governor, self.limits.as_ref());
        if let Some(turn) = governor.try_turn_within(of_call, &request.url) {
            return Ok(turn);
        }
        let waiting = governor.turn_within(of_call, &request.url);
        match settings.timeout.pool {
            None => Ok(waiting.await),
            Some(limit) => tokio::time::timeout(limit, waiting).await.map_err(|_| self.no_permit(limit, &request.url)),
        }
    }

    /// A request got no permit in time.
    fn no_permit(&self, limit: Duration, url: &Url) -> Failure {
        let of_call = self.limits.as_ref().and_then(|limits| limits.shortage(url));
        let why = of_call.or_else(|| self.session.governor.shortage(url)).map(|why| format!(": {why}"));
        let why = why.unwrap_or_default();
        Failure::new(Kind::PoolTimeout, Phase::Queue, format!("no permit within {} s{why}", limit.as_secs_f64()))
    }

    async fn attempt(&self, request: &Arc<Request>, settings: &Settings) -> Attempt {
        let clock = Arc::new(Clock::start(settings.timeout.connect));
        // Pinned where it is: `timeout` would move it, and the futures of reqwest inside are kilobytes.
        let mut work = pin!(async {
            let first = exchange(&self.session, request, settings, &self.headers, &clock).await;
            match &first {
                // A kept connection may be closed by the server just as a request is written to it: nobody's failure,
                // and one more try on a new connection tells (browsers and aiohttp do the same).
                Err(failure)
                    if failure.kind == Kind::Read
                        && failure.phase == Phase::Headers
                        && clock.marks().connects == 0
                        && (request.method.is_idempotent() || self.has_key(request)) =>
                {
                    exchange(&self.session, request, settings, &self.headers, &clock).await
                }
                _ => first,
            }
        });
        let result = match settings.timeout.total {
            None => work.await,
            Some(limit) => match tokio::time::timeout(limit, work.as_mut()).await {
                Ok(result) => result,
                Err(_) if settings.timeout.plain && clock.marks().saves => work.await,
                Err(_) => Err(timed_out(limit, clock.phase())),
            },
        };
        let marks = clock.marks();
        for _ in 0..marks.connects {
            self.collector.connection_opened();
        }
        Attempt { result, started: clock.started, marks }
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
                (again, Cause::Status(response.status.as_u16()), asked_for)
            }
            Err(failure) => {
                let again = failure.unprocessed
                    || retry.failure_retryable(&request.method, || self.has_key(request), failure.kind);
                (again, Cause::Failure(failure.kind), None)
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
        self.session.governor.pause(response.url(), asked_for);
        Some(asked_for)
    }

    fn verdict(
        &self,
        response: Response,
        settings: &Settings,
        times: Times,
        limited_by: Option<Limit>,
        marks: Marks,
    ) -> Outcome {
        load::record_request(marks.bytes);
        let status = response.status;
        let raise = settings.raise_for_status && (status.is_client_error() || status.is_server_error());
        self.collector.record(Recorded {
            status: Some(status.as_u16()),
            error: raise.then_some(Kind::HttpStatus),
            bytes: marks.bytes,
            lane: marks.lane,
            times,
            limited_by,
        });
        if raise { Err(status_error(response)) } else { Ok(response) }
    }

    fn failed(
        &self,
        failure: Failure,
        request: &Arc<Request>,
        index: usize,
        attempts: u32,
        recorded: Recorded,
        asked: Instant,
    ) -> Error {
        let status = failure.response.as_ref().map(|response| response.status.as_u16());
        self.collector.record(Recorded { status, error: Some(failure.kind), ..recorded });
        Error::new(failure, Some(request.clone()), index, attempts, asked.elapsed())
    }
}

fn timed_out(limit: Duration, phase: Phase) -> Failure {
    let doing = match phase {
        Phase::Connect => "still connecting",
        Phase::Body => "the body was incomplete",
        _ => "no answer",
    };
    Failure::new(Kind::TotalTimeout, phase, format!("{doing} after {} s", limit.as_secs_f64()))
}

fn times(queued: Instant, attempt: &Attempt) -> Times {
    let first_byte = attempt.marks.first_byte;
    Times {
        queue: attempt.started.duration_since(queued),
        connect: attempt.marks.connect,
        first_byte,
        body: first_byte.map(|head| attempt.started.elapsed().saturating_sub(head)),
    }
}

/// How much of the body the message of an `HTTPStatusError` has.
const QUOTED: usize = 200;

/// The error of `raise_for_status`, with the beginning of the body in its message.
pub fn status_error(response: Response) -> Error {
    let status = response.status;
    let reason = status.canonical_reason().unwrap_or("unknown status");
    let start = response.body.get(..QUOTED).unwrap_or(&response.body);
    let quoted = String::from_utf8_lossy(start);
    let quoted = quoted.trim();
    let message = match quoted {
        "" => format!("{} {reason}", status.as_u16()),
        text => format!("{} {reason}: {text}", status.as_u16()),
    };
    let (request, index, attempts, elapsed) =
        (response.request.clone(), response.index, response.attempts, response.elapsed);
    let mut failure = Failure::new(Kind::HttpStatus, Phase::Body, message);
    failure.response = Some(Box::new(response));
    Error::new(failure, Some(request), index, attempts, elapsed)
}
