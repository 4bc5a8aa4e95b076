//! The one gate out of the GIL, and back: whatever waits or computes for long passes here first.

use pyo3::Python;

use shoal_runtime::{FinalizeGuard, park_forever};

/// Runs `work` without holding the GIL (on free-threaded builds: detached from the interpreter). When the process is
/// about to end it runs `work` as it is: the GIL might not come back.
pub fn detached<T, F>(py: Python<'_>, work: F) -> T
where
    F: Send + FnOnce() -> T,
    T: Send,
{
    let Some(guard) = FinalizeGuard::acquire() else { return work() };
    py.detach(|| {
        let result = work();
        guard.before_attach();
        result
    })
}

/// Runs `work` with the GIL, from a thread of ours. When the process is about to end the thread stays here for good, and
/// with it whatever it holds: a Python object dropped now might be destroyed by half an interpreter.
pub fn attached<T>(work: impl for<'py> FnOnce(Python<'py>) -> T) -> T {
    if let Some(_guard) = FinalizeGuard::acquire()
        && let Some(done) = Python::try_attach(work)
    {
        return done;
    }
    park_forever()
}
