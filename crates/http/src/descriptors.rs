//! File descriptors: a process has few (`ulimit -n`, often 1,024), and connections, files and name look-ups take them.
//!
//! Connections leave some to everything else. When too many are open, those that have been idle longest are closed; if
//! there are none, a new one waits. So does a file or connection that finds none left all the same (`EMFILE`): a lack of
//! descriptors is back-pressure, within the request's own time limits, and an error only after [`PATIENCE`].
//!
//! Everything is keyed by the fork generation: a child's connections are its own, and no lock is taken that another thread
//! may have held at the moment of the fork.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::causes::{BoxError, os_error};
use shoal_runtime::fork::PerProcess;

/// Idle connections may take half of the descriptors. The limit is not asked for (a system call) while they are so few.
const FEW_IDLE: usize = 64;

/// What connections leave to files, look-ups and the rest of the program: an eighth, and at least this.
const MIN_RESERVED: usize = 32;

/// A name look-up takes so many at most: files of the system, and sockets.
const NEEDED: usize = 8;

/// A new attempt is made this often.
const PAUSE: Duration = Duration::from_millis(5);

/// After this long the lack of descriptors is an error: whoever has them seems to keep them.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps idle connections, and closes some of them when descriptors are short.
pub trait Idle: Send + Sync {
    /// Adds the moment at which each of them became idle.
    fn since(&self, into: &mut Vec<Instant>);

    /// Closes those that became idle at `until` or before; how many.
    fn close(&self, until: Instant) -> usize;
}

/// The connections of this process.
#[derive(Default)]
struct Connections {
    open: AtomicUsize,
    idle: AtomicUsize,
    pools: Mutex<Vec<Weak<dyn Idle>>>,
}

static CURRENT: PerProcess<Connections> = PerProcess::new();

fn current() -> &'static Connections {
    CURRENT.get_or_init(Connections::default)
}

/// Counts a connection for as long as it lives.
pub struct Counted(&'static AtomicUsize);

impl Counted {
    fn new(count: &'static AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }

    fn below(count: &'static AtomicUsize, limit: usize) -> Option<Self> {
        let more = |count: usize| (count < limit).then_some(count + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that is about to be made.
pub struct Opening {
    until: Instant,
}

impl Opening {
    /// Begins.
    pub fn begin() -> Self {
        Self { until: Instant::now() + PATIENCE }
    }

    /// Waits until one more connection may be open.
    pub async fn permit(&self) -> Counted {
        let open = &current().open;
        loop {
            match Counted::below(open, most_open()) {
                Some(counted) => return counted,
                None if self.is_over() => return Counted::new(open),
                None => self.make_room().await,
            }
        }
    }

    /// Whether `error` is a lack of descriptors after which another attempt is worth it; waits for a moment if so.
    pub async fn again(&self, error: &BoxError) -> bool {
        let again = is_exhausted(os_error(error.as_ref())) && !self.is_over();
        if again {
            self.make_room().await;
        }
        again
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    async fn make_room(&self) {
        if close_idle() == 0 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Opens a file, again and again while descriptors are short. For threads that may wait.
pub fn opening<T>(mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let attempt = Opening::begin();
    loop {
        match open() {
            Err(error) if is_exhausted(error.raw_os_error()) && !attempt.is_over() => {
                if close_idle() == 0 {
                    std::thread::sleep(PAUSE);
                }
            }
            done => return done,
        }
    }
}

/// Whether descriptors are short at the moment: what may be the reason of a failure that does not tell its own.
pub fn are_short() -> Option<io::Error> {
    let name = if cfg!(windows) { "NUL" } else { "/dev/null" };
    let several: io::Result<Vec<_>> = (0..NEEDED).map(|_| std::fs::File::open(name)).collect();
    several.err().filter(|error| is_exhausted(error.raw_os_error()))
}

/// `pool` has idle connections.
pub fn register(pool: Weak<dyn Idle>) {
    let mut pools = current().pools.lock().unwrap_or_else(PoisonError::into_inner);
    pools.retain(|pool| pool.strong_count() > 0);
    pools.push(pool);
}

/// Counts a connection that is idle.
pub fn idle() -> Counted {
    Counted::new(&current().idle)
}

/// Closes the oldest idle connections if there are too many. No pool may be locked.
pub fn bound_idle() {
    let idle = current().idle.load(Ordering::Relaxed);
    if idle > FEW_IDLE && idle > limit() / 2 {
        close_idle();
    }
}

/// Closes some of the oldest idle connections; how many.
fn close_idle() -> usize {
    let pools: Vec<Arc<dyn Idle>> = {
        let pools = current().pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.iter().filter_map(Weak::upgrade).collect()
    };
    close_oldest(&pools)
}

fn close_oldest(pools: &[Arc<dyn Idle>]) -> usize {
    let mut since = Vec::new();
    pools.iter().for_each(|pool| pool.since(&mut since));
    if since.is_empty() {
        return 0;
    }
    // Several at once: looking for the oldest takes a look at all.
    let last = (FEW_IDLE / 8 + since.len() / 16).min(since.len() - 1);
    let (_, until, _) = since.select_nth_unstable(last);
    pools.iter().map(|pool| pool.close(*until)).sum()
}

/// The most connections that may be open.
fn most_open() -> usize {
    let limit = limit();
    limit.saturating_sub((limit / 8).max(MIN_RESERVED)).max(1)
}

/// How many descriptors the process may have; asked for each time, as it can be changed.
#[cfg(unix)]
fn limit() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the result, which the call writes.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return usize::MAX;
    }
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}

/// Elsewhere there is none that could be asked for.
#[cfg(not(unix))]
fn limit() -> usize {
    usize::MAX
}

/// Whether this is the error of a process, or a system, that has no descriptor left.
fn is_exhausted(error: Option<i32>) -> bool {
    #[cfg(unix)]
    let exhausted = [libc::EMFILE, libc::ENFILE];
    // ERROR_TOO_MANY_OPEN_FILES and WSAEMFILE.
    #[cfg(not(unix))]
    let exhausted = [4, 10024];
    error.is_some_and(|error| exhausted.contains(&error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    struct Pool(Mutex<Vec<Instant>>);

    impl Idle for Pool {
        fn since(&self, into: &mut Vec<Instant>) {
            into.extend(self.0.lock().unwrap().iter());
        }

        fn close(&self, until: Instant) -> usize {
            let mut all = self.0.lock().unwrap();
            let before = all.len();
            all.retain(|since| *since > until);
            before - all.len()
        }
    }

    #[test]
    fn the_oldest_go_first_in_whatever_pool_they_are() {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let pools = [0, 1].map(|first| Arc::new(Pool(Mutex::new((0..50).map(|n| at(2 * n + first)).collect()))));
        let all: Vec<Arc<dyn Idle>> = pools.iter().map(|pool| pool.clone() as Arc<dyn Idle>).collect();
        let closed = close_oldest(&all);
        assert!((1..50).contains(&closed), "{closed}");
        let left: Vec<_> = pools.iter().flat_map(|pool| pool.0.lock().unwrap().clone()).collect();
        assert!(left.iter().all(|since| *since >= at(closed as u64)) && left.len() == 100 - closed);
        while close_oldest(&all) > 0 {}
        assert!(pools.iter().all(|pool| pool.0.lock().unwrap().is_empty()));
    }

    #[cfg(unix)]
    #[test]
    fn a_lack_of_descriptors_is_waited_out_and_other_errors_are_not() {
        let mut tries = 0;
        let opened = opening(|| {
            tries += 1;
            if tries < 4 { Err(io::Error::from_raw_os_error(libc::EMFILE)) } else { Ok(tries) }
        });
        assert_eq!(opened.unwrap(), 4);
        let failed = opening(|| Err::<(), _>(io::Error::from_raw_os_error(libc::ENOENT))).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::NotFound);
        assert!(are_short().is_none());
    }

    #[test]
    fn what_is_counted_is_counted_until_it_is_dropped() {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let first = Counted::below(&COUNT, 1);
        assert!(first.is_some() && Counted::below(&COUNT, 1).is_none());
        let second = Counted::new(&COUNT);
        drop(first);
        assert!(Counted::below(&COUNT, 1).is_none());
        drop(second);
        assert_eq!(COUNT.load(Ordering::Relaxed), 0);
    }
}
