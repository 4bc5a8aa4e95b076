//! The I/O reactor: a current-thread tokio runtime on one named thread.
//!
//! One thread, because for small bodies a second one costs more than it gives (30 against 41 µs CPU per request,
//! cross-thread wake-ups), and a current-thread runtime never wakes a sibling. Waiting system calls (files, name
//! look-ups) go to its blocking pool.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

use super::intake::{Intake, Work};
use super::{closing, fork, turn};

/// Files and name look-ups that may wait at the same time.
const BLOCKING_THREADS: usize = 16;

struct Reactor {
    generation: u32,
    handle: Handle,
    intake: Arc<Intake>,
    stop: CancellationToken,
    stopped: Mutex<Receiver<()>>,
}

static CURRENT: AtomicPtr<Reactor> = AtomicPtr::new(ptr::null_mut());

/// Why there is no reactor, or no pool.
#[derive(Debug, thiserror::Error)]
pub enum ShutDown {
    /// [`shutdown`] was called: the interpreter is exiting.
    #[error("shoal was shut down because the interpreter is exiting")]
    Exiting,
    /// The thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The environment asks for what is no number of threads.
    #[error("{VARIABLE} must be a number of threads from 1 to 4096, not {0:?}", VARIABLE = super::pool::VARIABLE)]
    Size(String),
}

/// The reactor of this process, started at first use.
pub fn handle() -> Result<&'static Handle, ShutDown> {
    Ok(&reactor()?.handle)
}

/// Runs `work`, which must be short, on the reactor's thread: cheaper than spawning there when much comes at once. If the
/// reactor is shut down before, `work` is dropped.
pub fn submit(work: Work) -> Result<(), ShutDown> {
    reactor()?.intake.put(work);
    Ok(())
}

fn reactor() -> Result<&'static Reactor, ShutDown> {
    let generation = fork::generation();
    let current = CURRENT.load(Ordering::Acquire);
    // SAFETY: a published reactor is never freed.
    if let Some(reactor) = unsafe { current.as_ref() }
        && reactor.generation == generation
    {
        return if closing::is_closing() { Err(ShutDown::Exiting) } else { Ok(reactor) };
    }
    if closing::is_closing() {
        return Err(ShutDown::Exiting);
    }
    // No lock: one held by another thread at the moment of a fork would stay locked in the child. Two first users may
    // both start a reactor; the one that loses stops its own.
    let fresh = Box::into_raw(Box::new(start(generation)?));
    match CURRENT.compare_exchange(current, fresh, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: published just now, never freed.
        Ok(_) => Ok(unsafe { &*fresh }),
        Err(_) => {
            // SAFETY: `fresh` was not published, nobody else has it.
            unsafe { Box::from_raw(fresh) }.stop.cancel();
            reactor()
        }
    }
}

fn start(generation: u32) -> Result<Reactor, ShutDown> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .thread_name("shoal-blocking")
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(Duration::from_secs(2))
        .build()?;
    let handle = runtime.handle().clone();
    let stop = CancellationToken::new();
    let (done, stopped) = channel();
    let token = stop.clone();
    let intake = Arc::new(Intake::default());
    let taker = intake.clone();
    std::thread::Builder::new().name("shoal-io".into()).spawn(move || {
        runtime.spawn(turn::run());
        runtime.spawn(taker.run());
        runtime.block_on(token.cancelled());
        // Drops every task, and with it every socket, without waiting for blocking calls.
        runtime.shutdown_background();
        let _ = done.send(());
    })?;
    Ok(Reactor { generation, handle, intake, stop, stopped: Mutex::new(stopped) })
}

/// Stops reactor and pool for good: no new work, everything cancelled, at most `wait` until their threads and whoever
/// waited for them are gone. In a forked child that never used it there is nothing to stop.
pub fn shutdown(wait: Duration) {
    if !closing::begin() {
        return;
    }
    let until = Instant::now() + wait;
    let current = CURRENT.load(Ordering::Acquire);
    // SAFETY: a published reactor is never freed.
    if let Some(reactor) = unsafe { current.as_ref() }
        && reactor.generation == fork::generation()
    {
        reactor.stop.cancel();
        let stopped = reactor.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stopped.recv_timeout(wait);
    }
    super::pool::quiet(until.saturating_duration_since(Instant::now()));
    closing::close(until.saturating_duration_since(Instant::now()));
}

/// The words a panic was raised with.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
