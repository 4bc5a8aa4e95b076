//! One pass over a document, with a call of the builder for each value.

use super::block;
use super::number::{self, Number};
use super::string::{self, Scratch, Text};

/// The deepest nesting that is accepted: each level is a recursive call.
const MAX_DEPTH: u32 = 200;

/// Makes a value for each JSON value that [`parse`] reads. Each method can end the parse by returning `None`.
pub trait Builder {
    /// A value of any kind.
    type Value;

    /// The value of `null`.
    fn null(&mut self) -> Option<Self::Value>;

    /// The value of `true` or `false`.
    fn boolean(&mut self, value: bool) -> Option<Self::Value>;

    /// The value of a number.
    fn number(&mut self, number: Number<'_>) -> Option<Self::Value>;

    /// The value of a string.
    fn string(&mut self, text: Text<'_>) -> Option<Self::Value>;

    /// The name of a member.
    fn key(&mut self, text: Text<'_>) -> Option<Self::Value>;

    /// An array of `elements[first..]`. The method removes these elements from `elements`.
    fn array(&mut self, elements: &mut Vec<Self::Value>, first: usize) -> Option<Self::Value>;

    /// An object without members.
    fn object(&mut self) -> Option<Self::Value>;

    /// Adds a member to an object. It replaces an earlier member with an equal name.
    fn insert(&mut self, object: &mut Self::Value, key: Self::Value, value: Self::Value) -> Option<()>;

    /// Called after each element and member with the position in the document, in bytes.
    #[inline(always)]
    fn progress(&mut self, _position: usize) {}
}

/// The value of a document without byte order mark. `None` if it is not JSON, is nested too deeply, has half of a
/// surrogate pair, or the builder refused.
pub fn parse<B: Builder>(text: &str, builder: B) -> Option<B::Value> {
    let mut parser = Parser { text, builder, depth: MAX_DEPTH, elements: Vec::new(), scratch: Scratch::default() };
    let (first, at) = parser.token(0);
    let (value, at) = parser.value(first, at)?;
    (parser.token(at).1 >= text.len()).then_some(value)
}

/// A recursive-descent parser.
///
/// The position is no field but an argument and a result of the methods: so it stays in a register, and no read of a
/// byte waits for the position to be loaded from memory.
struct Parser<'a, B: Builder> {
    text: &'a str,
    builder: B,
    /// Levels of nesting that are still allowed.
    depth: u32,
    /// A stack of the elements of all unfinished arrays: the length of an array is known only at its end.
    elements: Vec<B::Value>,
    scratch: Scratch,
}

impl<B: Builder> Parser<'_, B> {
    #[inline(always)]
    fn token(&self, at: usize) -> (u8, usize) {
        block::token(self.text.as_bytes(), at)
    }

    /// The value at `at`, whose first byte is `first`, and where it ends.
    #[inline(always)]
    fn value(&mut self, first: u8, at: usize) -> Option<(B::Value, usize)> {
        match first {
            b'"' => {
                let (text, quote) = string::read(self.text, at + 1, &mut self.scratch)?;
                Some((self.builder.string(text)?, quote + 1))
            }
            b'{' => self.object(at),
            b'[' => self.array(at),
            // One range for the sign and the digits, as either may begin a number. `.` and `/`, which are in the range,
            // begin none: `read` refuses them.
            b'-'..=b'9' => match number::read(self.text, at) {
                Some((number, end)) => Some((self.builder.number(number)?, end)),
                None => self.word(first, at),
            },
            _ => self.word(first, at),
        }
    }

    #[inline(never)]
    fn word(&mut self, first: u8, at: usize) -> Option<(B::Value, usize)> {
        let rest = self.text.as_bytes().get(at..)?;
        let builder = &mut self.builder;
        // A constant in each arm: the compiler makes one comparison of it. A word of variable length would be a call.
        let (value, length) = match first {
            b'n' if rest.starts_with(b"null") => (builder.null()?, 4),
            b't' if rest.starts_with(b"true") => (builder.boolean(true)?, 4),
            b'f' if rest.starts_with(b"false") => (builder.boolean(false)?, 5),
            b'N' if rest.starts_with(b"NaN") => (builder.number(Number::Float(f64::NAN))?, 3),
            b'I' if rest.starts_with(b"Infinity") => (builder.number(Number::Float(f64::INFINITY))?, 8),
            b'-' if rest.starts_with(b"-Infinity") => (builder.number(Number::Float(f64::NEG_INFINITY))?, 9),
            _ => return None,
        };
        Some((value, at + length))
    }

    /// Reads what follows an element or member: whether another one comes, then the first byte and the position of it,
    /// or of the closing bracket.
    #[inline(always)]
    fn more(&mut self, end: usize, close: u8) -> Option<(bool, u8, usize)> {
        let (byte, at) = self.token(end);
        if byte != b',' {
            return (byte == close).then_some((false, byte, at));
        }
        self.builder.progress(at);
        let (first, at) = self.token(at + 1);
        Some((true, first, at))
    }

    #[inline(never)]
    fn array(&mut self, at: usize) -> Option<(B::Value, usize)> {
        self.depth = self.depth.checked_sub(1)?;
        let base = self.elements.len();
        let (mut first, mut at) = self.token(at + 1);
        let mut more = first != b']';
        while more {
            let (element, end) = self.value(first, at)?;
            self.elements.try_reserve(1).ok()?;
            self.elements.push(element);
            (more, first, at) = self.more(end, b']')?;
        }
        self.depth += 1;
        Some((self.builder.array(&mut self.elements, base)?, at + 1))
    }

    #[inline(never)]
    fn object(&mut self, at: usize) -> Option<(B::Value, usize)> {
        self.depth = self.depth.checked_sub(1)?;
        let mut object = self.builder.object()?;
        let (mut first, mut at) = self.token(at + 1);
        let mut more = first != b'}';
        while more {
            if first != b'"' {
                return None;
            }
            let (name, quote) = string::read(self.text, at + 1, &mut self.scratch)?;
            let key = self.builder.key(name)?;
            let (colon, end) = self.token(quote + 1);
            if colon != b':' {
                return None;
            }
            let (first_of_value, start) = self.token(end + 1);
            let (value, end) = self.value(first_of_value, start)?;
            self.builder.insert(&mut object, key, value)?;
            (more, first, at) = self.more(end, b'}')?;
        }
        self.depth += 1;
        Some((object, at + 1))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests;
