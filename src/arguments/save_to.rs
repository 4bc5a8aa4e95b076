//! `save_to`: where bodies are saved.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::scalars::{path_text, wrong_type};
use shoal_http::save::{PathTemplate, SavedPaths};

/// Gives the path of each body.
pub enum SaveTo {
    /// A template.
    Template(PathTemplate),
    /// Called for every item, on the caller's thread, before any I/O.
    Callable(Py<PyAny>),
}

impl SaveTo {
    /// The record of paths that keeps a stream from writing two bodies to one file; None for a template that has the
    /// item's index.
    pub fn places(&self) -> Option<SavedPaths> {
        match self {
            Self::Template(template) if template.is_distinct() => None,
            _ => Some(SavedPaths::default()),
        }
    }
}

/// `save_to`: a template or a callable.
pub fn save_to_from(value: &Bound<'_, PyAny>) -> PyResult<SaveTo> {
    if value.is_callable() {
        return Ok(SaveTo::Callable(value.clone().unbind()));
    }
    let text = path_text("save_to", value)?
        .ok_or_else(|| wrong_type("save_to", "a template as str or path, a callable or None", value))?;
    let template = PathTemplate::parse(&text).map_err(|reason| PyValueError::new_err(format!("save_to: {reason}")))?;
    Ok(SaveTo::Template(template))
}
