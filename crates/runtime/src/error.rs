//! The error of a reactor or pool that is not available, and the message of a caught panic.

use std::any::Any;

/// The environment variable with the number of threads of the pool.
pub(crate) const THREADS_VARIABLE: &str = "SHOAL_THREADS";

/// More than any machine has cores; keeps a typing error from starting a million threads.
pub(crate) const MAX_THREADS: usize = 4096;

/// Why the reactor or the pool is not available.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// [`shutdown`](crate::shutdown) was called.
    #[error("shoal was shut down because the interpreter is exiting")]
    Exiting,
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// `SHOAL_THREADS` is not a valid number of threads.
    #[error("{THREADS_VARIABLE} must be a number of threads from 1 to {MAX_THREADS}, not {0:?}")]
    ThreadCount(String),
}

/// The message that a panic was raised with.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
