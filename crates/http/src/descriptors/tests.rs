use super::*;

struct Pool(Mutex<Vec<Instant>>);

impl Idle for Pool {
    fn since(&self, into: &mut Vec<Instant>) {
        into.extend(self.0.lock().iter());
    }

    fn close(&self, until: Instant) -> usize {
        let mut all = self.0.lock();
        let before = all.len();
        all.retain(|since| *since > until);
        before - all.len()
    }
}

#[test]
fn the_oldest_of_all_pools_are_closed_first() {
    let start = Instant::now();
    let at = |second: u64| start + Duration::from_secs(second);
    let pools = [0, 1].map(|first| Arc::new(Pool(Mutex::new((0..50).map(|n| at(2 * n + first)).collect()))));
    let all: Vec<Arc<dyn Idle>> = pools.iter().map(|pool| pool.clone() as Arc<dyn Idle>).collect();
    let closed = close_oldest(&all);
    assert!((1..50).contains(&closed), "{closed}");
    let left: Vec<_> = pools.iter().flat_map(|pool| pool.0.lock().clone()).collect();
    assert!(left.iter().all(|since| *since >= at(closed as u64)) && left.len() == 100 - closed);
    while close_oldest(&all) > 0 {}
    assert!(pools.iter().all(|pool| pool.0.lock().is_empty()));
}

#[cfg(unix)]
#[test]
fn a_shortage_is_waited_out_and_other_errors_are_not() {
    let mut tries = 0;
    let opened = open_file(|| {
        tries += 1;
        if tries < 4 { Err(io::Error::from_raw_os_error(libc::EMFILE)) } else { Ok(tries) }
    });
    assert_eq!(opened.unwrap(), 4);
    let failed = open_file(|| Err::<(), _>(io::Error::from_raw_os_error(libc::ENOENT))).unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::NotFound);
    assert!(shortage().is_none());
}

#[test]
fn a_connection_counts_until_it_is_dropped() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let first = Counted::below(&COUNT, 1);
    assert!(first.is_some() && Counted::below(&COUNT, 1).is_none());
    let second = Counted::new(&COUNT);
    drop(first);
    assert!(Counted::below(&COUNT, 1).is_none());
    drop(second);
    assert_eq!(COUNT.load(Ordering::Relaxed), 0);
}
