//! What is told of a `Job` that is dropped: a warning if that stopped its work before anybody had asked for it, a line in
//! the log if it had failed and nobody knows.

use std::ffi::{CString, c_int};
use std::sync::atomic::{AtomicU8, Ordering};

use pyo3::exceptions::PyRuntimeWarning;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCode, PyDict};

/// Somebody waited for the job, stopped it, or left a callback.
const ASKED: u8 = 1;
/// Somebody was given its result, its exception or its cancellation.
const TOLD: u8 = 2;

/// Who has taken notice of a job.
#[derive(Default)]
pub struct Notice(AtomicU8);

impl Notice {
    /// Somebody waits for the job, stops it, or leaves a callback.
    pub fn asked(&self) {
        // A look first: most jobs are asked once, by the thread that made them, and a locked instruction takes 5 ns.
        if self.0.load(Ordering::Relaxed) & ASKED == 0 {
            self.0.fetch_or(ASKED, Ordering::Relaxed);
        }
    }

    /// Somebody is given what became of it.
    pub fn told(&self) {
        self.0.store(ASKED | TOLD, Ordering::Relaxed);
    }

    /// Whether nobody has asked for it.
    pub fn is_unasked(&self) -> bool {
        self.0.load(Ordering::Relaxed) & ASKED == 0
    }

    /// Whether nobody knows what became of it.
    pub fn is_untold(&self) -> bool {
        self.0.load(Ordering::Relaxed) & TOLD == 0
    }
}

/// The place of a call in Python code, kept as its code object and instruction: 40 ns. The line is looked up when it is
/// shown, which takes as long as the function.
pub struct CallSite {
    code: Py<PyCode>,
    instruction: c_int,
}

impl CallSite {
    /// Of the Python function that runs now; with `outside`, of the one that called into this package.
    pub fn here(py: Python<'_>, outside: bool) -> Option<Self> {
        // SAFETY: the interpreter is attached. The frame is borrowed from the stack, which runs on only after this.
        let frame = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast()) }?;
        let mut site = Self::of(&frame)?;
        if outside {
            let mut frame = frame;
            while is_ours(site.code.bind(py)) {
                // SAFETY: `frame` is a frame; the result is a new reference, or null at the outermost one.
                frame =
                    unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyFrame_GetBack(frame.as_ptr().cast()).cast()) }?;
                site = Self::of(&frame)?;
            }
        }
        Some(site)
    }

    fn of(frame: &Bound<'_, PyAny>) -> Option<Self> {
        let py = frame.py();
        // SAFETY: `frame` is a frame; the result is a new reference to its code object, never null.
        let code = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyFrame_GetCode(frame.as_ptr().cast()).cast()) }?;
        let instruction = frame.getattr(intern!(py, "f_lasti")).and_then(|offset| offset.extract()).ok()?;
        Some(Self { code: code.cast_into().ok()?.unbind(), instruction })
    }

    fn line(&self, py: Python<'_>) -> c_int {
        // SAFETY: `code` is a code object, and the instruction one of its own.
        unsafe { ffi::PyCode_Addr2Line(self.code.bind(py).as_ptr().cast(), self.instruction) }
    }

    fn file(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.code.bind(py).getattr(intern!(py, "co_filename"))?.str()?.to_string_lossy().into_owned())
    }
}

/// Whether this is code of the package's own modules.
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

/// Whether Python code may run for a job that is being dropped: not at exit, when nobody reads it any more.
fn speaking<T>(py: Python<'_>, speak: impl FnOnce() -> PyResult<T>) {
    let guard = shoal_runtime::FinalizeGuard::acquire();
    if guard.is_none() {
        return;
    }
    if let Err(error) = speak() {
        error.write_unraisable(py, None);
    }
}

/// A job was dropped before its end, which stopped its work, and nobody had asked for it.
pub fn warn_of_drop(py: Python<'_>, name: &str, site: Option<&CallSite>) {
    /// The warnings that were shown, by file: the same line is told of once.
    static SHOWN: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    speaking(py, || {
        let (file, line) = match site {
            Some(site) => (site.file(py)?, site.line(py)),
            None => ("<unknown>".to_owned(), 1),
        };
        let message = format!(
            "a Job of {name} was dropped before its end, which stopped its work: await it, call .result(), or .cancel() \
             it if that is what you want"
        );
        let shown = SHOWN.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
        let registry = match shown.get_item(&file)? {
            Some(registry) => registry,
            None => {
                let registry = PyDict::new(py).into_any();
                shown.set_item(&file, &registry)?;
                registry
            }
        };
        let category = py.get_type::<PyRuntimeWarning>();
        let (message, file) = (CString::new(message)?, CString::new(file)?);
        PyErr::warn_explicit(py, &category, &message, &file, line, None, Some(&registry))
    });
}

/// A job has failed, and was dropped before anybody knew.
pub fn log_failure(py: Python<'_>, name: &str, site: Option<&CallSite>, failure: PyErr) {
    speaking(py, || {
        let place = match site {
            Some(site) => format!(", called at {}:{}", site.file(py)?, site.line(py)),
            None => String::new(),
        };
        let logger = py.import(intern!(py, "logging"))?.call_method1(intern!(py, "getLogger"), ("shoal",))?;
        let keywords = PyDict::new(py);
        keywords.set_item(intern!(py, "exc_info"), failure.into_value(py))?;
        let message = format!("the exception of a Job was never retrieved: {name}{place}");
        logger.call_method(intern!(py, "error"), ("%s", message), Some(&keywords))
    });
}
