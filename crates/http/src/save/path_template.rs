//! `save_to`: a path with the placeholders `{index}`, `{index:05}` and `{name}`, written as in Python's `str.format`.
//!
//! The template itself is the caller's and is taken literally, `..` and absolute paths included. A name may come from
//! anywhere, so it is made safe ([`safe_name`]): whatever it contains, it is one component of the path or part of one.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::fmt::Write;
use std::path::PathBuf;

use url::Url;

use super::names::{safe_name, shorten};
use crate::redact::redact_url;

/// The longest file name of the common file systems, in bytes.
const MAX_NAME: usize = 255;

/// A parsed `save_to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    /// The parts between separators; never empty.
    components: Vec<Vec<Part>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Index { width: usize, zeros: bool },
    Name,
}

impl PathTemplate {
    /// Parses a template such as `"out/{index:05}.json"`. `{{` and `}}` stand for braces. Folders are separated by `/`
    /// (on Windows also by `\`).
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("invalid save_to {text:?}: {why}"));
        let (mut components, mut parts, mut literal) = (Vec::new(), Vec::new(), String::new());
        let end_literal = |parts: &mut Vec<Part>, literal: &mut String| {
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(literal)));
            }
        };
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            match char {
                '{' | '}' if chars.as_str().starts_with(char) => {
                    chars.next();
                    literal.push(char);
                }
                '}' => return wrong("single '}', write '}}' for a brace"),
                '{' => {
                    let Some((field, rest)) = chars.as_str().split_once('}') else {
                        return wrong("'{' without '}', write '{{' for a brace");
                    };
                    chars = rest.chars();
                    end_literal(&mut parts, &mut literal);
                    match placeholder(field) {
                        Ok(part) => parts.push(part),
                        Err(why) => return wrong(&why),
                    }
                }
                '\0' => return wrong("it has a NUL character"),
                _ if std::path::is_separator(char) => {
                    end_literal(&mut parts, &mut literal);
                    components.push(std::mem::take(&mut parts));
                }
                _ => literal.push(char),
            }
        }
        end_literal(&mut parts, &mut literal);
        match parts.as_slice() {
            [] => return wrong("it names no file"),
            [Part::Literal(name)] if name == "." || name == ".." => return wrong("it names a folder"),
            _ => components.push(parts),
        }
        Ok(Self { components })
    }

    /// Whether every index gets its own file. With a name beside the index it may not: 1 and "1a" are 11 and "a".
    pub fn is_distinct(&self) -> bool {
        let parts = || self.components.iter().flatten();
        parts().any(|part| matches!(part, Part::Index { .. })) && !parts().any(|part| matches!(part, Part::Name))
    }

    /// The path for the body of item `index`. `{name}` without a name is an error, which shows `url`.
    pub fn path(&self, index: usize, name: Option<&str>, url: &Url) -> Result<PathBuf, String> {
        let mut path = String::new();
        for (number, component) in self.components.iter().enumerate() {
            if number > 0 {
                path.push('/');
            }
            let start = path.len();
            render(component, index, "", &mut path);
            let names = component.iter().filter(|part| matches!(part, Part::Name)).count();
            // The names share the length that the rest of the component leaves.
            if let Some(room) = MAX_NAME.saturating_sub(path.len() - start).checked_div(names) {
                let name = name.ok_or_else(|| {
                    format!("save_to has {{name}}, but item {index} ({}) has no name", redact_url(url))
                })?;
                path.truncate(start);
                render(component, index, &shorten(&safe_name(name), room), &mut path);
            }
        }
        Ok(PathBuf::from(path))
    }
}

/// Parses the text between braces.
fn placeholder(field: &str) -> Result<Part, String> {
    let (name, format) = field.split_once(':').unwrap_or((field, ""));
    match name {
        "index" => {
            let width = format.strip_suffix('d').unwrap_or(format);
            let zeros = width.starts_with('0');
            let width = match width {
                "" => Some(0),
                // A wider number is too long for a file name.
                _ if width.bytes().all(|byte| byte.is_ascii_digit()) => width.parse().ok().filter(|width| *width <= 64),
                _ => None,
            };
            let width = width.ok_or_else(|| format!("the format {format:?} of {{index}} is not a width such as 05"))?;
            Ok(Part::Index { width, zeros })
        }
        "name" if format.is_empty() => Ok(Part::Name),
        "name" => Err(format!("{{name}} takes no format, got {format:?}")),
        _ => Err(format!("unknown placeholder {{{field}}}, known are {{index}} and {{name}}")),
    }
}

fn render(component: &[Part], index: usize, name: &str, path: &mut String) {
    for part in component {
        // Writing to a String cannot fail.
        let _ = match part {
            Part::Literal(text) => path.write_str(text),
            Part::Index { width, zeros: true } => write!(path, "{index:0width$}"),
            Part::Index { width, zeros: false } => write!(path, "{index:width$}"),
            Part::Name => path.write_str(name),
        };
    }
}
