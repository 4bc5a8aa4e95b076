//! Arrow arrays from strangers: nothing is read outside of buffers that have the sizes which Arrow's C data interface
//! prescribes, whatever lengths, offsets, views and nulls say; and what arrow-array accepts has the same values.
#![no_main]

use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::{Array, ArrayRef, make_array};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::DataType;
use libfuzzer_sys::fuzz_target;
use shoal_kernels::arrow::{ArrowArrays, ArrowError};

/// The type of the exported array, and that of the same layout which arrow-array reads without a look at UTF-8.
static TYPES: [(DataType, DataType); 6] = [
    (DataType::Utf8, DataType::Binary),
    (DataType::Binary, DataType::Binary),
    (DataType::LargeUtf8, DataType::LargeBinary),
    (DataType::LargeBinary, DataType::LargeBinary),
    (DataType::Utf8View, DataType::BinaryView),
    (DataType::BinaryView, DataType::BinaryView),
];

const MOST_VALUES: usize = 256;
/// Bytes of the largest buffer; offsets that ask for more are skipped.
const LARGEST: i64 = 1 << 16;

fuzz_target!(|input: &[u8]| {
    let mut input = Input(input);
    let (exported, read) = &TYPES[usize::from(input.byte()) % TYPES.len()];
    let Some(array) = Exported::new(read, &mut input) else { return };
    let schema = FFI_ArrowSchema::try_from(exported).expect("a schema");
    let pointers = array.pointers();
    // SAFETY: the buffers have the prescribed sizes, and outlive the documents.
    let arrays = unsafe { ArrowArrays::from_array(&schema, array.export(&pointers)) }.expect("a type that is read");
    // SAFETY: the documents are dropped before the arrays.
    let documents = unsafe { arrays.documents() };
    let values = documents.map(|documents| {
        documents.iter().map(|document| document.bytes().expect("bytes").into_owned()).collect::<Vec<_>>()
    });
    black_box(&values);
    let Some(reference) = array.reference(read) else { return };
    match (0..reference.len()).find(|index| reference.is_null(*index)) {
        Some(index) => assert_eq!(values, Err(ArrowError::Null(index))),
        None => assert_eq!(values, Ok((0..reference.len()).map(|index| value(&reference, index)).collect())),
    }
});

fn value(array: &ArrayRef, index: usize) -> Vec<u8> {
    match array.data_type() {
        DataType::Binary => array.as_binary::<i32>().value(index).to_vec(),
        DataType::LargeBinary => array.as_binary::<i64>().value(index).to_vec(),
        _ => array.as_binary_view().value(index).to_vec(),
    }
}

/// The fuzzer's bytes; zeros after their end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A small number, below zero now and then, or the largest there is.
    fn number(&mut self) -> i64 {
        match self.byte() {
            0x7f => i64::MAX,
            byte => i64::from(byte.cast_signed()),
        }
    }

    /// A number of two bytes.
    fn long(&mut self) -> i64 {
        i64::from(i16::from_le_bytes([self.byte(), self.byte()]))
    }

    fn bytes(&mut self, length: usize) -> Box<[u8]> {
        (0..length).map(|_| self.byte()).collect()
    }
}

/// An array whose buffers have exactly the prescribed sizes, so that the address sanitizer sees every read beyond.
struct Exported {
    offset: i64,
    length: i64,
    null_count: i64,
    validity: Box<[u8]>,
    table: Box<[u8]>,
    data: Vec<Box<[u8]>>,
    /// The lengths of the data, for views.
    lengths: Option<Box<[u8]>>,
    /// A bit for each buffer that is a null pointer.
    missing: u8,
    /// If not 0, only two buffers are counted, or fewer.
    uncounted: usize,
}

impl Exported {
    fn new(kind: &DataType, input: &mut Input<'_>) -> Option<Self> {
        let (offset, length, null_count) = (input.number(), input.number(), input.number());
        let (missing, uncounted) = match input.byte() {
            choice @ 0xe0.. => (input.byte(), usize::from(choice) % 8),
            _ => (0, 0),
        };
        // Arrays of no possible size have no buffers at all.
        let end = if offset < 0 || length < 0 { 0 } else { usize::try_from(offset.saturating_add(length)).ok()? };
        let end = if end > MOST_VALUES { 0 } else { end };
        let validity = input.bytes(end.div_ceil(8));
        let (mut table, mut data, mut lengths) = (Vec::new(), Vec::new(), None);
        if matches!(kind, DataType::BinaryView) {
            let mut all = Vec::new();
            for _ in 0..input.byte() % 3 {
                let length = input.number().min(256);
                all.extend_from_slice(&length.to_ne_bytes());
                data.push(input.bytes(usize::try_from(length).unwrap_or(0)));
            }
            lengths = Some(all.into());
            for _ in 0..end {
                table.extend_from_slice(&view(input, &data));
            }
        } else {
            let rising = input.byte() % 2 == 0;
            let mut last = 0;
            for _ in 0..=end {
                last = if rising { last + i64::from(input.byte() % 16) } else { input.long() };
                match kind {
                    DataType::Binary => table.extend_from_slice(&(last as i32).to_ne_bytes()),
                    _ => table.extend_from_slice(&last.to_ne_bytes()),
                }
            }
            if last > LARGEST {
                return None;
            }
            data.push(input.bytes(usize::try_from(last).unwrap_or(0)));
        }
        Some(Self { offset, length, null_count, validity, table: table.into(), data, lengths, missing, uncounted })
    }

    fn pointers(&self) -> Box<[*const c_void]> {
        let buffers = [&self.validity, &self.table].into_iter().chain(&self.data).chain(&self.lengths);
        let pointer = |(index, buffer): (usize, &Box<[u8]>)| match self.missing >> index.min(7) & 1 {
            0 => buffer.as_ptr().cast::<c_void>(),
            _ => ptr::null(),
        };
        buffers.enumerate().map(pointer).collect()
    }

    fn export(&self, pointers: &[*const c_void]) -> FFI_ArrowArray {
        // With fewer buffers the last one of views would have another size: that of the lengths.
        let count = if self.uncounted == 0 { pointers.len() } else { 2_usize.saturating_sub(self.uncounted - 1) };
        FFI_ArrowArray {
            length: self.length,
            null_count: self.null_count,
            offset: self.offset,
            n_buffers: count as i64,
            n_children: 0,
            buffers: pointers.as_ptr().cast_mut(),
            children: ptr::null_mut(),
            dictionary: ptr::null_mut(),
            release: Some(release),
            private_data: ptr::null_mut(),
        }
    }

    /// The same array as arrow-array has it, if it accepts it.
    fn reference(&self, kind: &DataType) -> Option<ArrayRef> {
        let lengths = self.lengths.iter().flat_map(|lengths| lengths.as_chunks().0);
        if self.missing != 0 || self.uncounted != 0 || lengths.copied().any(|length| i64::from_ne_bytes(length) < 0) {
            return None;
        }
        let number = |number: i64| usize::try_from(number).ok().filter(|number| *number <= MOST_VALUES);
        let (offset, length) = (number(self.offset)?, number(self.length)?);
        let mut buffers = vec![Buffer::from(&*self.table)];
        buffers.extend(self.data.iter().map(|data| Buffer::from(&**data)));
        let validity = (self.null_count != 0).then(|| Buffer::from(&*self.validity));
        let data = ArrayData::try_new(kind.clone(), length, validity, offset, buffers, Vec::new()).ok()?;
        Some(make_array(data))
    }
}

/// A view that often fits its data, and then begins with the bytes it should.
fn view(input: &mut Input<'_>, data: &[Box<[u8]>]) -> [u8; 16] {
    let length = input.number().min(i64::from(i32::MAX)) as i32;
    let mut view = [0; 16];
    view[..4].copy_from_slice(&length.to_ne_bytes());
    if length <= 12 {
        let inline = input.bytes(usize::try_from(length).unwrap_or(12));
        view[4..4 + inline.len()].copy_from_slice(&inline);
        return view;
    }
    let (buffer, offset) = (i32::from(input.byte().cast_signed() % 4), input.number().min(1 << 20) as i32);
    let start = usize::try_from(offset).unwrap_or(0);
    let prefix = usize::try_from(buffer).ok().and_then(|buffer| data.get(buffer)?.get(start..start + 4));
    view[4..8].copy_from_slice(prefix.unwrap_or_default().first_chunk().unwrap_or(&[0; 4]));
    view[8..12].copy_from_slice(&buffer.to_ne_bytes());
    view[12..].copy_from_slice(&offset.to_ne_bytes());
    view
}

unsafe extern "C" fn release(array: *mut FFI_ArrowArray) {
    // SAFETY: called with the array that is being released.
    unsafe { (*array).release = None };
}
