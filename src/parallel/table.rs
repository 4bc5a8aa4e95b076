//! `Table`: Arrow columns in Python. Libraries that support Arrow take them without a copy; others read Python objects.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_schema::{DataType, Field};
use pyo3::exceptions::{PyIndexError, PyKeyError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyIterator, PyList, PyString, PyTuple};
use pyo3_arrow::ffi::{ArrayIterator, to_schema_pycapsule, to_stream_pycapsule};

use super::column::{PyColumn, Values, place, shortened, type_name};
use crate::bridge::detach::GilYielder;
use crate::bridge::repr::escape_html;

const SHOWN: usize = 10;

/// A table in memory, in Arrow's format: what `json_extract` and `json_rows` make.
///
/// Everything that speaks Arrow takes it as it is and copies nothing: `pandas.DataFrame.from_arrow(table)` (pandas 3),
/// `pyarrow.table(table)`, `polars.DataFrame(table)`, and DuckDB finds it in a query by the name of its variable. An older
/// pandas takes `pandas.DataFrame(table.to_pydict())`; `pandas.DataFrame(table)` and `numpy.asarray(table)` are refused.
/// `table["name"]` is a column, `to_pydict()` and `to_pylist()` make Python objects. `len(table)` is the number of rows.
///
/// It cannot be changed, and may be used from any thread.
#[pyclass(frozen, name = "Table", module = "shoal.parallel")]
pub struct PyTable {
    batch: RecordBatch,
    errors: Vec<Py<PyAny>>,
    /// The first column of each name, made at the first look-up.
    places: OnceLock<HashMap<Box<str>, usize>>,
}

impl PyTable {
    /// Of columns, with the errors of the documents that are not in it.
    pub fn new(batch: RecordBatch, errors: Vec<Py<PyAny>>) -> Self {
        Self { batch, errors, places: OnceLock::new() }
    }

    fn columns(&self) -> impl Iterator<Item = (&str, &ArrayRef)> {
        let names = self.batch.schema_ref().fields().iter().map(|field| field.name().as_str());
        names.zip(self.batch.columns())
    }

    fn place(&self, name: &str) -> Option<usize> {
        let places = self.places.get_or_init(|| {
            let mut places = HashMap::with_capacity(self.batch.num_columns());
            for (place, (name, _)) in self.columns().enumerate() {
                places.entry(name.into()).or_insert(place);
            }
            places
        });
        places.get(name).copied()
    }

    fn column(&self, index: usize) -> Option<PyColumn> {
        let array = self.batch.columns().get(index)?;
        let field = self.batch.schema_ref().fields().get(index)?;
        Some(PyColumn::new(field.name(), array.clone(), Vec::new()))
    }

    /// The first rows as text, cell by cell.
    fn head(&self, py: Python<'_>) -> PyResult<Vec<Vec<String>>> {
        let rows = self.batch.num_rows().min(SHOWN);
        let readers = self.columns().map(|(_, array)| Values::of(array)).collect::<PyResult<Vec<_>>>()?;
        let cell = |value: &Bound<'_, PyAny>| {
            let text = value.str()?.to_string();
            Ok(shortened(&text, 80).unwrap_or(text))
        };
        let row = |index| readers.iter().map(|column| cell(&column.get(py, index)?)).collect();
        (0..rows).map(row).collect()
    }
}

#[pymethods]
impl PyTable {
    /// How many rows (int).
    #[getter]
    fn num_rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// How many columns (int).
    #[getter]
    fn num_columns(&self) -> usize {
        self.batch.num_columns()
    }

    /// Rows and columns (tuple of two int).
    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.batch.num_rows(), self.batch.num_columns())
    }

    /// The names of the columns, in order (list of str).
    #[getter]
    fn column_names(&self) -> Vec<&str> {
        self.columns().map(|(name, _)| name).collect()
    }

    /// With `on_error="return"`, an `ItemError` for each document that failed (list); else empty.
    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.errors.iter().map(|error| error.bind(py)))
    }

    /// The columns by name, each a list (dict of str to list). Arrays and objects of a document are their JSON text.
    fn to_pydict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let mut gil = GilYielder::new();
        for (name, array) in self.columns() {
            dict.set_item(name, Values::of(array)?.list(py)?)?;
            gil.step(py);
        }
        Ok(dict)
    }

    /// The rows, each a dict of the columns' names and its values (list of dict).
    fn to_pylist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let columns = self.columns().map(|(name, array)| Ok((PyString::new(py, name), Values::of(array)?)));
        let columns = columns.collect::<PyResult<Vec<_>>>()?;
        let rows = PyList::empty(py);
        let mut gil = GilYielder::new();
        for index in 0..self.batch.num_rows() {
            let row = PyDict::new(py);
            for (name, values) in &columns {
                row.set_item(name, values.get(py, index)?)?;
                gil.step(py);
            }
            rows.append(row)?;
        }
        Ok(rows)
    }

    /// Refused: NumPy, and `pandas.DataFrame(table)` by way of it, would take the columns for rows.
    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__(&self, dtype: Option<&Bound<'_, PyAny>>, copy: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let _ = (dtype, copy);
        Err(PyTypeError::new_err(
            "a Table is no array: use pandas.DataFrame.from_arrow(table) (pandas 3), \
             pandas.DataFrame(table.to_pydict()), or numpy.asarray(table[\"name\"]) for one column",
        ))
    }

    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }

    fn __getitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<PyColumn> {
        if let Ok(name) = key.cast::<PyString>() {
            let column = name.to_str().ok().and_then(|name| self.place(name)).and_then(|index| self.column(index));
            return column.ok_or_else(|| PyKeyError::new_err(key.clone().unbind()));
        }
        let Ok(index) = key.extract::<isize>() else {
            let given = key.get_type().name()?;
            return Err(PyTypeError::new_err(format!("a column is chosen by str or int, not {given}")));
        };
        let column = place(index, self.batch.num_columns()).and_then(|place| self.column(place));
        column.ok_or_else(|| {
            PyIndexError::new_err(format!("column {index} of a table with {}", self.batch.num_columns()))
        })
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        let name = name.cast::<PyString>().ok().and_then(|name| name.to_str().ok());
        name.is_some_and(|name| self.place(name).is_some())
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let columns = (0..self.batch.num_columns()).filter_map(|index| self.column(index));
        PyTuple::new(py, columns.collect::<Vec<_>>())?.try_iter()
    }

    /// The table as a stream of Arrow's C interface (a capsule), for libraries that import Arrow.
    ///
    /// Args:
    ///     requested_schema: a capsule with the schema that is wanted; followed where its types can be had.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let fields = self.batch.schema_ref().fields().clone();
        let field = Arc::new(Field::new("", DataType::Struct(fields), false));
        let rows: ArrayRef = Arc::new(StructArray::from(self.batch.clone()));
        let stream = Box::new(ArrayIterator::new([Ok(rows)], field));
        Ok(to_stream_pycapsule(py, stream, requested_schema)?)
    }

    /// The names and types of the columns as a schema of Arrow's C interface (a capsule).
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.batch.schema_ref().as_ref())?)
    }

    fn __repr__(&self) -> String {
        const SHOWN_COLUMNS: usize = 8;
        let mut text = format!("<Table {} rows × {} columns", self.batch.num_rows(), self.batch.num_columns());
        for (place, (name, array)) in self.columns().take(SHOWN_COLUMNS).enumerate() {
            let lead = if place == 0 { ": " } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{lead}{name} {}", type_name(array.data_type()));
        }
        if self.batch.num_columns() > SHOWN_COLUMNS {
            text.push_str(", …");
        }
        text.push('>');
        text
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        let mut html = String::from("<table><thead><tr>");
        for (name, array) in self.columns() {
            let kind = type_name(array.data_type());
            let _ = write!(html, "<th title=\"{}\">{}</th>", escape_html(&kind), escape_html(name));
        }
        html.push_str("</tr></thead><tbody>");
        for row in self.head(py)? {
            html.push_str("<tr>");
            for cell in row {
                let _ = write!(html, "<td>{}</td>", escape_html(&cell));
            }
            html.push_str("</tr>");
        }
        let (rows, columns) = self.shape();
        let _ = write!(html, "</tbody></table><p>{rows} rows × {columns} columns</p>");
        Ok(html)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.errors.iter().try_for_each(|error| visit.call(error))
    }
}
