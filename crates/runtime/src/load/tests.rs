//! Tests of the load.

use super::*;

/// Records requests with bodies of `bytes` for a while, on a thread that is busy or idle in between; whether a
/// worker was told to migrate.
fn migrates(bytes: u64, is_busy: bool) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let worker = runtime.spawn(async move {
        watch(Handle::current(), || None);
        let end = Instant::now() + 3 * WINDOW;
        let mut migrated = false;
        while Instant::now() < end {
            record_request(bytes);
            migrated |= LOAD.with_borrow_mut(|load| load.as_mut().unwrap().should_migrate());
            if is_busy {
                let until = Instant::now() + WINDOW / 100;
                while Instant::now() < until {}
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(WINDOW / 10).await;
            }
        }
        migrated
    });
    runtime.block_on(worker).unwrap()
}

#[test]
fn workers_migrate_from_a_busy_thread_if_bodies_are_large() {
    assert!(migrates(1 << 20, true));
    assert!(!migrates(1 << 20, false));
    assert!(!migrates(100, true));
    LOAD.set(None);
    assert!(migration_target().is_none());
}
