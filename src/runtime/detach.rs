//! The one gate out of the GIL: whatever waits or computes for long passes here first.

use pyo3::Python;
use pyo3::marker::Ungil;

/// Runs `work` without holding the GIL (on free-threaded builds: detached from the interpreter).
pub fn detached<T, F>(py: Python<'_>, work: F) -> T
where
    F: Ungil + FnOnce() -> T,
    T: Ungil,
{
    py.detach(work)
}
