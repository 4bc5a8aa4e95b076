use super::*;
use crate::limits::{Limit, Limits, Rate};

fn limiter(concurrency: Option<usize>, per_host: Option<usize>, rate: Option<&str>) -> Arc<Limiter> {
    let rate = rate.map(|rate| Rate::parse(rate).unwrap());
    Arc::new(Limiter::new(Limits { concurrency, per_host, rate }))
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_request_waiting_for_its_call_holds_no_permit_of_the_client() {
    let client = limiter(Some(2), Some(2), None);
    let slow = limiter(None, None, Some("1/min"));
    let a = url("http://a/");
    drop(client.acquire_within(Some(&slow), &a).await);
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let (client, slow, a) = (Arc::clone(&client), Arc::clone(&slow), a.clone());
            tokio::spawn(async move { client.acquire_within(Some(&slow), &a).await.limited_by() })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let both = (client.try_acquire(&a).unwrap(), client.try_acquire(&a).unwrap());
    assert!(client.try_acquire(&a).is_none());
    drop(both);
    for task in waiting {
        assert_eq!(task.await.unwrap(), Some(Limit::Rate));
    }
}

#[tokio::test(start_paused = true)]
async fn both_rates_and_the_client_pauses_apply() {
    let client = limiter(None, None, Some("1/s"));
    let call = limiter(None, None, Some("1/2s"));
    let (a, start) = (url("http://a/"), Instant::now());
    // A queued request may take its token some milliseconds late (`MAX_LATE`).
    let seconds = || start.elapsed().as_millis().div_ceil(1000);
    for _ in 0..3 {
        drop(client.acquire_within(Some(&call), &a).await);
    }
    assert_eq!(seconds(), 4);
    client.pause(&a, Duration::from_secs(60));
    assert!(client.try_acquire_within(Some(&call), &a).is_none());
    let permit = client.acquire_within(Some(&call), &a).await;
    assert_eq!((permit.limited_by(), seconds()), (Some(Limit::RetryAfter), 64));
}

#[tokio::test(start_paused = true)]
async fn a_permit_releases_both_limiters() {
    let (client, call) = (limiter(Some(1), None, None), limiter(Some(1), Some(1), None));
    let a = url("http://a/");
    for _ in 0..3 {
        let permit = client.try_acquire_within(Some(&call), &a).unwrap();
        assert!(client.try_acquire_within(Some(&call), &a).is_none());
        assert!(client.try_acquire(&a).is_none());
        drop(permit);
    }
    let taken = client.acquire(&a).await;
    let late = tokio::time::timeout(Duration::from_secs(1), client.acquire_within(Some(&call), &a)).await;
    assert!(late.is_err());
    assert_eq!(client.shortage(&a).unwrap(), "all 1 permits of concurrency are in use");
    assert_eq!(call.shortage(&a), None);
    drop(taken);
    assert!(client.try_acquire_within(Some(&call), &a).is_some());
}
