//! Arrow values as Python objects.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, BinaryArray, BooleanArray, FixedSizeListArray, LargeBinaryArray, LargeListArray, LargeStringArray,
    ListArray, PrimitiveArray, StringArray,
};
use arrow_schema::DataType;
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyString};

use crate::bridge::yield_gil::GilYielder;

/// An array whose type has been looked at once, and not for each value.
pub struct Values<'a> {
    array: &'a dyn Array,
    kind: TypedArray<'a>,
}

enum TypedArray<'a> {
    Null,
    Bool(&'a BooleanArray),
    Int8(&'a PrimitiveArray<Int8Type>),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    Uint8(&'a PrimitiveArray<UInt8Type>),
    Uint16(&'a PrimitiveArray<UInt16Type>),
    Uint32(&'a PrimitiveArray<UInt32Type>),
    Uint64(&'a PrimitiveArray<UInt64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Text(&'a StringArray),
    LargeText(&'a LargeStringArray),
    Bytes(&'a BinaryArray),
    LargeBytes(&'a LargeBinaryArray),
    List(&'a ListArray, Box<Values<'a>>),
    LargeList(&'a LargeListArray, Box<Values<'a>>),
    FixedList(&'a FixedSizeListArray, Box<Values<'a>>),
}

impl<'a> Values<'a> {
    /// Of an array; a `TypeError` if Python has no such values.
    pub fn of(array: &'a dyn Array) -> PyResult<Self> {
        let kind = Self::kind(array)?;
        let unknown = || PyTypeError::new_err(format!("no Python objects for {}", type_name(array.data_type())));
        Ok(Self { array, kind: kind.ok_or_else(unknown)? })
    }

    fn kind(array: &'a dyn Array) -> PyResult<Option<TypedArray<'a>>> {
        Ok(match array.data_type() {
            DataType::Null => Some(TypedArray::Null),
            DataType::Boolean => array.as_boolean_opt().map(TypedArray::Bool),
            DataType::Int8 => array.as_primitive_opt().map(TypedArray::Int8),
            DataType::Int16 => array.as_primitive_opt().map(TypedArray::Int16),
            DataType::Int32 => array.as_primitive_opt().map(TypedArray::Int32),
            DataType::Int64 => array.as_primitive_opt().map(TypedArray::Int64),
            DataType::UInt8 => array.as_primitive_opt().map(TypedArray::Uint8),
            DataType::UInt16 => array.as_primitive_opt().map(TypedArray::Uint16),
            DataType::UInt32 => array.as_primitive_opt().map(TypedArray::Uint32),
            DataType::UInt64 => array.as_primitive_opt().map(TypedArray::Uint64),
            DataType::Float32 => array.as_primitive_opt().map(TypedArray::Float32),
            DataType::Float64 => array.as_primitive_opt().map(TypedArray::Float64),
            DataType::Utf8 => array.as_string_opt().map(TypedArray::Text),
            DataType::LargeUtf8 => array.as_string_opt().map(TypedArray::LargeText),
            DataType::Binary => array.as_binary_opt().map(TypedArray::Bytes),
            DataType::LargeBinary => array.as_binary_opt().map(TypedArray::LargeBytes),
            DataType::List(_) => match array.as_list_opt() {
                Some(list) => Some(TypedArray::List(list, Box::new(Self::of(list.values())?))),
                None => None,
            },
            DataType::LargeList(_) => match array.as_list_opt() {
                Some(list) => Some(TypedArray::LargeList(list, Box::new(Self::of(list.values())?))),
                None => None,
            },
            DataType::FixedSizeList(..) => match array.as_fixed_size_list_opt() {
                Some(list) => Some(TypedArray::FixedList(list, Box::new(Self::of(list.values())?))),
                None => None,
            },
            _ => None,
        })
    }

    /// The value at a place that there is.
    pub fn get<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        if self.array.is_null(index) {
            return Ok(py.None().into_bound(py));
        }
        Ok(match &self.kind {
            TypedArray::Null => py.None().into_bound(py),
            TypedArray::Bool(array) => PyBool::new(py, array.value(index)).to_owned().into_any(),
            TypedArray::Int8(array) => array.value(index).into_bound_py_any(py)?,
            TypedArray::Int16(array) => array.value(index).into_bound_py_any(py)?,
            TypedArray::Int32(array) => array.value(index).into_bound_py_any(py)?,
            TypedArray::Int64(array) => PyInt::new(py, array.value(index)).into_any(),
            TypedArray::Uint8(array) => array.value(index).into_bound_py_any(py)?,
            TypedArray::Uint16(array) => array.value(index).into_bound_py_any(py)?,
            TypedArray::Uint32(array) => array.value(index).into_bound_py_any(py)?,
            TypedArray::Uint64(array) => PyInt::new(py, array.value(index)).into_any(),
            TypedArray::Float32(array) => array.value(index).into_bound_py_any(py)?,
            TypedArray::Float64(array) => PyFloat::new(py, array.value(index)).into_any(),
            TypedArray::Text(array) => PyString::new(py, array.value(index)).into_any(),
            TypedArray::LargeText(array) => PyString::new(py, array.value(index)).into_any(),
            TypedArray::Bytes(array) => PyBytes::new(py, array.value(index)).into_any(),
            TypedArray::LargeBytes(array) => PyBytes::new(py, array.value(index)).into_any(),
            TypedArray::List(array, values) => {
                let offsets = array.value_offsets();
                let at = |place: usize| offsets.get(place).map_or(0, |offset| *offset as usize);
                values.part(py, at(index), at(index + 1))?.into_any()
            }
            TypedArray::LargeList(array, values) => {
                let offsets = array.value_offsets();
                let at = |place: usize| offsets.get(place).map_or(0, |offset| *offset as usize);
                values.part(py, at(index), at(index + 1))?.into_any()
            }
            TypedArray::FixedList(array, values) => {
                let start = array.value_offset(index) as usize;
                values.part(py, start, start + array.value_length() as usize)?.into_any()
            }
        })
    }

    /// All of them.
    pub fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let mut gil = GilYielder::new();
        for index in 0..self.array.len() {
            list.append(self.get(py, index)?)?;
            gil.step(py);
        }
        Ok(list)
    }

    fn part<'py>(&self, py: Python<'py>, start: usize, end: usize) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for index in start..end {
            list.append(self.get(py, index)?)?;
        }
        Ok(list)
    }
}

/// The name of a type, as Arrow's specification has it.
pub fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Boolean => "bool".into(),
        DataType::LargeUtf8 => "large_utf8".into(),
        DataType::LargeBinary => "large_binary".into(),
        DataType::List(field) => format!("list<{}>", type_name(field.data_type())),
        DataType::LargeList(field) => format!("large_list<{}>", type_name(field.data_type())),
        DataType::FixedSizeList(field, size) => format!("fixed_size_list<{}, {size}>", type_name(field.data_type())),
        other => other.to_string().to_lowercase(),
    }
}
