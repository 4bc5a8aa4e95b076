//! Tests of the CPU pool.

use std::sync::mpsc::channel;

use super::*;

#[test]
fn tasks_run_on_named_threads_which_survive_a_panic() {
    spawn(|| std::panic::resume_unwind(Box::new("on purpose"))).unwrap();
    let (sender, names) = channel();
    for _ in 0..50 {
        let sender = sender.clone();
        spawn(move || sender.send(thread::current().name().unwrap().to_owned()).unwrap()).unwrap();
    }
    drop(sender);
    let names: Vec<_> = names.iter().collect();
    assert_eq!(names.len(), 50);
    assert!(names.iter().all(|name| name.starts_with("shoal-cpu-")));
}
