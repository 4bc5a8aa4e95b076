use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Waits for the threads to end, a moment after their last file.
async fn all_end(queue: &WriteQueue) -> bool {
    for _ in 0..500 {
        if queue.0.lock().writers == 0 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

async fn peak(each: Duration) -> usize {
    let queue = Arc::new(WriteQueue::default());
    let (active, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut all = tokio::task::JoinSet::new();
    for number in 0..60 {
        let (queue, active, peak) = (queue.clone(), active.clone(), peak.clone());
        all.spawn(async move {
            tokio::time::sleep(Duration::from_millis(number / 4)).await;
            let work = move || {
                peak.fetch_max(active.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(each);
                active.fetch_sub(1, Ordering::SeqCst);
                number
            };
            assert_eq!(queue.run(work).await, Some(number));
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    assert!(all_end(&queue).await);
    peak.load(Ordering::SeqCst)
}

#[tokio::test]
async fn one_thread_for_fast_files() {
    assert_eq!(peak(Duration::ZERO).await, 1);
}

#[tokio::test]
async fn more_threads_for_slow_files() {
    let peak = peak(Duration::from_millis(50)).await;
    assert!((2..=MAX_WRITERS).contains(&peak), "{peak}");
}

#[tokio::test]
async fn a_panic_fails_one_file() {
    let queue = Arc::new(WriteQueue::default());
    assert_eq!(queue.run(|| -> u8 { panic!("on purpose") }).await, None);
    assert_eq!(queue.run(|| 1).await, Some(1));
    assert!(all_end(&queue).await);
}
