//! One pass over a document, with a call of the builder for each value.

use super::block;
use super::number::{self, Number};
use super::string::{self, Scratch, Text};

/// Nesting beyond this is refused: each level takes some stack.
const MAX_DEPTH: u32 = 200;

/// Makes values of what [`parse`] reads. `None` ends the parse.
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

    /// An array of the `elements` from `first` on, which it removes there.
    fn array(&mut self, elements: &mut Vec<Self::Value>, first: usize) -> Option<Self::Value>;

    /// An object without members.
    fn object(&mut self) -> Option<Self::Value>;

    /// Adds a member to an object; of equal names the last one counts.
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

/// The position is no field: passed from function to function it stays in a register, and no byte waits for memory.
struct Parser<'a, B: Builder> {
    text: &'a str,
    builder: B,
    /// Levels that are left.
    depth: u32,
    /// Of the arrays that are not finished: their number is known at the end only.
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
            // One range for sign and digits, as either may come; what is between them is not a number.
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
        // One comparison for each: with a word of any length it would be a call.
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

    /// After an element or member: whether there is another one, and the first byte of it or of the end.
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
