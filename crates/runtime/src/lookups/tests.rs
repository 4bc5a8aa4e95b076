//! Tests of name look-ups.

use super::*;

#[test]
fn concurrent_look_ups_share_threads_and_answers() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let all = futures_util::future::join_all((0..500).map(|_| lookup("localhost"))).await;
        assert!(all.iter().all(|found| found.as_ref().unwrap().iter().any(|address| address.ip().is_loopback())));
        let unknown = lookup(&"a".repeat(300)).await.unwrap_err();
        assert!(!unknown.to_string().is_empty());
    });
    let threads = current().state.lock().threads;
    assert!((1..8).contains(&threads), "{threads}");
    let until = Instant::now() + 10 * KEEP_ALIVE;
    while current().state.lock().threads > 0 {
        assert!(Instant::now() < until);
        std::thread::sleep(KEEP_ALIVE / 20);
    }
}

#[test]
fn a_copied_error_keeps_its_number_or_kind_and_message() {
    let numbered = copy(&Err(io::Error::from_raw_os_error(24))).unwrap_err();
    assert_eq!(numbered.raw_os_error(), Some(24));
    let without_number = copy(&Err(io::Error::new(io::ErrorKind::NotFound, "no such host"))).unwrap_err();
    assert_eq!((without_number.kind(), without_number.to_string().as_str()), (io::ErrorKind::NotFound, "no such host"));
}
