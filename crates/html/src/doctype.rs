//! `<!doctype html>` and the older document types, which put a page into quirks mode.

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::Doctype;

/// Parses the text between `<!doctype` and `>`.
pub(crate) fn parse(text: &str) -> Doctype {
    let mut doctype = Doctype { name: None, public_id: None, system_id: None, force_quirks: false };
    doctype.force_quirks = fill(&mut doctype, text).is_none();
    doctype
}

/// Fills in the parts of a doctype; `None` if it is malformed.
fn fill(doctype: &mut Doctype, text: &str) -> Option<()> {
    let text = text.trim_ascii_start();
    let end = text.find(|char: char| char.is_ascii_whitespace()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    doctype.name = Some(StrTendril::from(name.to_ascii_lowercase().replace('\0', "\u{fffd}").as_str()));
    let rest = rest.trim_ascii_start();
    if rest.is_empty() {
        return Some(());
    }
    let (keyword, rest) = (rest.get(..6)?, rest.get(6..)?);
    if keyword.eq_ignore_ascii_case("system") {
        return quoted(&mut doctype.system_id, rest).map(|_| ());
    }
    if !keyword.eq_ignore_ascii_case("public") {
        return None;
    }
    let rest = quoted(&mut doctype.public_id, rest)?;
    if rest.trim_ascii_start().is_empty() { Some(()) } else { quoted(&mut doctype.system_id, rest).map(|_| ()) }
}

/// Stores the quoted text at the start of `text`, even without its end quote; the rest after the quote.
fn quoted<'a>(id: &mut Option<StrTendril>, text: &'a str) -> Option<&'a str> {
    let text = text.trim_ascii_start();
    let quote = text.chars().next().filter(|char| matches!(char, '"' | '\''))?;
    let inner = text.get(1..)?;
    let (inside, rest) = inner.split_once(quote).map_or((inner, None), |(inside, rest)| (inside, Some(rest)));
    *id = Some(StrTendril::from(inside));
    rest
}
