//! The place in Python code from which a job was started.

use std::ffi::c_int;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCode, PyFrame, PyFrameMethods};

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

    /// The line number.
    pub fn line(&self, py: Python<'_>) -> c_int {
        // SAFETY: the type of `code` shows that it is a code object, and `py` that this thread is attached. An offset
        // outside of the code gives -1.
        unsafe { ffi::PyCode_Addr2Line(self.code.bind(py).as_ptr().cast(), self.instruction) }
    }

    /// The file.
    pub fn file(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.code.bind(py).getattr(intern!(py, "co_filename"))?.str()?.to_string_lossy().into_owned())
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
