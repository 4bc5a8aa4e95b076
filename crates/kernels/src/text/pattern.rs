//! Patterns: as `re` reads them, searched by the engines of the regex crate in linear time.
//!
//! A pattern with look-around or references needs backtracking, which may take for ever: fancy-regex does it, with a
//! limit of ten million steps a match, beyond which the document is a failure. It is slower than `re`, by up to three
//! times, unless all that makes the pattern hard is a look-ahead at its end. A `$` is such a look-ahead (it also matches
//! before a last newline) for documents that do end with one, and nothing special for all others.
//!
//! What differs from `re`, besides such failures:
//! - a repeat with rounds that match nothing (`(a*)*`, `(\b|x)*`) may end elsewhere, and its group hold another round's
//!   text;
//! - `\b` is at the edges of Unicode's words where a document is not searched in its narrow form (narrow.rs): combining
//!   marks and joiners belong to them, superscript digits and fractions do not;
//! - `\B` matches in an empty document, as it does from Python 3.14 on;
//! - `\N{…}` and the flag `L` are refused, and so are repeats of look-around by itself; look-behind may have alternatives
//!   of different lengths, and `\p{…}` is known.

use std::sync::OnceLock;

use regex_automata::meta;
use regex_syntax::hir::Hir;

use super::backtracking::Backtracking;
use super::narrow::Narrow;
use super::search::Engine;
use super::syntax::{Translated, translate};

/// Bytes of an automaton before a pattern is refused: `\w{200}` fits.
pub(super) const SIZE: usize = 64 << 20;
/// States that are built while searching, bytes.
const CACHE: usize = 4 << 20;

/// A compiled pattern: for texts, or for bytes.
#[derive(Debug)]
pub struct Pattern {
    bytes: bool,
    groups: usize,
    names: Vec<(String, usize)>,
    /// For documents that do not end with a newline, and patterns to which that makes no difference.
    pub(super) usual: Engine,
    /// For those that do, if the pattern has a `$`.
    pub(super) newline: Option<Engine>,
    /// The hard form, without empty matches; only where the pattern can match nothing.
    full: Option<Full>,
}

#[derive(Debug)]
struct Full {
    usual: String,
    newline: Option<String>,
    compiled: [OnceLock<Option<Backtracking>>; 2],
}

impl Pattern {
    /// For texts: characters, Unicode's classes.
    pub fn text(pattern: &str) -> Result<Self, String> {
        Self::new(pattern, false)
    }

    /// For bytes: each byte by itself, ASCII's classes.
    pub fn bytes(pattern: &[u8]) -> Result<Self, String> {
        // Byte by byte, as Latin-1: what `re` does.
        Self::new(&pattern.iter().map(|byte| char::from(*byte)).collect::<String>(), true)
    }

    fn new(pattern: &str, bytes: bool) -> Result<Self, String> {
        let Translated { pattern, spelled, exact, hard, groups, names } = translate(pattern, bytes)?;
        let backtracking = |pattern: &str| Backtracking::new(pattern, bytes, false).map(Engine::Backtracking);
        let (usual, empty) = if hard { (backtracking(&pattern)?, true) } else { linear(&pattern, bytes)? };
        let newline = exact.as_deref().map(backtracking).transpose()?;
        let full = empty.then(|| Full { usual: spelled, newline: exact, compiled: Default::default() });
        Ok(Self { bytes, groups, names, usual, newline, full })
    }

    /// How many groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whether it is for bytes.
    pub fn is_bytes(&self) -> bool {
        self.bytes
    }

    /// The number of a group that has this name.
    pub fn group(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
    }

    /// The engine for this document.
    pub(super) fn engine(&self, document: &[u8]) -> &Engine {
        match &self.newline {
            Some(engine) if document.ends_with(b"\n") => engine,
            _ => &self.usual,
        }
    }

    /// The same pattern, but for matches that are not empty; `None` where there are no empty ones.
    pub(super) fn full(&self, document: &[u8]) -> Option<&Backtracking> {
        let full = self.full.as_ref()?;
        let (slot, text) = match &full.newline {
            Some(newline) if document.ends_with(b"\n") => (1, newline),
            _ => (0, &full.usual),
        };
        // What can never match, or not be compiled this way, has no match that is not empty.
        full.compiled.get(slot)?.get_or_init(|| Backtracking::new(text, self.bytes, true).ok()).as_ref()
    }
}

/// The engine, and whether it may match nothing.
fn linear(pattern: &str, bytes: bool) -> Result<(Engine, bool), String> {
    let mut parser = regex_syntax::ParserBuilder::new();
    let hir = parser.unicode(!bytes).utf8(!bytes).build().parse(pattern).map_err(|error| one_line(&error))?;
    let empty = hir.properties().minimum_len() == Some(0);
    // What matches nothing is not worth it, and needs the text's own places.
    if !empty
        && let Some((narrow, hir)) = Narrow::of(&hir)
        && let Ok(regex) = automaton(&hir, false)
    {
        return Ok((Engine::linear(regex, &hir, Some(narrow)), false));
    }
    Ok((Engine::linear(automaton(&hir, !bytes)?, &hir, None), empty))
}

fn automaton(hir: &Hir, utf8: bool) -> Result<meta::Regex, String> {
    let config = meta::Config::new().utf8_empty(utf8).nfa_size_limit(Some(SIZE)).hybrid_cache_capacity(CACHE);
    meta::Builder::new()
        .configure(config)
        .build_from_hir(hir)
        .map_err(|error| if error.size_limit().is_some() { "pattern too large".into() } else { one_line(&error) })
}

/// The crates draw the pattern, and an arrow below it; the last line says what is wrong.
pub(super) fn one_line(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(&text);
    last.trim().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests;
