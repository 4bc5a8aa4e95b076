//! `Column`: an Arrow array in Python, with the buffer protocol for contiguous numbers.

use std::ffi::{CStr, c_int, c_void};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, FixedSizeListArray, LargeStringArray, PrimitiveArray};
use arrow_schema::{DataType, Field, FieldRef};
use pyo3::exceptions::{PyBufferError, PyIndexError, PyTypeError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyCapsule, PyFloat, PyInt, PyIterator, PyList, PyString, PyTuple};
use pyo3_arrow::ffi::{ArrayIterator, to_array_pycapsules, to_schema_pycapsule, to_stream_pycapsule};

use crate::bridge::detach::GilYielder;

/// A column in memory, in Arrow's format: a sequence of values, some of which may be missing (`None`).
///
/// `pyarrow.array(column)`, `polars.Series(column)` and whatever else speaks Arrow take it as it is. Numbers without
/// missing values also have the buffer protocol: `numpy.asarray(column)` copies nothing (two dimensions, for a column
/// of lists of one length).
///
/// It cannot be changed, and may be used from any thread.
#[pyclass(frozen, sequence, name = "Column", module = "shoal.parallel")]
pub struct PyColumn {
    field: FieldRef,
    array: ArrayRef,
    /// Rows, and values per row. For the buffer protocol, whose views keep pointers to this field and the next.
    shape: [ffi::Py_ssize_t; 2],
    /// Bytes from row to row, and from value to value.
    strides: [ffi::Py_ssize_t; 2],
    errors: Vec<Py<PyAny>>,
}

/// The memory of an array of numbers, as the buffer protocol describes it.
struct Numbers {
    start: *const c_void,
    /// The length in bytes.
    bytes: usize,
    /// Bytes of a number.
    size: usize,
    /// The format of a number as in the `struct` module, in native sizes.
    format: &'static CStr,
    /// Numbers per row of a fixed-size list; `None` if a row is one number.
    width: Option<usize>,
}

impl Numbers {
    /// `None` for an array with nulls or of another type.
    fn of(array: &dyn Array) -> Option<Self> {
        if array.null_count() > 0 {
            return None;
        }
        let (bytes, size, format): (&[u8], usize, _) = match array.data_type() {
            DataType::Int64 => (array.as_primitive_opt::<Int64Type>()?.values().inner().as_slice(), 8, c"q"),
            DataType::UInt64 => (array.as_primitive_opt::<UInt64Type>()?.values().inner().as_slice(), 8, c"Q"),
            DataType::Float64 => (array.as_primitive_opt::<Float64Type>()?.values().inner().as_slice(), 8, c"d"),
            DataType::UInt32 => (array.as_primitive_opt::<UInt32Type>()?.values().inner().as_slice(), 4, c"I"),
            DataType::FixedSizeList(_, width) => {
                let list = array.as_fixed_size_list_opt()?;
                let inner = Self::of(list.values()).filter(|inner| inner.width.is_none())?;
                return Some(Self { width: Some(usize::try_from(*width).ok()?), ..inner });
            }
            _ => return None,
        };
        let start = bytes.as_ptr().cast();
        Some(Self { start, bytes: bytes.len(), size, format, width: None })
    }
}

impl PyColumn {
    /// A column of an Arrow array, with the errors of the documents whose values are missing.
    pub fn new(name: &str, array: ArrayRef, errors: Vec<Py<PyAny>>) -> Self {
        let field = Arc::new(Field::new(name, array.data_type().clone(), true));
        let signed = |number: usize| ffi::Py_ssize_t::try_from(number).unwrap_or(0);
        let (shape, strides) = match Numbers::of(&array) {
            Some(numbers) => {
                let width = numbers.width.unwrap_or(1);
                let strides = [signed(numbers.size * width), signed(numbers.size)];
                ([signed(array.len()), signed(width)], strides)
            }
            None => ([0, 0], [0, 0]),
        };
        Self { field, array, shape, strides, errors }
    }

    /// The first values, as `repr` shows them.
    fn head(&self, py: Python<'_>) -> PyResult<String> {
        const SHOWN: usize = 5;
        let first = self.array.slice(0, self.array.len().min(SHOWN));
        let shown = Values::of(&first)?.list(py)?.repr()?.to_string();
        Ok(match shortened(&shown, 200) {
            Some(short) => short,
            None if self.array.len() > SHOWN => shown.trim_end_matches(']').to_owned() + ", …]",
            None => shown,
        })
    }
}

/// The offset for a Python index, which may count from the end. `None` if it is out of range.
pub fn place(index: isize, length: usize) -> Option<usize> {
    let place = if index < 0 { index.saturating_add_unsigned(length) } else { index };
    usize::try_from(place).ok().filter(|place| *place < length)
}

/// The first `longest` characters of a text, and an ellipsis. `None` if the text has no more.
pub fn shortened(text: &str, longest: usize) -> Option<String> {
    let (end, _) = text.char_indices().nth(longest)?;
    Some(text.get(..end).unwrap_or_default().to_owned() + "…")
}

#[pymethods]
impl PyColumn {
    /// The column's name (str); may be empty.
    #[getter]
    fn name(&self) -> &str {
        self.field.name()
    }

    /// The type of its values, as Arrow calls it (str): `int64`, `uint64`, `float64`, `bool`, `large_utf8`, `null` …
    #[getter]
    fn r#type(&self) -> String {
        type_name(self.array.data_type())
    }

    /// How many values are missing (int).
    #[getter]
    fn null_count(&self) -> usize {
        self.array.logical_null_count()
    }

    /// With `on_error="return"`, an `ItemError` for each document that failed (list); else empty.
    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.errors.iter().map(|error| error.bind(py)))
    }

    /// The values (list).
    fn to_pylist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        Values::of(&self.array)?.list(py)
    }

    fn __len__(&self) -> usize {
        self.array.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        match place(index, self.array.len()) {
            Some(place) => Values::of(&self.array)?.get(py, place),
            None => Err(PyIndexError::new_err(format!("value {index} of a column with {}", self.array.len()))),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.to_pylist(py)?.try_iter()
    }

    /// The column as an array of Arrow's C interface (two capsules), for libraries that import Arrow.
    ///
    /// Args:
    ///     requested_schema: a capsule with the type that is wanted; followed where it can be had.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        Ok(to_array_pycapsules(py, self.field.clone(), &self.array, requested_schema)?)
    }

    /// The column as a stream of Arrow's C interface (a capsule), of one array.
    ///
    /// Args:
    ///     requested_schema: a capsule with the type that is wanted; followed where it can be had.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let stream = Box::new(ArrayIterator::new([Ok(self.array.clone())], self.field.clone()));
        Ok(to_stream_pycapsule(py, stream, requested_schema)?)
    }

    /// The column's name and type as a schema of Arrow's C interface (a capsule).
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.field.as_ref())?)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (name, kind) = (self.field.name(), type_name(self.array.data_type()));
        Ok(format!("<Column {name:?} {kind}, {} values: {}>", self.array.len(), self.head(py)?))
    }

    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let column = slf.get();
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        // SAFETY: CPython passes a view that is valid for writing. On failure its object has to be null.
        unsafe { (*view).obj = std::ptr::null_mut() };
        let Some(numbers) = Numbers::of(&column.array) else {
            let kind = type_name(column.array.data_type());
            let nulls = if column.array.null_count() > 0 { " with missing values" } else { "" };
            return Err(PyBufferError::new_err(format!("a column of {kind}{nulls} has no buffer; see to_pylist()")));
        };
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("a column cannot be changed"));
        }
        let wants = |flag: c_int| flags & flag == flag;
        let dimensions: c_int = if numbers.width.is_some() { 2 } else { 1 };
        let format = if wants(ffi::PyBUF_FORMAT) { numbers.format.as_ptr().cast_mut() } else { std::ptr::null_mut() };
        let shape = if wants(ffi::PyBUF_ND) { column.shape.as_ptr().cast_mut() } else { std::ptr::null_mut() };
        let strides = if wants(ffi::PyBUF_STRIDES) { column.strides.as_ptr().cast_mut() } else { std::ptr::null_mut() };
        let length = ffi::Py_ssize_t::try_from(numbers.bytes)
            .map_err(|_| PyBufferError::new_err("the column is too large for a buffer"))?;
        // SAFETY: `view` is valid for writing. Values, shape and strides belong to the frozen column, which the view keeps alive
        // with `obj`, and which never moves or changes them; the view is read-only.
        unsafe {
            (*view).buf = numbers.start.cast_mut();
            (*view).len = length;
            (*view).readonly = 1;
            (*view).itemsize = ffi::Py_ssize_t::try_from(numbers.size).unwrap_or(1);
            (*view).format = format;
            (*view).ndim = if wants(ffi::PyBUF_ND) { dimensions } else { 1 };
            (*view).shape = shape;
            (*view).strides = strides;
            (*view).suboffsets = std::ptr::null_mut();
            (*view).internal = std::ptr::null_mut();
            (*view).obj = slf.clone().into_ptr();
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.errors.iter().try_for_each(|error| visit.call(error))
    }
}

/// An array with its concrete type, which is looked up once and not for each value.
pub struct Values<'a> {
    array: &'a dyn Array,
    kind: TypedArray<'a>,
}

/// The Arrow types that kernels produce.
enum TypedArray<'a> {
    Null,
    Bool(&'a BooleanArray),
    Int64(&'a PrimitiveArray<Int64Type>),
    Uint32(&'a PrimitiveArray<UInt32Type>),
    Uint64(&'a PrimitiveArray<UInt64Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Text(&'a LargeStringArray),
    List(&'a FixedSizeListArray, Box<Values<'a>>),
}

impl<'a> Values<'a> {
    /// The values of an array. A `TypeError` if its type has no counterpart in Python.
    pub fn of(array: &'a dyn Array) -> PyResult<Self> {
        let kind = match array.data_type() {
            DataType::Null => Some(TypedArray::Null),
            DataType::Boolean => array.as_boolean_opt().map(TypedArray::Bool),
            DataType::Int64 => array.as_primitive_opt().map(TypedArray::Int64),
            DataType::UInt32 => array.as_primitive_opt().map(TypedArray::Uint32),
            DataType::UInt64 => array.as_primitive_opt().map(TypedArray::Uint64),
            DataType::Float64 => array.as_primitive_opt().map(TypedArray::Float64),
            DataType::LargeUtf8 => array.as_string_opt().map(TypedArray::Text),
            DataType::FixedSizeList(..) => match array.as_fixed_size_list_opt() {
                Some(list) => Some(TypedArray::List(list, Box::new(Self::of(list.values())?))),
                None => None,
            },
            _ => None,
        };
        let unknown = || PyTypeError::new_err(format!("no Python objects for {}", type_name(array.data_type())));
        Ok(Self { array, kind: kind.ok_or_else(unknown)? })
    }

    /// The value at `index`, which must be below the length.
    pub fn get<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        if self.array.is_null(index) {
            return Ok(py.None().into_bound(py));
        }
        Ok(match &self.kind {
            TypedArray::Null => py.None().into_bound(py),
            TypedArray::Bool(array) => PyBool::new(py, array.value(index)).to_owned().into_any(),
            TypedArray::Int64(array) => PyInt::new(py, array.value(index)).into_any(),
            TypedArray::Uint32(array) => PyInt::new(py, array.value(index)).into_any(),
            TypedArray::Uint64(array) => PyInt::new(py, array.value(index)).into_any(),
            TypedArray::Float64(array) => PyFloat::new(py, array.value(index)).into_any(),
            TypedArray::Text(array) => PyString::new(py, array.value(index)).into_any(),
            TypedArray::List(array, values) => {
                let list = PyList::empty(py);
                let start = array.value_offset(index) as usize;
                for index in start..start + array.value_length() as usize {
                    list.append(values.get(py, index)?)?;
                }
                list.into_any()
            }
        })
    }

    /// All values. Releases the GIL now and then.
    pub fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let mut gil = GilYielder::new();
        for index in 0..self.array.len() {
            list.append(self.get(py, index)?)?;
            gil.step(py);
        }
        Ok(list)
    }
}

/// The name of a type in Arrow's specification.
pub fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Boolean => "bool".into(),
        DataType::LargeUtf8 => "large_utf8".into(),
        DataType::FixedSizeList(field, size) => format!("fixed_size_list<{}, {size}>", type_name(field.data_type())),
        other => other.to_string().to_lowercase(),
    }
}
