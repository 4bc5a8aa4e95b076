//! File descriptors: a process has few (`ulimit -n`, often 1,024), and connections, files and name look-ups share them.
//!
//! Connections leave some to everything else. At the limit, the connections that have been idle longest are closed; if
//! there are none, a new connection waits. So does a connection or file that fails with `EMFILE` all the same: a shortage
//! is back-pressure within the request's own timeouts, and an error only after [`PATIENCE`].
//!
//! The counts belong to one process: a forked child starts at zero and takes no lock of its parent.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use shoal_runtime::Mutex;
use shoal_runtime::fork::PerProcess;

/// Below this many idle connections the limit of the process is not asked for, which is a system call.
const FEW_IDLE: usize = 64;

/// Connections leave an eighth of the descriptors, and at least this many, to files, look-ups and the rest of the program.
const MIN_RESERVED: usize = 32;

/// The most descriptors of one name look-up: the system's files, and sockets.
const PER_LOOKUP: usize = 8;

/// Interval of new attempts during a shortage.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a shortage may last before it is an error.
const PATIENCE: Duration = Duration::from_secs(30);

/// A pool of idle connections, some of which can be closed.
pub(crate) trait Idle: Send + Sync {
    /// Appends the time at which each of them became idle.
    fn since(&self, into: &mut Vec<Instant>);

    /// Closes those that became idle at `until` or before. Returns how many.
    fn close(&self, until: Instant) -> usize;
}

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    idle: AtomicUsize,
    pools: Mutex<Vec<Weak<dyn Idle>>>,
}

static CURRENT: PerProcess<Counts> = PerProcess::new();

fn current() -> &'static Counts {
    CURRENT.get_or_init(Counts::default)
}

/// Counts a connection until it is dropped.
pub(crate) struct Counted(&'static AtomicUsize);

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

/// Makes a connection when one more may be open, again and again while descriptors are short.
pub(crate) async fn connect<T, E, F: Future<Output = Result<T, E>>>(
    connect: impl Fn() -> F,
    os_error: impl Fn(&E) -> Option<i32>,
) -> Result<(T, Counted), E> {
    let until = Instant::now() + PATIENCE;
    let open = &current().open;
    let counted = loop {
        match Counted::below(open, max_open()) {
            Some(counted) => break counted,
            None if Instant::now() >= until => break Counted::new(open),
            None => make_room().await,
        }
    };
    loop {
        match connect().await {
            Err(error) if is_exhausted(os_error(&error)) && Instant::now() < until => make_room().await,
            connected => return connected.map(|connected| (connected, counted)),
        }
    }
}

async fn make_room() {
    if close_idle() == 0 {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Opens a file, again and again while descriptors are short. Blocks the thread.
pub(crate) fn open_file<T>(mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        match open() {
            Err(error) if is_exhausted(error.raw_os_error()) && Instant::now() < until => {
                if close_idle() == 0 {
                    std::thread::sleep(PAUSE);
                }
            }
            done => return done,
        }
    }
}

/// The error of a shortage of descriptors, if there is one now. The system's resolver does not report it itself.
pub(crate) fn shortage() -> Option<io::Error> {
    let name = if cfg!(windows) { "NUL" } else { "/dev/null" };
    let several: io::Result<Vec<_>> = (0..PER_LOOKUP).map(|_| std::fs::File::open(name)).collect();
    several.err().filter(|error| is_exhausted(error.raw_os_error()))
}

/// Adds a pool whose idle connections are closed when descriptors are short.
pub(crate) fn register(pool: Weak<dyn Idle>) {
    let mut pools = current().pools.lock();
    pools.retain(|pool| pool.strong_count() > 0);
    pools.push(pool);
}

pub(crate) fn idle() -> Counted {
    Counted::new(&current().idle)
}

/// Closes the oldest idle connections if they hold more than half of the descriptors. Must not be called with a pool
/// locked.
pub(crate) fn bound_idle() {
    let idle = current().idle.load(Ordering::Relaxed);
    if idle > FEW_IDLE && idle > limit() / 2 {
        close_idle();
    }
}

/// Closes some of the oldest idle connections. Returns how many.
fn close_idle() -> usize {
    let pools: Vec<_> = current().pools.lock().iter().filter_map(Weak::upgrade).collect();
    close_oldest(&pools)
}

fn close_oldest(pools: &[Arc<dyn Idle>]) -> usize {
    let mut since = Vec::new();
    pools.iter().for_each(|pool| pool.since(&mut since));
    if since.is_empty() {
        return 0;
    }
    // Several at once: finding the oldest visits all.
    let last = (FEW_IDLE / 8 + since.len() / 16).min(since.len() - 1);
    let (_, until, _) = since.select_nth_unstable(last);
    pools.iter().map(|pool| pool.close(*until)).sum()
}

fn max_open() -> usize {
    let limit = limit();
    limit.saturating_sub((limit / 8).max(MIN_RESERVED)).max(1)
}

/// The descriptors that this process may have. Not cached: the limit can change.
#[cfg(unix)]
fn limit() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `getrlimit` writes one `rlimit` through the pointer, which comes from a live `&mut` of that type.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return usize::MAX;
    }
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}

/// Other systems have no such limit.
#[cfg(not(unix))]
fn limit() -> usize {
    usize::MAX
}

/// Whether the error says that the process or the system has no descriptor left.
fn is_exhausted(error: Option<i32>) -> bool {
    #[cfg(unix)]
    let exhausted = [libc::EMFILE, libc::ENFILE];
    // ERROR_TOO_MANY_OPEN_FILES and WSAEMFILE.
    #[cfg(not(unix))]
    let exhausted = [4, 10024];
    error.is_some_and(|error| exhausted.contains(&error))
}
