//! Tests of the reactor.

use super::*;

#[test]
fn submitted_work_runs_in_order_survives_a_panic_and_is_dropped_after_the_end() {
    let timeout = Duration::from_secs(10);
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (sender, receiver) = unbounded_channel::<Work>();
    let (done, results) = channel();
    let submit = |number: u32| {
        let done = done.clone();
        sender.send(Box::new(move || done.send(number).unwrap())).is_ok()
    };
    assert!(submit(1));
    let running = runtime.spawn(run_submitted(receiver));
    assert_eq!(results.recv_timeout(timeout), Ok(1));
    sender.send(Box::new(|| std::panic::resume_unwind(Box::new("on purpose")))).unwrap();
    assert!((2..100).all(submit));
    for number in 2..100 {
        assert_eq!(results.recv_timeout(timeout), Ok(number));
    }
    running.abort();
    assert!(runtime.block_on(running).unwrap_err().is_cancelled());
    assert!(!submit(100));
    drop(done);
    assert!(results.recv().is_err());
}
