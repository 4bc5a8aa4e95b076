use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, Waker};

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn limiter(concurrency: Option<usize>, per_host: Option<usize>, rate: Option<&str>) -> Arc<Limiter> {
    let rate = rate.map(|rate| Rate::parse(rate).unwrap());
    Arc::new(Limiter::new(Limits { concurrency, per_host, rate }))
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Starts `count` requests at once, each in flight for `takes`; returns their start times in input order.
async fn starts(limiter: &Arc<Limiter>, url: &Url, count: usize, takes: Duration) -> Vec<Duration> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (limiter, url) = (Arc::clone(limiter), url.clone());
            tokio::spawn(async move {
                let _turn = limiter.acquire(&url).await;
                let at = began.elapsed();
                tokio::time::sleep(takes).await;
                at
            })
        })
        .collect();
    let mut starts = Vec::new();
    for task in tasks {
        starts.push(task.await.unwrap());
    }
    starts
}

fn all_released(limiter: &Limiter) -> bool {
    let permits = limiter.concurrency.as_deref().map(Semaphore::available_permits);
    let hosts = limiter.hosts.lock();
    permits == limiter.limits.concurrency
        && hosts.table.values().all(|host| {
            host.head.available_permits() == 1
                && host.permits.as_deref().map(Semaphore::available_permits) == limiter.limits.per_host
                && Arc::strong_count(host) == 1
        })
}

#[test]
fn without_limits_no_host_is_looked_up() {
    let limiter = limiter(None, None, None);
    let permit = limiter.try_acquire(&url("http://a/")).unwrap();
    assert_eq!((permit.limited_by(), permit.waited), (None, Duration::ZERO));
    assert!(permit.concurrency.is_none() && permit.host.is_none());
    assert_eq!(limiter.hosts.lock().table.capacity(), 0);
}

#[test]
fn try_acquire_respects_every_limit() {
    let (a, b) = (url("http://a/"), url("http://b/"));
    let all = limiter(Some(1), None, None);
    let permit = all.try_acquire(&a).unwrap();
    assert!(all.try_acquire(&b).is_none());
    drop(permit);
    assert!(all.try_acquire(&b).is_some());

    let host = limiter(None, Some(1), None);
    let _turn = host.try_acquire(&a).unwrap();
    assert!(host.try_acquire(&a).is_none());
    assert!(host.try_acquire(&b).is_some());

    let rate = limiter(Some(5), Some(5), Some("1/h"));
    drop(rate.try_acquire(&a).unwrap());
    assert!(rate.try_acquire(&a).is_none());
    assert!(rate.try_acquire(&b).is_some());
    assert!(all_released(&rate));

    let paused = limiter(Some(1), None, None);
    paused.pause(&a, ms(60_000));
    assert!(paused.try_acquire(&a).is_none());
    assert!(paused.try_acquire(&b).is_some());
    assert!(all_released(&paused));
}

#[test]
fn zero_counts_as_one() {
    let limiter = limiter(Some(0), Some(0), None);
    let permit = limiter.try_acquire(&url("http://a/")).unwrap();
    assert!(limiter.try_acquire(&url("http://a/")).is_none());
    drop(permit);
    assert!(limiter.try_acquire(&url("http://a/")).is_some());
}

#[test]
fn a_host_is_an_origin() {
    let key = |text: &str| origin(&url(text)).into_owned();
    assert_eq!(key("http://Example.com:80/a?b#c"), "http://example.com");
    assert_eq!(key("https://example.com:8443/a"), "https://example.com:8443");
    assert_eq!(key("http://[::1]:8000"), "http://[::1]:8000");
    assert_eq!(key("http://user:secret@example.com:8080/x"), "http://example.com:8080");
    assert_eq!(key("http://user@example.com/x"), "http://example.com");
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_first_in_first_out() {
    let limiter = limiter(Some(3), None, None);
    let starts = starts(&limiter, &url("http://a/"), 9, ms(100)).await;
    let expected: Vec<_> = [0, 0, 0, 100, 100, 100, 200, 200, 200].map(ms).to_vec();
    for (start, expected) in starts.iter().zip(expected) {
        assert!(*start >= expected && *start < expected + ms(10), "{starts:?}");
    }
    assert!(all_released(&limiter));
}

#[tokio::test(start_paused = true)]
async fn a_full_host_delays_no_other() {
    let limiter = limiter(Some(10), Some(1), None);
    let (a, b) = (url("http://a/"), url("http://b/"));
    let first = limiter.acquire(&a).await;
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let (limiter, a) = (Arc::clone(&limiter), a.clone());
            tokio::spawn(async move { drop(limiter.acquire(&a).await) })
        })
        .collect();
    tokio::time::sleep(ms(50)).await;
    let permit = tokio::time::timeout(ms(1), limiter.acquire(&b)).await.unwrap();
    assert_eq!(permit.limited_by(), None);
    drop((first, permit));
    for task in waiting {
        task.await.unwrap();
    }
    assert!(all_released(&limiter));
}

#[tokio::test(start_paused = true)]
async fn a_paused_or_slow_host_delays_no_other() {
    for rate in [None, Some("1/min")] {
        let limiter = limiter(Some(1), None, rate);
        let (a, b) = (url("http://a/"), url("http://b/"));
        drop(limiter.acquire(&a).await);
        limiter.pause(&a, ms(30_000));
        let waiting = tokio::spawn({
            let (limiter, a) = (Arc::clone(&limiter), a.clone());
            async move { limiter.acquire(&a).await.limited_by() }
        });
        tokio::time::sleep(ms(10)).await;
        drop(tokio::time::timeout(ms(1), limiter.acquire(&b)).await.unwrap());
        let expected = if rate.is_some() { Limit::Rate } else { Limit::RetryAfter };
        assert_eq!(waiting.await.unwrap(), Some(expected));
        assert!(all_released(&limiter));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_spreads_starts_in_order() {
    let limiter = limiter(None, None, Some("10/s"));
    let starts = starts(&limiter, &url("http://a/"), 21, ms(0)).await;
    assert!(starts.is_sorted());
    for (number, start) in starts.iter().enumerate() {
        let even = ms(100 * number as u64);
        assert!(*start >= even.saturating_sub(ms(5)) && *start <= even + ms(10), "{starts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_high_rate_is_not_slowed_by_the_timer() {
    let limiter = limiter(None, None, Some("2000/s"));
    let starts = starts(&limiter, &url("http://a/"), 2001, ms(0)).await;
    let last = starts.last().unwrap();
    assert!(*last >= ms(990) && *last <= ms(1010), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_at_the_start_of_requests() {
    // No permit is free for a second; the tokens of that second must not become a burst.
    let limiter = limiter(Some(2), None, Some("10/s"));
    let (a, b) = (url("http://a/"), url("http://b/"));
    let blocked = (limiter.acquire(&b).await, limiter.acquire(&url("http://c/")).await);
    let began = tokio::spawn({
        let limiter = Arc::clone(&limiter);
        async move { starts(&limiter, &a, 4, ms(0)).await }
    });
    tokio::time::sleep(ms(1000)).await;
    drop(blocked);
    let starts = began.await.unwrap();
    for pair in starts.windows(2) {
        assert!(pair[1] - pair[0] >= ms(95), "{starts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_lengthened_and_never_shortened() {
    let limiter = limiter(Some(4), None, None);
    let a = url("http://a/");
    limiter.pause(&a, ms(1000));
    limiter.pause(&a, ms(200));
    let waiting = tokio::spawn({
        let (limiter, a) = (Arc::clone(&limiter), a.clone());
        async move { starts(&limiter, &a, 6, ms(0)).await }
    });
    tokio::time::sleep(ms(500)).await;
    limiter.pause(&a, ms(2500));
    let starts = waiting.await.unwrap();
    assert!(starts.iter().all(|start| *start >= ms(3000) && *start <= ms(3010)), "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_begins_during_the_wait_for_concurrency_counts() {
    let limiter = limiter(Some(1), None, None);
    let a = url("http://a/");
    let permit = limiter.acquire(&a).await;
    let waiting = tokio::spawn({
        let (limiter, a) = (Arc::clone(&limiter), a.clone());
        async move { starts(&limiter, &a, 1, ms(0)).await }
    });
    tokio::time::sleep(ms(100)).await;
    limiter.pause(&a, ms(400));
    drop(permit);
    let starts = waiting.await.unwrap();
    assert!(starts[0] >= ms(500) && starts[0] <= ms(510), "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn the_fast_path_returns_after_the_last_pause() {
    let limiter = limiter(Some(2), None, None);
    for name in ["a", "b", "c"] {
        limiter.pause(&url(&format!("http://{name}/")), ms(100));
    }
    limiter.pause(&url("http://a/"), Duration::MAX.min(ms(300)));
    tokio::time::sleep(ms(200)).await;
    assert!(limiter.try_acquire(&url("http://a/")).is_none());
    assert!(limiter.try_acquire(&url("http://b/")).is_some());
    tokio::time::sleep(ms(200)).await;
    assert!(limiter.try_acquire(&url("http://b/")).is_some());
    assert!(!limiter.has_pause.load(Ordering::Acquire));
    assert!(limiter.hosts.lock().table.is_empty());
    limiter.pause(&url("http://a/"), Duration::MAX);
    assert!(limiter.try_acquire(&url("http://a/")).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_permit_names_the_limit_it_waited_for() {
    let a = url("http://a/");
    for (limiter, limit) in [
        (limiter(Some(1), None, None), Limit::Concurrency),
        (limiter(Some(5), Some(1), None), Limit::PerHost),
        (limiter(Some(5), None, Some("1/s")), Limit::Rate),
    ] {
        let first = limiter.acquire(&a).await;
        assert_eq!(first.limited_by(), None);
        let second = tokio::spawn({
            let (limiter, a) = (Arc::clone(&limiter), a.clone());
            async move { limiter.acquire(&a).await }
        });
        tokio::time::sleep(ms(1000)).await;
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(second.limited_by(), Some(limit));
        assert!(second.waited >= ms(990), "{:?}", second.waited);
        assert!(!limit.as_str().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_releases_everything_and_wakes_the_next() {
    for limiter in
        [limiter(Some(1), None, None), limiter(Some(2), Some(1), None), limiter(Some(2), Some(2), Some("1/min"))]
    {
        let a = url("http://a/");
        let first = limiter.acquire(&a).await;
        let mut waiting: Vec<_> = (0..5)
            .map(|_| {
                let (limiter, a) = (Arc::clone(&limiter), a.clone());
                tokio::spawn(async move { drop(limiter.acquire(&a).await) })
            })
            .collect();
        tokio::time::sleep(ms(10)).await;
        let last = waiting.pop().unwrap();
        for task in &waiting {
            task.abort();
        }
        drop(first);
        tokio::time::timeout(ms(200_000), last).await.unwrap().unwrap();
        for task in waiting {
            let _ = task.await;
        }
        assert!(all_released(&limiter));
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_granted_to_a_dropped_future_is_not_lost() {
    let limiter = limiter(Some(1), Some(1), None);
    let a = url("http://a/");
    let first = limiter.acquire(&a).await;
    {
        let mut waiting = pin!(limiter.acquire(&a));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(first);
        // The permit is now assigned to `waiting`, which is dropped without having been polled.
    }
    let mut next = pin!(limiter.acquire(&a));
    assert!(matches!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_)));
}

#[tokio::test(start_paused = true)]
async fn the_host_table_is_bounded() {
    let limiter = limiter(Some(10), Some(2), Some("1000/s"));
    let held = limiter.acquire(&url("http://held/")).await;
    for number in 0..20_000 {
        drop(limiter.acquire(&url(&format!("http://host{number}/"))).await);
        if number % 50 == 0 {
            tokio::time::advance(ms(10)).await;
        }
        assert!(limiter.hosts.lock().table.len() <= 2 * hosts::MIN_SWEEP + 64);
    }
    assert!(limiter.hosts.lock().table.contains_key("http://held"));
    drop(held);
    assert!(all_released(&limiter));
}

#[test]
fn cancelled_waits_on_threads_neither_exceed_nor_leak_permits() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    let limiter = limiter(Some(8), Some(3), Some("20000/s"));
    let in_flight = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..2000)
            .map(|number| {
                let (limiter, in_flight, done) = (Arc::clone(&limiter), Arc::clone(&in_flight), Arc::clone(&done));
                tokio::spawn(async move {
                    let url = url(&format!("http://host{}/", number % 5));
                    let work = async {
                        let permit = limiter.acquire(&url).await;
                        assert!(in_flight.fetch_add(1, Ordering::SeqCst) < 8);
                        tokio::task::yield_now().await;
                        in_flight.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                        done.fetch_add(1, Ordering::SeqCst);
                    };
                    if number % 7 == 0 {
                        limiter.pause(&url, Duration::from_micros(50));
                    }
                    if number % 3 == 0 {
                        // Cancelled at once or while it waits.
                        tokio::select! { biased; () = tokio::time::sleep(ms(number % 4)) => (), () = async {
                            drop(limiter.acquire(&url).await);
                        } => () }
                        done.fetch_add(1, Ordering::SeqCst);
                    } else {
                        work.await;
                    }
                })
            })
            .collect();
        for task in tasks {
            tokio::time::timeout(Duration::from_secs(30), task).await.unwrap().unwrap();
        }
    });
    assert_eq!(done.load(Ordering::SeqCst), 2000);
    assert!(all_released(&limiter));
}
