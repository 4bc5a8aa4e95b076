//! The engines that search for one match.

use regex_automata::util::pool::{Pool, PoolGuard};
use regex_automata::{Anchored, Input, meta};
use regex_syntax::hir::Hir;

use super::backtracking::Backtracking;
use super::byte_classes::{ByteClasses, ByteText};
use super::prefilter::{Budget, Found, Prefilter};
use super::shape::{Shape, fixed_length};
use super::slots::{Slots, set_span};

/// An engine.
#[derive(Debug)]
pub enum Engine {
    /// The automata of the regex crate.
    Linear(Box<Linear>),
    /// fancy-regex.
    Backtracking(Backtracking),
}

/// An automaton, and the memory for its searches. Taken once for a document: the pool of `meta::Regex` itself is visited
/// for each match.
#[derive(Debug)]
pub struct Linear {
    regex: meta::Regex,
    shape: Option<Shape>,
    /// The length of every match, if it is always the same; then only the end is searched for.
    length: Option<usize>,
    byte_classes: Option<ByteClasses>,
    prefilter: Option<Prefilter>,
    memory: Pool<Memory, CreateMemory>,
}

type CreateMemory = Box<dyn Fn() -> Memory + Send + Sync>;

/// The memory of a search.
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
            length: fixed_length(hir),
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

    /// Memory for the searches in one document.
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
        let found = match (filtered, self.length) {
            (Found::Match(start, end), _) => Some((start, end)),
            (Found::Nothing, _) => None,
            (Found::Unknown(at), Some(length)) => {
                let end = self.regex.search_half_with(cache, &input.range(at..));
                end.map(|end| (end.offset() - length, end.offset()))
            }
            (Found::Unknown(at), None) => {
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
