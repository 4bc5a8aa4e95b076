//! A parser of JSON that makes Python objects as it reads.
//!
//! It takes what `json.loads` takes, but for what is rare, and says no without a reason to everything else: whoever asks
//! has `json.loads` judge then. One pass, no tree in between: elements of an array wait on a stack until their number is
//! known and the list is made in its final size; members go into their dict at once.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use simdutf8::basic::from_utf8;

use super::escaped::Scratch;
use super::hold::Hold;
use super::keys::Keys;
use super::string::{self, Scanned};
use super::{escaped, number};

/// Deeper nesting is refused: each level takes some stack.
const DEPTH: u32 = 200;

/// The value of a text in UTF-8, or `None` if it is broken, or odd.
pub fn parse<'py>(py: Python<'py>, text: &[u8]) -> Option<Bound<'py, PyAny>> {
    let mut hold = Hold::new(py, text.len());
    let checked = if hold.lends() { hold.lend(|| from_utf8(text)) } else { from_utf8(text) };
    let mut parser = Parser {
        py,
        text: checked.ok()?,
        depth: DEPTH,
        elements: Vec::new(),
        scratch: Scratch::default(),
        keys: Keys::take(py),
        hold,
    };
    let (first, at) = parser.token(0);
    let (value, at) = parser.value(first, at)?;
    (parser.token(at).1 >= parser.text.len()).then_some(value)
}

/// Where it is in the text goes from function to function, and so stays in a register: from memory each byte would wait
/// for it.
struct Parser<'a, 'py> {
    py: Python<'py>,
    text: &'a str,
    depth: u32,
    /// Of the arrays that are not finished.
    elements: Vec<Bound<'py, PyAny>>,
    /// For strings with escapes.
    scratch: Scratch,
    keys: Keys<'py>,
    hold: Hold<'py>,
}

impl<'py> Parser<'_, 'py> {
    /// The byte at `at`; 0, which nothing accepts, at the end.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// The first byte from `at` on that is no blank, and where it is.
    #[inline(always)]
    fn token(&self, mut at: usize) -> (u8, usize) {
        let mut byte = self.byte(at);
        if byte > b' ' {
            return (byte, at);
        }
        if byte == b' ' {
            at += 1;
            byte = self.byte(at);
            if byte > b' ' {
                return (byte, at);
            }
        }
        // A line ends: most often the next one is indented by less than 16.
        if let Some(block) = self.text.as_bytes().get(at..).and_then(|rest| rest.first_chunk::<16>()) {
            at += string::blanks(block);
            byte = self.byte(at);
            if byte > b' ' {
                return (byte, at);
            }
        }
        self.blanks(at)
    }

    /// The same where there are more.
    #[inline(never)]
    fn blanks(&self, mut at: usize) -> (u8, usize) {
        while let Some(block) = self.text.as_bytes().get(at..).and_then(|rest| rest.first_chunk::<16>()) {
            let length = string::blanks(block);
            at += length;
            if length < block.len() {
                return (self.byte(at), at);
            }
        }
        while let b' ' | b'\n' | b'\r' | b'\t' = self.byte(at) {
            at += 1;
        }
        (self.byte(at), at)
    }

    /// The value at `at`, whose first byte is `first`, and where it ends.
    #[inline(always)]
    fn value(&mut self, first: u8, at: usize) -> Option<(Bound<'py, PyAny>, usize)> {
        match first {
            b'"' => self.string(at),
            b'{' => self.object(at),
            b'[' => self.array(at),
            // Signs and digits in one go, as either may come; a number does not start with what is between them.
            b'-'..=b'9' => number::parse(self.py, self.text.as_bytes(), at),
            _ => self.word(first, at),
        }
    }

    #[inline(never)]
    fn word(&self, first: u8, at: usize) -> Option<(Bound<'py, PyAny>, usize)> {
        let py = self.py;
        let rest = self.text.as_bytes().get(at..)?;
        // One by one: to compare with a text of any length is a call.
        let (value, length) = match first {
            b'n' if rest.starts_with(b"null") => (py.None().into_bound(py), 4),
            b't' if rest.starts_with(b"true") => (true.into_pyobject(py).ok()?.to_owned().into_any(), 4),
            b'f' if rest.starts_with(b"false") => (false.into_pyobject(py).ok()?.to_owned().into_any(), 5),
            b'N' if rest.starts_with(b"NaN") => (f64::NAN.into_pyobject(py).ok()?.into_any(), 3),
            b'I' if rest.starts_with(b"Infinity") => (f64::INFINITY.into_pyobject(py).ok()?.into_any(), 8),
            _ => return None,
        };
        Some((value, at + length))
    }

    #[inline(always)]
    fn string(&mut self, at: usize) -> Option<(Bound<'py, PyAny>, usize)> {
        let start = at + 1;
        let found = string::scan(self.text.as_bytes(), start)?;
        if found.plain() {
            return Some((string::object(self.py, self.text, start..found.end, found.ascii)?, found.end + 1));
        }
        self.escaped(start, &found)
    }

    #[inline(never)]
    fn escaped(&mut self, start: usize, found: &Scanned) -> Option<(Bound<'py, PyAny>, usize)> {
        escaped::unescape(self.py, self.text, start, found.end, found.ascii, &mut self.scratch)
    }

    #[inline(always)]
    fn key(&mut self, at: usize) -> Option<(Bound<'py, PyAny>, usize)> {
        let start = at + 1;
        let found = string::scan(self.text.as_bytes(), start)?;
        if found.plain() && found.ascii {
            return Some((self.keys.get(self.py, self.text.as_bytes().get(start..found.end)?)?, found.end + 1));
        }
        self.other_key(start, &found)
    }

    #[inline(never)]
    fn other_key(&mut self, start: usize, found: &Scanned) -> Option<(Bound<'py, PyAny>, usize)> {
        if found.plain() {
            return Some((string::object(self.py, self.text, start..found.end, false)?, found.end + 1));
        }
        self.escaped(start, found)
    }

    #[inline(never)]
    fn array(&mut self, at: usize) -> Option<(Bound<'py, PyAny>, usize)> {
        self.depth = self.depth.checked_sub(1)?;
        let base = self.elements.len();
        let (mut first, mut at) = self.token(at + 1);
        if first != b']' {
            loop {
                let (element, end) = self.value(first, at)?;
                self.elements.push(element);
                let (next, place) = self.token(end);
                at = place;
                match next {
                    b',' => {
                        self.hold.progress(at);
                        (first, at) = self.token(at + 1);
                    }
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.depth += 1;
        Some((self.list(base)?, at + 1))
    }

    fn list(&mut self, base: usize) -> Option<Bound<'py, PyAny>> {
        let elements = self.elements.get(base..)?;
        let length = ffi::Py_ssize_t::try_from(elements.len()).ok()?;
        // SAFETY: attached, as `self.py` shows. The result is a new reference, or null with an exception.
        let list = unsafe { Bound::from_owned_ptr_or_opt(self.py, ffi::PyList_New(length)) };
        let Some(list) = list else {
            drop(PyErr::take(self.py));
            return None;
        };
        // SAFETY: the list is new and has as many places, all empty (none at all where it has no elements); it takes
        // the references over, which are pointers, and then they are no longer in the vector.
        unsafe {
            let places = (*list.as_ptr().cast::<ffi::PyListObject>()).ob_item;
            places.cast::<Bound<'py, PyAny>>().copy_from_nonoverlapping(elements.as_ptr(), elements.len());
            self.elements.set_len(base);
        }
        Some(list)
    }

    #[inline(never)]
    fn object(&mut self, at: usize) -> Option<(Bound<'py, PyAny>, usize)> {
        self.depth = self.depth.checked_sub(1)?;
        let dict = PyDict::new(self.py);
        let (mut first, mut at) = self.token(at + 1);
        if first != b'}' {
            loop {
                if first != b'"' {
                    return None;
                }
                let (key, end) = self.key(at)?;
                let (colon, end) = self.token(end);
                if colon != b':' {
                    return None;
                }
                let (first_of_value, start) = self.token(end + 1);
                let (value, end) = self.value(first_of_value, start)?;
                // SAFETY: all three are alive, and `dict` is a dict that nobody else has.
                if unsafe { ffi::PyDict_SetItem(dict.as_ptr(), key.as_ptr(), value.as_ptr()) } != 0 {
                    drop(PyErr::take(self.py));
                    return None;
                }
                let (next, place) = self.token(end);
                at = place;
                match next {
                    b',' => {
                        self.hold.progress(at);
                        (first, at) = self.token(at + 1);
                    }
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        self.depth += 1;
        Some((dict.into_any(), at + 1))
    }
}
