//! The items and results of `stream_fetch`.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::error::to_python;
use super::plan::Plan;
use super::response::into_python;
use crate::arguments::save_to::SaveTo;
use crate::bridge::source::Convert;
use shoal_http::attempts::FetchResult;
use shoal_http::error::FetchError;
use shoal_http::request::Request;
use shoal_http::save::SavedPaths;

/// Makes requests by a plan, and responses or exceptions of their outcomes.
pub struct StreamItems {
    plan: Plan,
    /// The files of earlier items, unless the template makes each file distinct.
    places: Option<SavedPaths>,
}

impl StreamItems {
    /// Items of this plan.
    pub fn new(plan: Plan) -> Self {
        Self { places: plan.save_to.as_ref().and_then(SaveTo::places), plan }
    }
}

impl Convert for StreamItems {
    fn request(
        &self,
        py: Python<'_>,
        item: &Bound<'_, PyAny>,
        index: usize,
    ) -> PyResult<Result<Arc<Request>, FetchError>> {
        let request = self.plan.request(py, item, index)?;
        if let Ok(request) = &request
            && let (Some(places), Some(path)) = (&self.places, &request.save_to)
            && !places.claim(path)
        {
            return Err(PyValueError::new_err(format!(
                "save_to: requests[{index}] would be written to {path:?} like one before it; use {{index}} or different \
                 names"
            )));
        }
        Ok(request)
    }

    fn result(&self, py: Python<'_>, outcome: FetchResult) -> PyResult<Py<PyAny>> {
        match outcome {
            Ok(response) => Ok(into_python(py, response)?.into_any()),
            Err(error) if self.plan.return_exceptions => Ok(to_python(py, &error).into_value(py).into_any()),
            Err(error) => Err(to_python(py, &error)),
        }
    }
}
