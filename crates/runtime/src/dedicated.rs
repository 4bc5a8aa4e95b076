//! A reactor of its own for something that must not share the clients' thread: the embedded server.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Threads that run one component's tasks, stopped when it is dropped.
pub struct DedicatedRuntime(Option<Runtime>);

impl DedicatedRuntime {
    /// Starts `threads` threads called `name`.
    pub fn start(name: &str, threads: usize) -> io::Result<Self> {
        // tokio panics where it can't start its own.
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

    /// To spawn tasks on; `None` after [`DedicatedRuntime::stop`].
    pub fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }

    /// Drops all tasks; waits for none.
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
