//! A tokio runtime of its own for one component, so that it shares no thread with the clients: the test server.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// A multi-thread runtime that is shut down when dropped.
pub struct DedicatedRuntime(Option<Runtime>);

impl DedicatedRuntime {
    /// Starts `threads` threads called `name`.
    pub fn start(name: &str, threads: usize) -> io::Result<Self> {
        // tokio panics where it cannot start a thread; this returns an error.
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(|| ());
        thread.map_err(|error| io::Error::other(format!("a thread could not be started: {error}")))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name(name)
            .enable_io()
            .enable_time()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// The handle for spawning tasks; `None` after [`Self::stop`].
    pub fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }

    /// Drops all tasks without waiting for them.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for DedicatedRuntime {
    fn drop(&mut self) {
        self.stop();
    }
}
