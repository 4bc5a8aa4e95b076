//! Arrow data from other libraries, in the capsules of Arrow's C data interface.

use std::ffi::CStr;
use std::ptr::NonNull;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use super::arguments::WANTED;
use shoal_kernels::arrow::{ArrowArrays, ArrowError};

/// The arrays that `docs` exports, as one array or as a stream.
pub fn import(docs: &Bound<'_, PyAny>) -> PyResult<ArrowArrays> {
    let py = docs.py();
    // pyarrow knows the sizes of its buffers and compares the offsets with them when asked; it reads no value.
    if docs.get_type().module()?.to_str()?.starts_with("pyarrow") && docs.hasattr(intern!(py, "validate"))? {
        docs.call_method0(intern!(py, "validate"))?;
    }
    let arrays = if docs.hasattr(intern!(py, "__arrow_c_array__"))? {
        let exported = docs.call_method0(intern!(py, "__arrow_c_array__"))?;
        let (schema, array) = exported
            .cast::<PyTuple>()?
            .extract::<(Bound<'_, PyCapsule>, Bound<'_, PyCapsule>)>()
            .map_err(|_| PyTypeError::new_err("docs: __arrow_c_array__ must return two capsules"))?;
        let (schema, array) = (content::<FFI_ArrowSchema>(&schema, c"arrow_schema")?, content(&array, c"arrow_array")?);
        // SAFETY: both capsules are alive and have the names of these structures. This thread is attached and calls no Python
        // code, so no other thread uses them meanwhile. The array is moved out, as the interface prescribes: the capsule
        // keeps a released one. What the structures point to, their producer answers for.
        unsafe { ArrowArrays::from_array(schema.as_ref(), FFI_ArrowArray::from_raw(array.as_ptr())) }
    } else {
        let capsule = docs.call_method0(intern!(py, "__arrow_c_stream__"))?;
        let stream = content::<FFI_ArrowArrayStream>(capsule.cast::<PyCapsule>()?, c"arrow_array_stream")?;
        // SAFETY: the capsule is alive and has the name of this structure, and only this attached thread uses it. The stream
        // is moved out, as the interface prescribes: the capsule keeps a released one. Its producer answers for it.
        unsafe { ArrowArrays::from_stream(FFI_ArrowArrayStream::from_raw(stream.as_ptr())) }
    };
    arrays.map_err(to_python)
}

/// A pointer to the structure in a capsule of this name.
fn content<T>(capsule: &Bound<'_, PyCapsule>, name: &CStr) -> PyResult<NonNull<T>> {
    let wrong = || PyTypeError::new_err(format!("docs: not a capsule of Arrow's C interface ({name:?} wanted)"));
    Ok(capsule.pointer_checked(Some(name)).map_err(|_| wrong())?.cast())
}

/// The exception for an array that cannot be read.
pub fn to_python(error: ArrowError) -> PyErr {
    match error {
        ArrowError::Type(kind) => {
            PyTypeError::new_err(format!("docs must be an array of strings or bytes, not of {kind}"))
        }
        ArrowError::Null(index) => {
            PyTypeError::new_err(format!("docs[{index}] must be {WANTED}, not null; leave nulls out"))
        }
        ArrowError::Invalid(message) => PyValueError::new_err(format!("docs: {message}")),
    }
}
