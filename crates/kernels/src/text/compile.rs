//! Compiles patterns to automata.

use regex_automata::meta;
use regex_syntax::hir::Hir;

/// The largest automaton, in bytes: `\w{200}` fits.
pub const MAX_SIZE: usize = 64 << 20;
/// The largest cache of states that are built while searching, in bytes.
const MAX_CACHE: usize = 4 << 20;

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
