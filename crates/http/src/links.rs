//! The `Link` header (RFC 8288), parsed as leniently as by requests, but with commas and semicolons in quotes.

#[cfg(test)]
mod tests;

use std::collections::HashSet;

/// One link: its target and its parameters, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// The target as written, possibly relative.
    pub url: String,
    /// Names in lower case and values; the first of a name counts.
    pub parameters: Vec<(String, String)>,
}

impl Link {
    /// The key in `Response.links`: the relation or else the target.
    pub fn key(&self) -> &str {
        self.parameters.iter().find(|(name, _)| name == "rel").map_or(&self.url, |(_, value)| value)
    }
}

/// Parses the links of one header value.
pub fn parse(value: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((url, after)) = after.split_once('>') else { break };
        let mut link = Link { url: url.trim().to_owned(), parameters: Vec::new() };
        // A header has room for thousands of names, too many to search a list for each.
        let mut names = HashSet::new();
        rest = after;
        loop {
            rest = rest.trim_start();
            let Some(after) = rest.strip_prefix(';') else { break };
            let name_ends = after.find(['=', ';', ',']).unwrap_or(after.len());
            let (name, after) = after.split_at(name_ends);
            let (text, after) = match after.strip_prefix('=') {
                Some(after) => parameter_value(after.trim_start()),
                None => (String::new(), after),
            };
            let name = name.trim().to_ascii_lowercase();
            if !name.is_empty() && names.insert(name.clone()) {
                link.parameters.push((name, text));
            }
            rest = after;
        }
        links.push(link);
    }
    links
}

/// A quoted string or the text up to the next separator, and the rest.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.trim().trim_matches('\'').to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}
