//! `save_to`: a path with the placeholders `{index}`, `{index:05}` and `{name}`, written as in Python's `str.format`.
//!
//! What stands in the template is the caller's own word and is taken literally, `..` and an absolute path included. A
//! name may come from anywhere, so it is made safe ([`safe_name`]): it is one component of the path, or a part of one,
//! whatever it contains.

use std::fmt::Write;
use std::path::PathBuf;

use url::Url;

use crate::redact::redact_url;

/// The longest file name of the common filesystems, in bytes.
const LONGEST_NAME: usize = 255;

/// A longer extension is no extension.
const LONGEST_EXTENSION: usize = 16;

/// A parsed `save_to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    /// Between separators, first to last; never empty.
    components: Vec<Vec<Part>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Index { width: usize, zeros: bool },
    Name,
}

impl PathTemplate {
    /// Reads a template such as `"out/{index:05}.json"`. `{{` and `}}` stand for braces. Folders are separated by `/`
    /// (on Windows also by `\`). The error names what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: String| format!("invalid save_to {text:?}: {why}");
        let mut components = vec![Vec::new()];
        let mut literal = String::new();
        let mut chars = text.chars().peekable();
        let end = |components: &mut Vec<Vec<Part>>, literal: &mut String| {
            if !literal.is_empty()
                && let Some(last) = components.last_mut()
            {
                last.push(Part::Literal(std::mem::take(literal)));
            }
        };
        while let Some(char) = chars.next() {
            match char {
                '{' | '}' if chars.peek() == Some(&char) => {
                    chars.next();
                    literal.push(char);
                }
                '}' => return Err(wrong("single '}', write '}}' for a brace".to_owned())),
                '{' => {
                    let mut field = String::new();
                    loop {
                        match chars.next() {
                            None => return Err(wrong("'{' without '}', write '{{' for a brace".to_owned())),
                            Some('}') => break,
                            Some(char) => field.push(char),
                        }
                    }
                    let part = placeholder(&field).map_err(wrong)?;
                    end(&mut components, &mut literal);
                    if let Some(last) = components.last_mut() {
                        last.push(part);
                    }
                }
                '\0' => return Err(wrong("it has a NUL character".to_owned())),
                _ if std::path::is_separator(char) => {
                    end(&mut components, &mut literal);
                    components.push(Vec::new());
                }
                _ => literal.push(char),
            }
        }
        end(&mut components, &mut literal);
        match components.last().map(Vec::as_slice) {
            None | Some([]) => Err(wrong("it names no file".to_owned())),
            Some([Part::Literal(name)]) if name == "." || name == ".." => Err(wrong("it names a folder".to_owned())),
            Some(_) => Ok(Self { components }),
        }
    }

    /// Whether every index gets a file of its own. With a name beside the index it does not: 1 and "1a" are 11 and "a".
    pub fn is_distinct(&self) -> bool {
        let parts = || self.components.iter().flatten();
        parts().any(|part| matches!(part, Part::Index { .. })) && !parts().any(|part| matches!(part, Part::Name))
    }

    /// Where the body of item `index` goes. `{name}` without a name is an error, which shows `url`.
    pub fn path(&self, index: usize, name: Option<&str>, url: &Url) -> Result<PathBuf, String> {
        let mut path = String::new();
        for (place, component) in self.components.iter().enumerate() {
            if place > 0 {
                path.push('/');
            }
            let start = path.len();
            render(component, index, "", &mut path);
            let names = component.iter().filter(|part| matches!(part, Part::Name)).count();
            // The names share what the rest of the component leaves.
            if let Some(room) = LONGEST_NAME.saturating_sub(path.len() - start).checked_div(names) {
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

/// What stands between braces.
fn placeholder(field: &str) -> Result<Part, String> {
    let (name, format) = field.split_once(':').unwrap_or((field, ""));
    match name {
        "index" => {
            let width = format.strip_suffix('d').unwrap_or(format);
            let zeros = width.starts_with('0');
            let width = match width {
                "" => Some(0),
                // A wider number is no file name.
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

/// `name` as a single component of a path on every common system. Replaced by `_`: separators, control characters
/// (NUL too), `<>:"|?*`, leading dots, trailing dots and spaces; a name that Windows reserves (`CON`, `nul.txt`) gets a
/// `_` in front; an empty name is `_`. Everything else stays, letters of all scripts too. Different names can become
/// the same.
pub fn safe_name(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .map(|char| match char {
            '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
            _ if char.is_control() => '_',
            _ => char,
        })
        .collect();
    let dots = safe.len() - safe.trim_start_matches('.').len();
    safe.replace_range(..dots, &"_".repeat(dots));
    let kept = safe.trim_end_matches(['.', ' ']).len();
    let tail = safe.len() - kept;
    safe.replace_range(kept.., &"_".repeat(tail));
    if safe.is_empty() || is_reserved(&safe) {
        safe.insert(0, '_');
    }
    safe
}

/// The devices of Windows, with any extension.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).is_some_and(|number| {
            let mut chars = number.chars();
            matches!(chars.next(), Some('0'..='9' | '¹' | '²' | '³')) && chars.next().is_none()
        }),
    }
}

/// At most `room` bytes of a safe name, cut in front of its extension, between characters.
fn shorten(name: &str, room: usize) -> String {
    if name.len() <= room {
        return name.to_owned();
    }
    let extension = match name.rfind('.').map(|dot| name.split_at(dot).1) {
        Some(extension) if extension.len() <= LONGEST_EXTENSION.min(room.saturating_sub(1)) => extension,
        _ => "",
    };
    let mut end = room.saturating_sub(extension.len()).min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let mut short = name.get(..end).unwrap_or_default().to_owned();
    // The cut may have uncovered a dot or a space.
    let kept = short.trim_end_matches(['.', ' ']).len();
    let tail = short.len() - kept;
    short.replace_range(kept.., &"_".repeat(tail));
    short.push_str(extension);
    short
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn path(template: &str, index: usize, name: Option<&str>) -> Result<String, String> {
        let url = Url::parse("http://user:secret@example.com/a?token=hidden").unwrap();
        PathTemplate::parse(template)?.path(index, name, &url).map(|path| path.to_str().unwrap().to_owned())
    }

    #[test]
    fn fills_in_the_index() {
        for (template, expected) in [
            ("out/{index}.json", "out/42.json"),
            ("out/{index:05}.json", "out/00042.json"),
            ("out/{index:05d}.json", "out/00042.json"),
            ("{index:4}", "  42"),
            ("{index:1}", "42"),
            ("{index:d}", "42"),
            ("/abs/{index}/{index}.x", "/abs/42/42.x"),
            ("../up/{index}", "../up/42"),
            ("{{{index}}}", "{42}"),
            ("a{{b}}c{{", "a{b}c{"),
            ("plain.txt", "plain.txt"),
            ("ünïcode/{index}", "ünïcode/42"),
        ] {
            assert_eq!(path(template, 42, None).unwrap(), expected, "{template}");
        }
        assert!(PathTemplate::parse("a/{index}/b").unwrap().is_distinct());
        assert!(!PathTemplate::parse("a/{name}").unwrap().is_distinct());
        assert!(!PathTemplate::parse("a/{index}{name}").unwrap().is_distinct());
    }

    #[test]
    fn fills_in_the_name() {
        assert_eq!(path("out/{name}.json", 0, Some("Nikola Jokić")).unwrap(), "out/Nikola Jokić.json");
        assert_eq!(path("{name}/{index}-{name}", 3, Some("a/b")).unwrap(), "a_b/3-a_b");
        let error = path("out/{name}.json", 7, None).unwrap_err();
        assert!(error.contains("item 7") && error.contains("{name}") && error.contains("example.com"), "{error}");
        assert!(!error.contains("secret") && !error.contains("hidden"), "{error}");
    }

    #[test]
    fn says_what_is_wrong() {
        for (template, why) in [
            ("", "names no file"),
            ("out/", "names no file"),
            ("out/..", "names a folder"),
            (".", "names a folder"),
            ("a}b", "single '}'"),
            ("a{index", "without '}'"),
            ("{", "without '}'"),
            ("{}", "unknown placeholder {}"),
            ("{host}", "unknown placeholder {host}"),
            ("{0}", "unknown placeholder {0}"),
            ("{index!r}", "unknown placeholder {index!r}"),
            ("{index:x}", "\"x\""),
            ("{index:>5}", "\">5\""),
            ("{index:100000}", "\"100000\""),
            ("{name:20}", "takes no format"),
            ("a\0b", "NUL"),
        ] {
            let error = PathTemplate::parse(template).unwrap_err();
            assert!(error.contains(why), "{template:?}: {error}");
        }
    }

    #[test]
    fn names_are_safe_everywhere() {
        for (name, expected) in [
            ("D'Angelo Russell", "D'Angelo Russell"),
            ("Nikola Jokić", "Nikola Jokić"),
            ("渡邊雄太", "渡邊雄太"),
            ("a/b", "a_b"),
            ("a\\b", "a_b"),
            ("../../etc/passwd", "___.._etc_passwd"),
            ("..", "__"),
            (".", "_"),
            ("", "_"),
            (".bashrc", "_bashrc"),
            ("C:\\Windows", "C__Windows"),
            ("<>:\"|?*", "_______"),
            ("a\0b\nc\u{7f}", "a_b_c_"),
            ("end. . ", "end____"),
            ("   ", "___"),
            ("CON", "_CON"),
            ("con", "_con"),
            ("nul.txt", "_nul.txt"),
            ("CON .txt", "_CON .txt"),
            ("COM1", "_COM1"),
            ("lpt9.tar.gz", "_lpt9.tar.gz"),
            ("COM¹", "_COM¹"),
            ("COM10", "COM10"),
            ("CONSOLE", "CONSOLE"),
            ("v1.2.tar.gz", "v1.2.tar.gz"),
            ("{index}", "{index}"),
        ] {
            assert_eq!(safe_name(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_name_never_leaves_its_component() {
        let mut random = fastrand::Rng::with_seed(3);
        let alphabet = ['.', '.', '/', '\\', ' ', ':', '\0', 'a', 'ć', '~', '*', '\u{202e}'];
        for _ in 0..5000 {
            let name: String = (0..random.usize(..400)).map(|_| *random.choice(&alphabet).unwrap()).collect();
            for template in ["out/{name}", "out/{name}.json", "out/{name}{name}"] {
                let path = PathBuf::from(path(template, 0, Some(&name)).unwrap());
                let components: Vec<_> = path.components().collect();
                assert_eq!(components.len(), 2, "{path:?}");
                assert!(matches!(components.last(), Some(std::path::Component::Normal(_))), "{path:?}");
                assert!(path.file_name().unwrap().len() <= LONGEST_NAME, "{path:?}");
            }
        }
    }

    #[test]
    fn long_names_are_shortened_and_keep_their_extension() {
        let long = "x".repeat(300);
        assert_eq!(path("out/{name}", 0, Some(&long)).unwrap(), format!("out/{}", "x".repeat(255)));
        assert_eq!(path("{name}.json", 0, Some(&long)).unwrap(), format!("{}.json", "x".repeat(250)));
        assert_eq!(path("{name}", 0, Some(&format!("{long}.html"))).unwrap(), format!("{}.html", "x".repeat(250)));
        let two_bytes = path("{name}.json", 0, Some(&"ć".repeat(300))).unwrap();
        assert_eq!(two_bytes, format!("{}.json", "ć".repeat(125)));
        let no_extension = format!("a.{}", "b".repeat(300));
        assert_eq!(path("{name}", 0, Some(&no_extension)).unwrap().len(), 255);
        let uncovered = format!("{}. .{}", "x".repeat(253), "y".repeat(50));
        assert_eq!(path("{name}", 0, Some(&uncovered)).unwrap(), format!("{}__", "x".repeat(253)));
        assert_eq!(path(&format!("{}{{name}}", "l".repeat(300)), 0, Some("n")).unwrap(), "l".repeat(300));
    }
}
