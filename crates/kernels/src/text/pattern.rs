//! Patterns: as `re` reads them, searched by the engines of the regex crate in linear time.
//!
//! A pattern with look-around or references needs backtracking, which may take for ever: fancy-regex searches for it, with
//! a limit of ten million steps for a match, beyond which the document fails. It is up to three times as slow as `re`,
//! unless only a look-ahead at its end needs backtracking. A `$` is such a look-ahead, as it also matches before a final
//! newline, for documents that end with one; for all others it needs no backtracking.
//!
//! Differences from `re`, besides such errors:
//! - a repeat with empty rounds (`(a*)*`, `(\b|x)*`) may end elsewhere, and its group hold another round's text;
//! - `\b` is at the edges of Unicode's words where a document is not searched in byte classes (byte_classes.rs): combining
//!   marks and joiners belong to them, superscript digits and fractions do not;
//! - `\B` matches in an empty document, as it does from Python 3.14 on;
//! - `\N{…}` and the flag `L` are refused, and so are repeats of a look-around by itself; look-behind may have alternatives
//!   of different lengths, and `\p{…}` is supported.

use std::sync::OnceLock;

use super::byte_classes::ByteClasses;
use super::engine::{Backtracking, Engine, automaton, one_line};
use super::syntax::{Translated, translate};

/// A compiled pattern, for texts or for bytes.
#[derive(Debug)]
pub struct Pattern {
    bytes: bool,
    groups: usize,
    names: Vec<(String, usize)>,
    /// For documents that do not end with a newline, and for patterns without `$`.
    usual: Engine,
    /// For documents that end with a newline, if the pattern has a `$`.
    before_newline: Option<Engine>,
    /// The backtracking form without empty matches, if the pattern has empty matches.
    non_empty: Option<NonEmpty>,
}

/// Compiled when it is first needed.
#[derive(Debug)]
struct NonEmpty {
    usual: String,
    before_newline: Option<String>,
    compiled: [OnceLock<Option<Backtracking>>; 2],
}

impl Pattern {
    /// For texts: characters, and Unicode's classes.
    pub fn text(pattern: &str) -> Result<Self, String> {
        Self::new(pattern, false)
    }

    /// For bytes: each byte by itself, and ASCII's classes.
    pub fn bytes(pattern: &[u8]) -> Result<Self, String> {
        // Bytes are translated as Latin-1, as in `re`.
        Self::new(&pattern.iter().map(|byte| char::from(*byte)).collect::<String>(), true)
    }

    fn new(pattern: &str, bytes: bool) -> Result<Self, String> {
        let Translated { pattern, backtracking, before_newline, hard, groups, names } = translate(pattern, bytes)?;
        let engine = |pattern: &str| Backtracking::new(pattern, bytes, false).map(Engine::Backtracking);
        let (usual, has_empty) = if hard { (engine(&pattern)?, true) } else { linear(&pattern, bytes)? };
        let newline_engine = before_newline.as_deref().map(engine).transpose()?;
        let non_empty =
            has_empty.then(|| NonEmpty { usual: backtracking, before_newline, compiled: Default::default() });
        Ok(Self { bytes, groups, names, usual, before_newline: newline_engine, non_empty })
    }

    /// The number of groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whether it is for bytes.
    pub fn is_bytes(&self) -> bool {
        self.bytes
    }

    /// The number of the group with this name.
    pub(super) fn group(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
    }

    /// The engine for this document.
    pub(super) fn engine(&self, document: &[u8]) -> &Engine {
        match &self.before_newline {
            Some(engine) if document.ends_with(b"\n") => engine,
            _ => &self.usual,
        }
    }

    /// The pattern restricted to matches that are not empty; `None` if it has no empty ones.
    pub(super) fn non_empty(&self, document: &[u8]) -> Option<&Backtracking> {
        let non_empty = self.non_empty.as_ref()?;
        let (slot, pattern) = match &non_empty.before_newline {
            Some(pattern) if document.ends_with(b"\n") => (1, pattern),
            _ => (0, &non_empty.usual),
        };
        // A pattern that can never match, or cannot be compiled this way, has no match that is not empty.
        let compile = || Backtracking::new(pattern, self.bytes, true).ok();
        non_empty.compiled.get(slot)?.get_or_init(compile).as_ref()
    }
}

/// The engine, and whether it has empty matches.
fn linear(pattern: &str, bytes: bool) -> Result<(Engine, bool), String> {
    let mut parser = regex_syntax::ParserBuilder::new();
    let hir = parser.unicode(!bytes).utf8(!bytes).build().parse(pattern).map_err(|error| one_line(&error))?;
    let has_empty = hir.properties().minimum_len() == Some(0);
    // Empty matches need the positions of the text itself.
    if !has_empty
        && let Some((classes, hir)) = ByteClasses::new(&hir)
        && let Ok(regex) = automaton(&hir, false)
    {
        return Ok((Engine::linear(regex, &hir, Some(classes)), false));
    }
    Ok((Engine::linear(automaton(&hir, !bytes)?, &hir, None), has_empty))
}

#[cfg(test)]
mod tests;
