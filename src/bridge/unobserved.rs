//! Reports of a dropped job (see `shoal/_dropped.py`), and the place in Python code from which it was started.

use std::ffi::c_int;
use std::sync::atomic::{AtomicU8, Ordering};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCode, PyFrame, PyFrameMethods};
use pyo3::{ffi, intern};

use shoal_runtime::FinalizeGuard;

/// The job was awaited, cancelled or given a callback.
const AWAITED: u8 = 1;
/// Its result, exception or cancellation was passed on.
const RETRIEVED: u8 = 2;

/// How far a job was observed.
#[derive(Default)]
pub struct Observed(AtomicU8);

impl Observed {
    /// The job is awaited, cancelled or given a callback.
    pub fn set_awaited(&self) {
        // Most jobs are awaited by one thread only, and the load saves a locked instruction of 5 ns.
        if !self.is_awaited() {
            self.0.fetch_or(AWAITED, Ordering::Relaxed);
        }
    }

    /// Its result, exception or cancellation is passed on.
    pub fn set_retrieved(&self) {
        self.0.store(AWAITED | RETRIEVED, Ordering::Relaxed);
    }

    pub fn is_awaited(&self) -> bool {
        self.0.load(Ordering::Relaxed) & AWAITED != 0
    }

    pub fn is_retrieved(&self) -> bool {
        self.0.load(Ordering::Relaxed) & RETRIEVED != 0
    }
}

/// Reports a job that was dropped: the exception that was never retrieved, or without one that running work was stopped.
/// Calls Python code, unless the interpreter exits.
pub fn report(py: Python<'_>, name: &str, site: Option<&CallSite>, failure: Option<PyErr>) {
    let guard = FinalizeGuard::acquire();
    if guard.is_none() {
        return;
    }
    let report = || {
        let place = site.map(|site| site.place(py)).transpose()?;
        py.import(intern!(py, "shoal._dropped"))?.call_method1(intern!(py, "report"), (name, place, failure))
    };
    if let Err(error) = report() {
        error.write_unraisable(py, None);
    }
}

/// A code object and an instruction of it. Keeping them costs 40 ns; the line is computed when it is shown, which takes
/// time proportional to the length of the function.
pub struct CallSite {
    code: Py<PyCode>,
    instruction: c_int,
}

impl CallSite {
    /// The Python function that is running; with `outside`, its first caller that is not part of this package.
    pub fn here(py: Python<'_>, outside: bool) -> Option<Self> {
        // SAFETY: `py` shows that this thread is attached. `PyEval_GetFrame` returns null or a reference borrowed from the
        // thread's stack, whose topmost frame can't end before this function returns; `from_borrowed_ptr_or_opt` takes a
        // reference of its own at once.
        let frame = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast()) }?;
        let mut frame = frame.cast_into::<PyFrame>().ok()?;
        while outside && is_ours(&frame.code()) {
            frame = frame.outer()?;
        }
        let instruction = frame.getattr(intern!(py, "f_lasti")).and_then(|offset| offset.extract()).ok()?;
        Some(Self { code: frame.code().unbind(), instruction })
    }

    /// The file and the line number.
    fn place<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, c_int)> {
        // SAFETY: the type of `code` shows that it is a code object, and `py` that this thread is attached. An offset
        // outside of the code gives -1.
        let line = unsafe { ffi::PyCode_Addr2Line(self.code.bind(py).as_ptr().cast(), self.instruction) };
        Ok((self.code.bind(py).getattr(intern!(py, "co_filename"))?, line))
    }
}

/// Whether the code belongs to this package.
fn is_ours(code: &Bound<'_, PyCode>) -> bool {
    static FOLDER: PyOnceLock<String> = PyOnceLock::new();
    let py = code.py();
    let folder = FOLDER.get_or_try_init(py, || -> PyResult<String> {
        let init: String = py.import("shoal")?.getattr("__file__")?.extract()?;
        Ok(init.trim_end_matches("__init__.py").to_owned())
    });
    let file = code.getattr(intern!(py, "co_filename")).and_then(|file| file.extract::<String>());
    matches!((folder, file), (Ok(folder), Ok(file)) if !folder.is_empty() && file.starts_with(folder.as_str()))
}
