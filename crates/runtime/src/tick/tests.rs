//! Tests of ticks.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[derive(Default)]
struct Count(AtomicU32);

impl OnTickEnd for Count {
    fn on_tick_end(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn callbacks_run_at_the_tick_end_on_the_reactor_and_immediately_on_other_threads() {
    let count = Arc::new(Count::default());
    let calls = || count.0.load(Ordering::Relaxed);
    at_tick_end(count.clone());
    assert_eq!(calls(), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ticks = runtime.spawn(run());
    runtime.block_on(async {
        tokio::task::yield_now().await;
        for calls_before in [1, 3] {
            at_tick_end(count.clone());
            at_tick_end(count.clone());
            assert_eq!(calls(), calls_before);
            // Even while the reactor stays busy.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            assert_eq!(calls(), calls_before + 2);
        }
        at_tick_end(count.clone());
        ticks.abort();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    });
    assert_eq!(calls(), 6);
    at_tick_end(count.clone());
    assert_eq!(calls(), 7);
}
