use std::future::pending;

use super::*;

const ORIGIN: &str = "https://a";

#[tokio::test(start_paused = true)]
async fn one_request_leads_and_the_others_wait_for_its_decision() {
    let discovery = Discovery::default();
    let leader = discovery.lead(ORIGIN).await.unwrap();
    let waiting = discovery.lead(ORIGIN);
    assert!(discovery.lead("https://b").await.is_some());
    let decide = async { leader.decided() };
    assert!(tokio::join!(waiting, decide).0.is_none());
    assert!(discovery.0.lock().is_empty());
    assert!(discovery.lead(ORIGIN).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_next_request_leads_when_the_first_gives_up_or_takes_long() {
    let discovery = Discovery::default();
    let leader = discovery.lead(ORIGIN).await.unwrap();
    let (next, ()) = tokio::join!(discovery.lead(ORIGIN), async { drop(leader) });
    let mut slow = next.unwrap();
    let begun = tokio::time::Instant::now();
    tokio::select! {
        () = slow.connect(pending()) => {}
        next = discovery.lead(ORIGIN) => assert!(next.is_some()),
    }
    assert_eq!(begun.elapsed(), PATIENCE);
    drop(slow);
    assert!(discovery.0.lock().is_empty());
}
