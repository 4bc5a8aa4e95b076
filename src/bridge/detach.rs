//! The only place where Rust code releases the GIL or takes it.

use pyo3::Python;

use shoal_runtime::{FinalizeGuard, park_forever};

/// Runs `work` without the GIL (on free-threaded builds: detached from the interpreter). At exit the GIL might not come
/// back, so `work` then runs with it.
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

/// Runs `work` with the GIL, on a thread of Shoal's. At exit the thread blocks here for good and leaks its objects: a
/// Python object dropped now could be destroyed by a half-finalised interpreter.
pub fn attached<T>(work: impl for<'py> FnOnce(Python<'py>) -> T) -> T {
    if let Some(_guard) = FinalizeGuard::acquire()
        && let Some(done) = Python::try_attach(work)
    {
        return done;
    }
    park_forever()
}
