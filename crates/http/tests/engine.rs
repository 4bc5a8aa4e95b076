//! The engine over a scripted transport: order, concurrency, errors, deadlines, retries, panics. Where time matters,
//! tokio's clock is paused, so that waits of minutes are exact and take no time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::unreachable, reason = "tests")]

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Method, StatusCode, Version};
use shoal_http::attempts::{FetchResult, Fetcher};
use shoal_http::batch::{FetchBatch, FetchBatchOptions, FetchBatchResult};
use shoal_http::client::Session;
use shoal_http::completion::{Completion, Promise};
use shoal_http::cookies::CookieJar;
use shoal_http::error::{AttemptError, ErrorKind, FetchError, Phase};
use shoal_http::items::Items;
use shoal_http::limits::Limits;
use shoal_http::request::Request;
use shoal_http::retry::Retry;
use shoal_http::settings::{Settings, Timeout};
use shoal_http::stats::Collector;
use shoal_http::stream::{FetchStream, FetchStreamOptions, Taken};
use shoal_http::transport::{Body, Head, Outgoing, Timings, Transport};
use tokio::time::{Instant, sleep};

/// A transport whose responses follow from the path: for `/sleep/30/200` it responds with 200 after 30 ms.
#[derive(Default)]
struct Scripted {
    calls: Mutex<HashMap<String, Vec<Instant>>>,
    active: AtomicUsize,
    peak: AtomicUsize,
    /// Responses (status, headers) that precede those of the paths, in reverse order.
    script: Mutex<Vec<(u16, HeaderMap)>>,
    panic_when_dropped: bool,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        assert!(!self.panic_when_dropped, "dropped on purpose");
    }
}

/// A request in flight, counted until it is dropped.
struct InFlight<'a>(&'a Scripted);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

struct ScriptedBody(Vec<Result<Bytes, ErrorKind>>);

impl Body for ScriptedBody {
    async fn read(&mut self, into: &mut Vec<u8>) -> Result<usize, AttemptError> {
        match self.0.pop() {
            None => Ok(0),
            Some(Ok(bytes)) if bytes.as_ref() == b"panic" => panic!("a body on purpose"),
            Some(Ok(bytes)) => {
                into.extend_from_slice(&bytes);
                Ok(bytes.len())
            }
            Some(Err(kind)) => Err(AttemptError::new(kind, Phase::Body, "scripted")),
        }
    }
}

fn head(status: u16, headers: HeaderMap) -> Head {
    Head { status: StatusCode::from_u16(status).unwrap(), version: Version::HTTP_11, headers, length: None }
}

impl Transport for Scripted {
    type Body = ScriptedBody;

    async fn send(
        &self,
        outgoing: Outgoing<'_>,
        _timings: &Arc<Timings>,
    ) -> Result<(Head, ScriptedBody), AttemptError> {
        let path = outgoing.url.path().to_owned();
        self.calls.lock().unwrap().entry(path.clone()).or_default().push(Instant::now());
        let now = self.active.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
        let _in_flight = InFlight(self);
        let scripted = self.script.lock().unwrap().pop();
        if let Some((status, headers)) = scripted {
            return Ok((head(status, headers), ScriptedBody(Vec::new())));
        }
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts[0] {
            "sleep" => sleep(Duration::from_millis(parts[1].parse().unwrap())).await,
            "never" => pending().await,
            "panic" => panic!("on purpose: {}", parts[1]),
            "fail" => return Err(AttemptError::new(ErrorKind::Connect, Phase::Connect, "scripted")),
            "read" => return Err(AttemptError::new(ErrorKind::Read, Phase::Headers, "scripted")),
            _ => {}
        }
        let words = match parts[0] {
            "bad-body" => vec![Err(ErrorKind::Read), Ok(Bytes::from_static(b"begun"))],
            "panic-body" => vec![Ok(Bytes::from_static(b"panic"))],
            _ => vec![Ok(Bytes::from(path.clone()))],
        };
        let status = parts.get(2).map_or(200, |status| status.parse().unwrap());
        let mut headers = HeaderMap::new();
        if parts[0] == "redirect" {
            headers.insert(LOCATION, HeaderValue::from_static("/sleep/0/200"));
            return Ok((head(302, headers), ScriptedBody(Vec::new())));
        }
        Ok((head(status, headers), ScriptedBody(words)))
    }
}

fn request(path: &str) -> Arc<Request> {
    Arc::new(Request::get(format!("http://scripted.test{path}").parse().unwrap()))
}

fn fetcher_over(transport: Scripted, limits: Limits, settings: Settings) -> Arc<Fetcher<Scripted>> {
    let session = Arc::new(Session::over(transport, limits, CookieJar::default()));
    Arc::new(Fetcher {
        session,
        limits: None,
        settings: Arc::new(settings),
        headers: Arc::new(HeaderMap::new()),
        collector: Arc::new(Collector::new()),
    })
}

fn new_fetcher(settings: Settings) -> Arc<Fetcher<Scripted>> {
    fetcher_over(Scripted::default(), Limits::default(), settings)
}

fn patient() -> Settings {
    Settings { timeout: Timeout::NONE, retry: Retry::none(), ..Settings::default() }
}

fn options(concurrency: usize) -> FetchBatchOptions {
    FetchBatchOptions { concurrency, deadline: None, keep_errors: false }
}

async fn gather(fetcher: &Arc<Fetcher<Scripted>>, paths: &[&str], options: FetchBatchOptions) -> FetchBatchResult {
    let items = paths.iter().map(|path| request(path)).collect();
    FetchBatch::new(fetcher.collector.clone(), items, options).run(fetcher.clone()).await.unwrap()
}

fn text(slot: &Option<Box<FetchResult>>) -> String {
    match slot.as_deref() {
        None => "-".into(),
        Some(Ok(response)) => String::from_utf8(response.body.to_vec()).unwrap(),
        Some(Err(error)) => format!("{:?}", error.kind()),
    }
}

fn texts(gathered: &FetchBatchResult) -> Vec<String> {
    gathered.slots.iter().map(text).collect()
}

#[tokio::test(start_paused = true)]
async fn results_are_in_input_order() {
    let fetcher = new_fetcher(patient());
    let paths: Vec<String> = (0..50).map(|i| format!("/sleep/{}/200/{i}", (50 - i) * 100)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let started = Instant::now();
    let gathered = gather(&fetcher, &paths, options(50)).await;
    assert_eq!(texts(&gathered), paths);
    assert!(gathered.failure.is_none());
    assert_eq!(started.elapsed(), Duration::from_secs(5), "all at once: the longest request decides");
    for (index, slot) in gathered.slots.iter().enumerate() {
        assert_eq!(slot.as_deref().unwrap().as_ref().unwrap().index, index);
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_batch_has_no_results() {
    let gathered = gather(&new_fetcher(patient()), &[], options(10)).await;
    assert!(gathered.slots.is_empty() && gathered.failure.is_none());
}

#[tokio::test(start_paused = true)]
async fn concurrency_limits_the_requests_in_flight() {
    for (concurrency, peak, seconds) in [(1, 1, 20), (3, 3, 7), (20, 20, 1), (1000, 20, 1)] {
        let fetcher = new_fetcher(patient());
        let started = Instant::now();
        gather(&fetcher, &["/sleep/1000/200"; 20], options(concurrency)).await;
        assert_eq!(fetcher.session.transport.peak.load(Ordering::Relaxed), peak);
        assert_eq!(started.elapsed(), Duration::from_secs(seconds));
    }
}

#[tokio::test(start_paused = true)]
async fn limits_of_the_client_apply_across_batches() {
    let limits = Limits { concurrency: Some(4), ..Limits::default() };
    let fetcher = fetcher_over(Scripted::default(), limits, patient());
    let paths = ["/sleep/1000/200"; 10];
    let (first, second) = tokio::join!(gather(&fetcher, &paths, options(10)), gather(&fetcher, &paths, options(10)));
    assert_eq!((first.slots.len(), second.slots.len()), (10, 10));
    assert_eq!(fetcher.session.transport.peak.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn the_first_error_stops_the_batch() {
    let fetcher = new_fetcher(patient());
    let paths = ["/sleep/10/200", "/never", "/fail", "/never", "/sleep/0/200"];
    let gathered = gather(&fetcher, &paths, options(4)).await;
    assert_eq!(gathered.failure.as_ref().unwrap().kind(), ErrorKind::Connect);
    assert_eq!(gathered.failure.as_ref().unwrap().details().index, 2);
    assert_eq!(texts(&gathered)[1..], ["-", "Connect", "-", "-"]);
    assert_eq!(fetcher.session.transport.active.load(Ordering::Relaxed), 0, "their futures are dropped");
    assert!(
        !fetcher.session.transport.calls.lock().unwrap().contains_key("/sleep/0/200"),
        "no request begins after the error"
    );
    assert_eq!(Arc::strong_count(&fetcher), 1, "the connections are released");
}

#[tokio::test(start_paused = true)]
async fn errors_can_be_kept() {
    let fetcher = new_fetcher(patient());
    let kept = FetchBatchOptions { keep_errors: true, ..options(2) };
    let gathered = gather(&fetcher, &["/fail", "/sleep/5/200", "/bad-body", "/sleep/5/404"], kept).await;
    assert!(gathered.failure.is_none());
    assert_eq!(texts(&gathered), ["Connect", "/sleep/5/200", "Read", "/sleep/5/404"]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_batch() {
    let fetcher = new_fetcher(patient());
    let late = FetchBatchOptions { deadline: Some(Duration::from_secs(5)), ..options(2) };
    let started = Instant::now();
    let gathered = gather(&fetcher, &["/sleep/1000/200", "/never", "/sleep/9000/200", "/sleep/1/200"], late).await;
    assert!(started.elapsed().abs_diff(Duration::from_secs(5)) < Duration::from_millis(50), "{:?}", started.elapsed());
    let failure = gathered.failure.as_ref().unwrap();
    assert_eq!(failure.kind(), ErrorKind::DeadlineExceeded);
    assert!(failure.to_string().contains("with 1 of 4 requests finished"), "{failure}");
    assert_eq!(texts(&gathered), ["/sleep/1000/200", "-", "-", "-"]);

    let kept = FetchBatchOptions { keep_errors: true, ..late };
    let gathered = gather(&fetcher, &["/sleep/1000/200", "/never", "/never", "/sleep/1/200"], kept).await;
    assert!(gathered.failure.is_none());
    assert_eq!(texts(&gathered), ["/sleep/1000/200", "DeadlineExceeded", "DeadlineExceeded", "DeadlineExceeded"]);
    let attempts = |index: usize| gathered.slots[index].as_deref().unwrap().as_ref().unwrap_err().details().attempts;
    assert_eq!((attempts(1), attempts(2), attempts(3)), (1, 1, 0), "the last request had no permit");
    assert_eq!(fetcher.session.transport.active.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_batch_returns_the_finished_results() {
    let fetcher = new_fetcher(patient());
    let items = ["/sleep/10/200", "/never"].into_iter().map(request).collect();
    let batch = FetchBatch::new(fetcher.collector.clone(), items, options(2));
    let running = tokio::spawn(batch.clone().run(fetcher.clone()));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(batch.progress(), (1, 2));
    assert_eq!(texts(&batch.cancel().unwrap()), ["/sleep/10/200", "-"]);
    assert!(running.await.unwrap().is_none());
    assert!(batch.cancel().is_none());
    assert_eq!(fetcher.session.transport.active.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_per_attempt() {
    let timeout = Timeout { total: Some(Duration::from_secs(3)), ..Timeout::NONE };
    let retry = Retry { backoff_factor: 1.0, backoff_jitter: 0.0, ..Retry::new(2) };
    let fetcher = new_fetcher(Settings { timeout, retry, ..Settings::default() });
    let started = Instant::now();
    let error = fetcher.fetch(request("/never"), 0).await.unwrap_err();
    assert_eq!((error.kind(), error.details().attempts), (ErrorKind::TotalTimeout, 3));
    // 3 s, at once again 3 s, a backoff of 2 s, 3 s.
    assert_eq!(started.elapsed(), Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn the_backoff_equals_urllib3() {
    let retry = Retry { backoff_factor: 1.0, backoff_jitter: 0.0, ..Retry::new(4) };
    let fetcher = new_fetcher(Settings { retry, ..patient() });
    let response = fetcher.fetch(request("/sleep/0/503"), 0).await.unwrap();
    assert_eq!((response.status, response.attempts), (StatusCode::SERVICE_UNAVAILABLE, 5));
    let calls = fetcher.session.transport.calls.lock().unwrap();
    let gaps: Vec<u64> = calls["/sleep/0/503"].windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(gaps, [0, 2, 4, 8]);
    assert_eq!(fetcher.collector.snapshot().retries, 4);
}

#[tokio::test(start_paused = true)]
async fn only_idempotent_requests_are_retried() {
    let fetcher = new_fetcher(Settings { retry: Retry::new(3), ..patient() });
    let post = |path| Arc::new(Request { method: Method::POST, ..(*request(path)).clone() });
    for (asked, calls) in [
        (post("/sleep/0/503"), 1),
        (post("/read"), 1),
        (post("/fail"), 4),
        (request("/sleep/0/404"), 1),
        (request("/bad-body"), 4),
    ] {
        let before = fetcher.session.transport.calls.lock().unwrap().get(asked.url.path()).map_or(0, Vec::len);
        let _ = fetcher.fetch(asked.clone(), 0).await;
        let after = fetcher.session.transport.calls.lock().unwrap()[asked.url.path()].len();
        assert_eq!(after - before, calls, "{} {}", asked.method, asked.url);
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_pauses_the_host_for_all_requests() {
    let fetcher = new_fetcher(Settings { retry: Retry::new(1), ..patient() });
    let asked = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("60"))]);
    fetcher.session.transport.script.lock().unwrap().push((429, asked));
    let started = Instant::now();
    let first = fetcher.fetch(request("/sleep/0/200/first"), 0);
    let other = async {
        sleep(Duration::from_secs(1)).await;
        fetcher.fetch(request("/sleep/0/200/other"), 1).await
    };
    let (first, other) = tokio::join!(first, other);
    assert_eq!(first.unwrap().attempts, 2);
    assert!(other.is_ok());
    assert!(started.elapsed() >= Duration::from_secs(60));
    let calls = fetcher.session.transport.calls.lock().unwrap();
    assert!(calls["/sleep/0/200/other"][0] - started >= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_permit_has_its_own_limit() {
    let limits = Limits { concurrency: Some(1), ..Limits::default() };
    let timeout = Timeout { pool: Some(Duration::from_secs(2)), ..Timeout::NONE };
    let fetcher = fetcher_over(Scripted::default(), limits, Settings { timeout, ..Settings::default() });
    let (first, second) =
        tokio::join!(fetcher.fetch(request("/sleep/5000/200"), 0), fetcher.fetch(request("/sleep/1/200"), 1));
    assert!(first.is_ok());
    let error = second.unwrap_err();
    assert_eq!((error.kind(), error.details().attempts), (ErrorKind::PoolTimeout, 0));
}

#[tokio::test(start_paused = true)]
async fn redirects_are_followed_over_any_transport() {
    let fetcher = new_fetcher(patient());
    let response = fetcher.fetch(request("/redirect"), 0).await.unwrap();
    assert_eq!(response.history.len(), 1);
    assert_eq!(response.url().path(), "/sleep/0/200");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_error_of_its_request() {
    let fetcher = new_fetcher(patient());
    let kept = FetchBatchOptions { keep_errors: true, ..options(2) };
    let gathered = gather(&fetcher, &["/panic/now", "/sleep/1/200", "/panic-body", "/sleep/2/200"], kept).await;
    assert_eq!(texts(&gathered), ["Internal", "/sleep/1/200", "Internal", "/sleep/2/200"]);
    let error = gathered.slots[0].as_deref().unwrap().as_ref().unwrap_err();
    assert_eq!(error.details().message, "internal error: on purpose: now");
    assert_eq!(fetcher.collector.snapshot().by_error["InternalError"], 2);
    assert_eq!(fetcher.session.transport.active.load(Ordering::Relaxed), 0, "permits and sockets are released");
    // Without keep_errors it is raised like any other failure.
    let gathered = gather(&fetcher, &["/panic/again"], options(1)).await;
    assert_eq!(gathered.failure.unwrap().kind(), ErrorKind::Internal);
}

/// The outcome of a batch, as a job sees it.
#[derive(Debug, PartialEq)]
enum Ended {
    Done(usize),
    Lost,
    Panicked,
}

#[tokio::test]
async fn a_panic_of_the_engine_reaches_the_waiters() {
    for (panic_when_dropped, expected) in [(false, Ended::Done(1)), (true, Ended::Panicked)] {
        let completion = Arc::new(Completion::default());
        let promise =
            Promise::new(completion.clone(), |panicking| if panicking { Ended::Panicked } else { Ended::Lost });
        // The transport is dropped with the fetcher, at the end of the batch, within the engine's task.
        let mut transport = Scripted::default();
        transport.panic_when_dropped = panic_when_dropped;
        let fetcher = fetcher_over(transport, Limits::default(), patient());
        let batch = FetchBatch::new(fetcher.collector.clone(), Items::from_iter([request("/sleep/0/200")]), options(1));
        batch.start(&tokio::runtime::Handle::current(), fetcher, move |gathered: FetchBatchResult| {
            promise.settle(Ended::Done(gathered.slots.len()));
        });
        let ended = completion.clone();
        assert!(tokio::task::spawn_blocking(move || ended.wait(Duration::from_secs(10))).await.unwrap());
        assert_eq!(completion.take(), Some(expected));
    }
}

#[test]
fn a_reactor_that_shuts_down_settles_its_promises_as_lost() {
    struct Woken(AtomicBool);
    impl shoal_http::completion::Waiter for Woken {
        fn wake(self: Arc<Self>, _token: u64) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let completion = Arc::new(Completion::default());
    let promise = Promise::new(completion.clone(), |panicking| if panicking { Ended::Panicked } else { Ended::Lost });
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    assert!(completion.watch(woken.clone(), 1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let fetcher = new_fetcher(patient());
    let batch = FetchBatch::new(fetcher.collector.clone(), Items::from_iter([request("/never")]), options(1));
    batch.start(runtime.handle(), fetcher.clone(), move |_| promise.settle(Ended::Done(0)));
    runtime.block_on(async { sleep(Duration::from_millis(5)).await });
    assert_eq!(fetcher.session.transport.active.load(Ordering::Relaxed), 1);
    runtime.shutdown_background();
    assert!(completion.wait(Duration::from_secs(1)));
    assert_eq!(completion.take(), Some(Ended::Lost));
    assert!(!woken.0.load(Ordering::Relaxed));
    assert_eq!(fetcher.session.transport.active.load(Ordering::Relaxed), 0);
}

fn flow(
    fetcher: &Arc<Fetcher<Scripted>>,
    concurrency: usize,
    buffer: usize,
    ordered: bool,
) -> Arc<FetchStream<Scripted>> {
    FetchStream::new(fetcher.clone(), FetchStreamOptions { concurrency, buffer, ordered, deadline: None })
}

/// Consumes a stream of `paths` as Python does: fill, take, wait.
async fn consume(flow: &Arc<FetchStream<Scripted>>, paths: &[String]) -> (Vec<usize>, usize) {
    let handle = tokio::runtime::Handle::current();
    let (mut seen, mut source, mut ahead) = (Vec::new(), paths.iter(), 0);
    loop {
        for _ in 0..flow.room() {
            match source.next() {
                Some(path) => flow.push(&handle, Ok(request(path))),
                None => flow.exhaust(),
            }
        }
        ahead = ahead.max(flow.next_index() - flow.taken());
        match flow.take() {
            Taken::Item(index, outcome) => {
                assert!(outcome.is_ok());
                seen.push(index);
            }
            Taken::Pending => sleep(Duration::from_millis(1)).await,
            Taken::End => return (seen, ahead),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_lazy_and_bounded() {
    let paths: Vec<String> = (0..60).map(|i| format!("/sleep/{}/200", (i * 37) % 50)).collect();
    for (concurrency, buffer, ordered) in [(1, 0, false), (4, 3, false), (4, 3, true), (8, 0, true)] {
        let fetcher = new_fetcher(patient());
        let flow = flow(&fetcher, concurrency, buffer, ordered);
        let (mut seen, ahead) = consume(&flow, &paths).await;
        assert!(ahead <= concurrency + buffer);
        assert!(fetcher.session.transport.peak.load(Ordering::Relaxed) <= concurrency);
        if !ordered {
            seen.sort_unstable();
        }
        assert_eq!(seen, (0..60).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_stream_releases_everything() {
    let fetcher = new_fetcher(patient());
    let flow = flow(&fetcher, 4, 4, false);
    let handle = tokio::runtime::Handle::current();
    for _ in 0..8 {
        flow.push(&handle, Ok(request("/never")));
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(fetcher.session.transport.active.load(Ordering::Relaxed), 4);
    flow.close();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(fetcher.session.transport.active.load(Ordering::Relaxed), 0);
    assert!(matches!(flow.take(), Taken::End));
    assert_eq!(Arc::strong_count(&fetcher), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_stream_is_an_item() {
    let fetcher = new_fetcher(patient());
    let flow = flow(&fetcher, 1, 2, true);
    let handle = tokio::runtime::Handle::current();
    let refused = AttemptError::new(ErrorKind::InvalidUrl, Phase::Queue, "no");
    flow.push(&handle, Ok(request("/panic/here")));
    flow.push(&handle, Err(FetchError::new(refused, None, 1, 0, Duration::ZERO)));
    flow.push(&handle, Ok(request("/sleep/1/200")));
    flow.exhaust();
    sleep(Duration::from_secs(1)).await;
    let (sender, taken) = mpsc::channel();
    while let Taken::Item(index, outcome) = flow.take() {
        sender.send((index, outcome.err().map(|error| error.kind()))).unwrap();
    }
    drop(sender);
    let taken: Vec<_> = taken.into_iter().collect();
    assert_eq!(taken, [(0, Some(ErrorKind::Internal)), (1, Some(ErrorKind::InvalidUrl)), (2, None)]);
}

#[tokio::test(start_paused = true)]
async fn requests_after_the_deadline_of_a_stream_are_not_sent() {
    for ordered in [false, true] {
        let fetcher = new_fetcher(patient());
        let deadline = Some(Duration::from_secs(1));
        let flow =
            FetchStream::new(fetcher.clone(), FetchStreamOptions { concurrency: 1, buffer: 4, ordered, deadline });
        let handle = tokio::runtime::Handle::current();
        flow.arm(&handle);
        for path in ["/sleep/1/200", "/never", "/never"] {
            flow.push(&handle, Ok(request(path)));
        }
        sleep(Duration::from_secs(2)).await;
        flow.push(&handle, Ok(request("/sleep/1/200")));
        let mut taken = Vec::new();
        while let Taken::Item(index, outcome) = flow.take() {
            taken.push((index, outcome.err().map(|error| (error.kind(), error.details().attempts))));
        }
        let missed = |attempts| Some((ErrorKind::DeadlineExceeded, attempts));
        assert_eq!(taken, [(0, None), (1, missed(1)), (2, missed(0))]);
        assert!(matches!(flow.take(), Taken::End));
        assert_eq!(fetcher.session.transport.active.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_is_read_for_several_free_slots_at_once() {
    let fetcher = new_fetcher(patient());
    let flow = flow(&fetcher, 4, 40, false);
    let handle = tokio::runtime::Handle::current();
    while flow.is_due() {
        flow.push(&handle, Ok(request("/sleep/1/200")));
    }
    assert_eq!(flow.next_index(), 44);
    sleep(Duration::from_secs(1)).await;
    let due: Vec<bool> = (0..12)
        .map(|_| {
            assert!(matches!(flow.take(), Taken::Item(..)));
            flow.is_due()
        })
        .collect();
    assert_eq!(due, [[false; 9].as_slice(), &[true; 3]].concat());
    while flow.room() > 0 {
        flow.push(&handle, Ok(request("/never")));
    }
    while let Taken::Item(..) = flow.take() {}
    assert_eq!(flow.room(), 32);
    assert!(flow.is_due());
}

/// With a lost wake-up, a wait would reach its limit.
#[test]
fn no_wake_up_of_a_stream_is_lost() {
    const NEVER: Duration = Duration::from_secs(60);
    let handle = shoal_runtime::reactor_handle().unwrap();
    let begun = std::time::Instant::now();
    for round in 0..200 {
        let (concurrency, buffer) = (1 + round % 3, (round % 7) * 3);
        let flow = flow(&new_fetcher(patient()), concurrency, buffer, round % 2 == 0);
        let reader = flow.clone();
        let number = round % 20;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for n in 0..number {
                    assert!(reader.wait_for_room());
                    reader.push(handle, Ok(request(&format!("/sleep/{}/200", n % 2))));
                }
                reader.exhaust();
            });
            let consumer = || {
                let mut seen = 0;
                loop {
                    match flow.take() {
                        Taken::Item(..) => seen += 1,
                        Taken::Pending => flow.wait(NEVER),
                        Taken::End => return seen,
                    }
                }
            };
            let consumers: Vec<_> = (0..1 + round % 3).map(|_| scope.spawn(consumer)).collect();
            let seen: usize = consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum();
            assert_eq!(seen, number);
        });
        flow.close();
    }
    assert!(begun.elapsed() < NEVER);
}
