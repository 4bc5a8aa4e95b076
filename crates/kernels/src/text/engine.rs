//! The engines that search for one match: automata, and fancy-regex with a limit of steps for patterns that automata cannot
//! match.

use fancy_regex::{BytesMode, Error, Regex, RegexInput, RegexOptionsBuilder};
use regex_automata::util::pool::{Pool, PoolGuard};
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input, meta};
use regex_syntax::hir::Hir;

use super::byte_classes::{ByteClasses, ByteText};
use super::prefilter::{Budget, Found, Prefilter};
use super::shape::Shape;
use crate::error::KernelError;

/// The largest automaton, in bytes: `\w{200}` fits.
const MAX_SIZE: usize = 64 << 20;
/// The largest cache of states that are built while searching, in bytes.
const MAX_CACHE: usize = 4 << 20;

/// Steps of backtracking for one match: some tenths of a second.
const STEPS: usize = 10_000_000;
/// Steps for each byte of a long document besides: each place where no match begins takes two.
const STEPS_PER_BYTE: usize = 8;
/// The length of a long document.
const LONG: usize = 1 << 20;

/// The start and the end of the match, then of each group; `None` where a group took no part.
pub type Slots = [Option<NonMaxUsize>];

#[derive(Clone, Copy)]
pub enum Haystack<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Haystack<'a> {
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// The span of the match (0) or a group (from 1).
pub fn span(slots: &Slots, group: usize) -> Option<(usize, usize)> {
    let start = slots.get(2 * group).copied().flatten()?;
    let end = slots.get(2 * group + 1).copied().flatten()?;
    Some((start.get(), end.get()))
}

/// Writes a span to its two slots.
pub fn set_span(pair: &mut Slots, span: Option<(usize, usize)>) {
    if let [first, last] = pair {
        (*first, *last) = match span {
            Some((start, end)) => (NonMaxUsize::new(start), NonMaxUsize::new(end)),
            None => (None, None),
        };
    }
}

#[derive(Debug)]
pub enum Engine {
    Linear(Box<Linear>),
    Backtracking(Backtracking),
}

/// An automaton, and the memory for its searches. Taken once for a document: the pool of `meta::Regex` itself is visited
/// for each match.
#[derive(Debug)]
pub struct Linear {
    regex: meta::Regex,
    shape: Option<Shape>,
    byte_classes: Option<ByteClasses>,
    prefilter: Option<Prefilter>,
    memory: Pool<Memory, CreateMemory>,
}

type CreateMemory = Box<dyn Fn() -> Memory + Send + Sync>;

#[derive(Debug)]
pub struct Memory {
    pub cache: meta::Cache,
    pub byte_text: ByteText,
}

impl Engine {
    /// `byte_classes`: the automaton searches texts in that form.
    pub fn linear(regex: meta::Regex, hir: &Hir, byte_classes: Option<ByteClasses>) -> Self {
        // An accelerated automaton searches for something rarer already.
        let wanted = !regex.is_accelerated() && hir.properties().minimum_len() > Some(0);
        let prefilter = wanted.then(|| Prefilter::new(hir)).flatten();
        let source = regex.clone();
        let create = move || Memory { cache: source.create_cache(), byte_text: ByteText::default() };
        Self::Linear(Box::new(Linear {
            regex,
            shape: Shape::new(hir),
            byte_classes,
            prefilter,
            memory: Pool::new(Box::new(create)),
        }))
    }
}

impl Linear {
    pub fn byte_classes(&self) -> Option<&ByteClasses> {
        self.byte_classes.as_ref()
    }

    pub fn memory(&self) -> PoolGuard<'_, Memory, CreateMemory> {
        self.memory.get()
    }

    /// The next match from `at` on.
    #[inline]
    pub fn search(&self, cache: &mut meta::Cache, budget: &mut Budget, bytes: &[u8], at: usize, slots: &mut Slots) {
        let filtered = self.prefilter.as_ref().map_or(Found::Unknown(at), |filter| filter.find(bytes, at, budget));
        let input = Input::new(bytes);
        if slots.len() > 2 && self.shape.is_none() {
            slots.fill(None);
            match filtered {
                Found::Match(start, _) => {
                    let input = input.range(start..).anchored(Anchored::Yes);
                    self.regex.search_slots_with(cache, &input, slots);
                }
                Found::Nothing => {}
                Found::Unknown(at) => {
                    self.regex.search_slots_with(cache, &input.range(at..), slots);
                }
            }
            return;
        }
        let found = match filtered {
            Found::Match(start, end) => Some((start, end)),
            Found::Nothing => None,
            Found::Unknown(at) => {
                self.regex.search_with(cache, &input.range(at..)).map(|found| (found.start(), found.end()))
            }
        };
        let Some((start, end)) = found else {
            return slots.fill(None);
        };
        let (whole, groups) = slots.split_at_mut(2);
        set_span(whole, Some((start, end)));
        if let Some(shape) = &self.shape {
            for (pair, span) in groups.chunks_exact_mut(2).zip(shape.groups(start, end)) {
                set_span(pair, Some(span));
            }
        }
    }
}

/// The automaton of a parsed pattern. `utf8`: an empty match never splits a character.
pub fn automaton(hir: &Hir, utf8: bool) -> Result<meta::Regex, String> {
    let config = meta::Config::new().utf8_empty(utf8).nfa_size_limit(Some(MAX_SIZE)).hybrid_cache_capacity(MAX_CACHE);
    meta::Builder::new()
        .configure(config)
        .build_from_hir(hir)
        .map_err(|error| if error.size_limit().is_some() { "pattern too large".into() } else { one_line(&error) })
}

/// The message of an error without the drawing of the pattern above it: the last line.
pub fn one_line(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(&text);
    last.trim().trim_start_matches("error: ").to_owned()
}

#[derive(Debug)]
pub struct Backtracking {
    regex: Regex,
    pattern: String,
    bytes: bool,
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
