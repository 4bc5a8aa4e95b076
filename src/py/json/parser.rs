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
        at: 0,
        depth: DEPTH,
        elements: Vec::new(),
        scratch: Scratch::default(),
        keys: Keys::take(py),
        hold,
    };
    let first = parser.token();
    let value = parser.value(first)?;
    (parser.token() == 0 && parser.at >= parser.text.len()).then_some(value)
}

struct Parser<'a, 'py> {
    py: Python<'py>,
    text: &'a str,
    at: usize,
    depth: u32,
    /// Of the arrays that are not finished.
    elements: Vec<Bound<'py, PyAny>>,
    /// For strings with escapes.
    scratch: Scratch,
    keys: Keys<'py>,
    hold: Hold<'py>,
}

impl<'py> Parser<'_, 'py> {
    /// The byte here; 0, which nothing accepts, at the end.
    #[inline(always)]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// Skips blanks; the byte behind them.
    #[inline(always)]
    fn token(&mut self) -> u8 {
        let mut byte = self.byte();
        if byte == b' ' {
            self.at += 1;
            byte = self.byte();
        }
        if byte > b' ' {
            return byte;
        }
        self.blanks()
    }

    /// The same where a line ends.
    #[inline(never)]
    fn blanks(&mut self) -> u8 {
        while let Some(block) = self.text.as_bytes().get(self.at..).and_then(|rest| rest.first_chunk::<16>()) {
            let length = string::blanks(block);
            self.at += length;
            if length < block.len() {
                return self.byte();
            }
        }
        while let b' ' | b'\n' | b'\r' | b'\t' = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// The value whose first byte, which is `first`, is here.
    #[inline(always)]
    fn value(&mut self, first: u8) -> Option<Bound<'py, PyAny>> {
        match first {
            b'"' => self.string(),
            b'{' => self.object(),
            b'[' => self.array(),
            // Signs and digits in one go, as either may come; a number does not start with what is between them.
            b'-'..=b'9' => {
                let (value, end) = number::parse(self.py, self.text.as_bytes(), self.at)?;
                self.at = end;
                Some(value)
            }
            _ => self.word(first),
        }
    }

    #[inline(never)]
    fn word(&mut self, first: u8) -> Option<Bound<'py, PyAny>> {
        let py = self.py;
        let (word, value) = match first {
            b'n' => ("null", py.None().into_bound(py)),
            b't' => ("true", true.into_pyobject(py).ok()?.to_owned().into_any()),
            b'f' => ("false", false.into_pyobject(py).ok()?.to_owned().into_any()),
            b'N' => ("NaN", f64::NAN.into_pyobject(py).ok()?.into_any()),
            b'I' => ("Infinity", f64::INFINITY.into_pyobject(py).ok()?.into_any()),
            _ => return None,
        };
        let rest = self.text.as_bytes().get(self.at..)?;
        rest.starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            value
        })
    }

    #[inline(always)]
    fn string(&mut self) -> Option<Bound<'py, PyAny>> {
        let start = self.at + 1;
        let found = string::scan(self.text.as_bytes(), start)?;
        if found.plain() {
            let inner = self.text.get(start..found.end)?;
            self.at = found.end + 1;
            return string::object(self.py, inner, found.ascii);
        }
        self.escaped(start, &found)
    }

    #[inline(never)]
    fn escaped(&mut self, start: usize, found: &Scanned) -> Option<Bound<'py, PyAny>> {
        let (value, end) = escaped::unescape(self.py, self.text, start, found.end, found.ascii, &mut self.scratch)?;
        self.at = end;
        Some(value)
    }

    #[inline(always)]
    fn key(&mut self) -> Option<Bound<'py, PyAny>> {
        let start = self.at + 1;
        let found = string::scan(self.text.as_bytes(), start)?;
        if found.plain() {
            let inner = self.text.get(start..found.end)?;
            self.at = found.end + 1;
            return if found.ascii { self.keys.get(self.py, inner) } else { string::object(self.py, inner, false) };
        }
        self.escaped(start, &found)
    }

    #[inline(never)]
    fn array(&mut self) -> Option<Bound<'py, PyAny>> {
        self.at += 1;
        self.depth = self.depth.checked_sub(1)?;
        let base = self.elements.len();
        let mut first = self.token();
        if first != b']' {
            loop {
                let element = self.value(first)?;
                self.elements.push(element);
                match self.token() {
                    b',' => {
                        self.at += 1;
                        self.hold.progress(self.at);
                        first = self.token();
                    }
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.at += 1;
        self.depth += 1;
        self.list(base)
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
        for (place, element) in (0..length).zip(self.elements.drain(base..)) {
            // SAFETY: the list is new and has this place, which is empty; it takes the reference over.
            unsafe { ffi::PyList_SET_ITEM(list.as_ptr(), place, element.into_ptr()) };
        }
        Some(list)
    }

    #[inline(never)]
    fn object(&mut self) -> Option<Bound<'py, PyAny>> {
        self.at += 1;
        self.depth = self.depth.checked_sub(1)?;
        let dict = PyDict::new(self.py);
        let mut first = self.token();
        if first != b'}' {
            loop {
                if first != b'"' {
                    return None;
                }
                let key = self.key()?;
                if self.token() != b':' {
                    return None;
                }
                self.at += 1;
                let first_of_value = self.token();
                let value = self.value(first_of_value)?;
                // SAFETY: all three are alive, and `dict` is a dict that nobody else has.
                if unsafe { ffi::PyDict_SetItem(dict.as_ptr(), key.as_ptr(), value.as_ptr()) } != 0 {
                    drop(PyErr::take(self.py));
                    return None;
                }
                match self.token() {
                    b',' => {
                        self.at += 1;
                        self.hold.progress(self.at);
                        first = self.token();
                    }
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        self.at += 1;
        self.depth += 1;
        Some(dict.into_any())
    }
}
