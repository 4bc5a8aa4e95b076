//! Threads: the only crate that starts any.
//!
//! - [`reactor_handle`], [`submit`]: the I/O reactor, one thread with a current-thread tokio runtime; [`load`] starts a
//!   second one while large bodies keep the first busy.
//! - [`pool`]: a private rayon pool for CPU work.
//! - [`notifier`](fn@notifier): one thread for calls that take the GIL.
//! - [`lookup`]: threads for `getaddrinfo`, which blocks.
//! - [`DedicatedRuntime`]: a runtime of its own for one component, such as the test server.
//! - [`FinalizeGuard`]: every thread that detaches from Python or attaches to it holds one, so that interpreter
//!   finalisation waits for it.
//! - [`Mutex`]: a mutex without poisoning.
//! - [`fork`]: statics and values that a forked child does not share with its parent.
//!
//! Threads start at first use and belong to one process: a forked child leaks its parent's and starts its own.

pub mod cpu_placement;
mod error;
mod finalize;
pub mod fork;
pub mod load;
mod lookups;
mod mutex;
mod notifier;
pub mod pool;
mod reactor;
mod tick;

pub use error::{RuntimeError, panic_message};
pub use finalize::{FinalizeGuard, is_exit_thread, is_exiting, park_forever};
pub use lookups::lookup;
pub use mutex::Mutex;
pub use notifier::{Notifier, notifier, spawn_thread};
pub use reactor::{DedicatedRuntime, ensure_blocking_thread, is_second_reactor, reactor_handle, shutdown, submit};
pub use tick::{OnTickEnd, at_tick_end};
