//! Patterns that automata cannot match: fancy-regex, with a limit of steps.

use fancy_regex::{BytesMode, Error, Regex, RegexInput, RegexOptionsBuilder};

use super::compile::{MAX_SIZE, one_line};
use super::slots::{Haystack, Slots, set_span};
use crate::error::KernelError;

/// Steps of backtracking for one match: some tenths of a second.
const STEPS: usize = 10_000_000;
/// Steps for each byte of a long document besides: each place where no match begins takes two.
const STEPS_PER_BYTE: usize = 8;
/// The length of a long document.
const LONG: usize = 1 << 20;

/// A pattern for backtracking.
#[derive(Debug)]
pub struct Backtracking {
    regex: Regex,
    pattern: String,
    bytes: bool,
    /// Only matches that are not empty.
    non_empty: bool,
}

impl Backtracking {
    pub fn new(pattern: &str, bytes: bool, non_empty: bool) -> Result<Self, String> {
        let regex = compile(pattern, bytes, non_empty, STEPS)?;
        Ok(Self { regex, pattern: pattern.to_owned(), bytes, non_empty })
    }

    /// The same pattern with a higher limit, for a document so long that the search for a match takes all steps. (The limit
    /// belongs to the compiled pattern.)
    pub fn for_long(&self, length: usize) -> Result<Option<Self>, KernelError> {
        if length < LONG {
            return Ok(None);
        }
        let steps = length.saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS);
        let regex = compile(&self.pattern, self.bytes, self.non_empty, steps).map_err(KernelError::internal)?;
        Ok(Some(Self { regex, pattern: String::new(), ..*self }))
    }

    /// The next match from `at` on; with `anchored`, one that begins at `at`.
    pub fn search(
        &self,
        haystack: Haystack<'_>,
        at: usize,
        anchored: bool,
        slots: &mut Slots,
    ) -> Result<(), KernelError> {
        slots.fill(None);
        macro_rules! search {
            ($haystack:expr) => {{
                let input = RegexInput::new($haystack).from_pos(at).anchored(anchored);
                // Groups cost an allocation each time.
                if slots.len() > 2 {
                    let captures = self.regex.captures_input(input).map_err(|error| search_error(&error))?;
                    for (index, pair) in slots.chunks_exact_mut(2).enumerate() {
                        let group = captures.as_ref().and_then(|captures| captures.get(index));
                        set_span(pair, group.map(|group| (group.start(), group.end())));
                    }
                } else {
                    let found = self.regex.find_input(input).map_err(|error| search_error(&error))?;
                    set_span(slots, found.map(|found| (found.start(), found.end())));
                }
            }};
        }
        match haystack {
            Haystack::Text(text) => search!(text),
            Haystack::Bytes(bytes) => search!(bytes),
        }
        Ok(())
    }
}

fn compile(pattern: &str, bytes: bool, non_empty: bool, steps: usize) -> Result<Regex, String> {
    RegexOptionsBuilder::new()
        .bytes_mode(if bytes { BytesMode::Ascii } else { BytesMode::Unicode })
        .backtrack_limit(steps)
        .delegate_size_limit(MAX_SIZE)
        .find_not_empty(non_empty)
        .build(pattern.to_owned())
        .map_err(|error| match error {
            // Its position is one in the translated pattern.
            Error::ParseError(_, error) => one_line(&error),
            error => one_line(&error),
        })
}

fn search_error(error: &Error) -> KernelError {
    match error {
        Error::RuntimeError(_) => KernelError::value("the pattern takes too many steps of backtracking here"),
        other => KernelError::internal(other.to_string()),
    }
}
