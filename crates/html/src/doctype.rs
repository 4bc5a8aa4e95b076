//! `<!doctype html>` and its elders, which decide how old a page is to be treated.

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::Doctype;

/// Reads what is between `<!doctype` and `>`.
pub fn parse(text: &str) -> Doctype {
    let mut doctype = Doctype { name: None, public_id: None, system_id: None, force_quirks: false };
    let rest = text.trim_start_matches(is_space);
    let end = rest.find(is_space).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let rest = rest.trim_start_matches(is_space);
    if name.is_empty() {
        doctype.force_quirks = true;
        return doctype;
    }
    doctype.name = Some(StrTendril::from(name.to_ascii_lowercase().replace('\0', "\u{fffd}").as_str()));
    let Some(keyword) = rest.get(..6) else {
        doctype.force_quirks = !rest.is_empty();
        return doctype;
    };
    let rest = rest.get(6..).unwrap_or_default().trim_start_matches(is_space);
    let public = keyword.eq_ignore_ascii_case("public");
    if !public && !keyword.eq_ignore_ascii_case("system") {
        doctype.force_quirks = true;
        return doctype;
    }
    let Some((first, rest, whole)) = quoted(rest) else {
        doctype.force_quirks = true;
        return doctype;
    };
    doctype.force_quirks = !whole;
    if !public {
        doctype.system_id = Some(first);
        return doctype;
    }
    doctype.public_id = Some(first);
    let rest = rest.trim_start_matches(is_space);
    if !rest.is_empty() {
        match quoted(rest) {
            Some((second, _, whole)) => {
                doctype.system_id = Some(second);
                doctype.force_quirks = !whole;
            }
            None => doctype.force_quirks = true,
        }
    }
    doctype
}

/// A text in quotes, what follows, and whether the end quote is there.
fn quoted(text: &str) -> Option<(StrTendril, &str, bool)> {
    let quote = text.chars().next().filter(|char| matches!(char, '"' | '\''))?;
    let inner = text.get(1..)?;
    Some(match inner.split_once(quote) {
        Some((inside, rest)) => (StrTendril::from(inside), rest, true),
        None => (StrTendril::from(inner), "", false),
    })
}

fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\n' | '\t' | '\x0c')
}
