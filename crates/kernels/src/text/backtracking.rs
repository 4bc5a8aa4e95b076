//! Patterns that automata cannot do: fancy-regex, within a limit of steps.

use fancy_regex::{BytesMode, Error, Regex, RegexInput, RegexOptionsBuilder};

use super::pattern::{SIZE, one_line};
use super::search::{Document, Slots, set};
use crate::error::KernelError;

/// Steps of backtracking for one match: some tenths of a second.
const STEPS: usize = 10_000_000;
/// Steps for each byte of a long document besides, since two are taken for each place where no match begins.
const STEPS_A_BYTE: usize = 8;
const LONG: usize = 1 << 20;

/// A pattern for backtracking.
#[derive(Debug)]
pub struct Backtracking {
    regex: Regex,
    pattern: String,
    bytes: bool,
    /// Only matches that are not empty.
    full: bool,
}

impl Backtracking {
    pub fn new(pattern: &str, bytes: bool, full: bool) -> Result<Self, String> {
        let regex = compile(pattern, bytes, full, STEPS)?;
        Ok(Self { regex, pattern: pattern.to_owned(), bytes, full })
    }

    /// The same for a document so long that looking for a match would use up its steps. (The limit is the pattern's.)
    pub fn for_long(&self, length: usize) -> Result<Option<Self>, KernelError> {
        if length < LONG {
            return Ok(None);
        }
        let steps = length.saturating_mul(STEPS_A_BYTE).saturating_add(STEPS);
        let regex = compile(&self.pattern, self.bytes, self.full, steps).map_err(KernelError::internal)?;
        Ok(Some(Self { regex, pattern: String::new(), ..*self }))
    }

    /// The next match from `at` on; `anchored`: at `at`.
    pub fn search(
        &self,
        document: Document<'_>,
        at: usize,
        anchored: bool,
        slots: &mut Slots,
    ) -> Result<(), KernelError> {
        slots.fill(None);
        macro_rules! search {
            ($document:expr) => {{
                let input = RegexInput::new($document).from_pos(at).anchored(anchored);
                // Groups cost an allocation each time.
                if slots.len() > 2 {
                    let captures = self.regex.captures_input(input).map_err(|error| failure(&error))?;
                    for (index, pair) in slots.chunks_exact_mut(2).enumerate() {
                        let group = captures.as_ref().and_then(|captures| captures.get(index));
                        set(pair, group.map(|group| (group.start(), group.end())));
                    }
                } else {
                    let found = self.regex.find_input(input).map_err(|error| failure(&error))?;
                    set(slots, found.map(|found| (found.start(), found.end())));
                }
            }};
        }
        match document {
            Document::Text(text) => search!(text),
            Document::Bytes(bytes) => search!(bytes),
        }
        Ok(())
    }
}

fn compile(pattern: &str, bytes: bool, full: bool, steps: usize) -> Result<Regex, String> {
    RegexOptionsBuilder::new()
        .bytes_mode(if bytes { BytesMode::Ascii } else { BytesMode::Unicode })
        .backtrack_limit(steps)
        .delegate_size_limit(SIZE)
        .find_not_empty(full)
        .build(pattern.to_owned())
        .map_err(|error| match error {
            // Its position is one in the translated pattern.
            Error::ParseError(_, error) => one_line(&error),
            error => one_line(&error),
        })
}

fn failure(error: &Error) -> KernelError {
    match error {
        Error::RuntimeError(_) => KernelError::value("the pattern takes too many steps of backtracking here"),
        other => KernelError::internal(other.to_string()),
    }
}
