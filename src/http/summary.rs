//! The `repr()` of a response, as text and as HTML.

use std::fmt::Write;
use std::path::Path;

use crate::bridge::repr::escape_html;

/// The facts in the first line.
pub struct Summary<'a> {
    /// The status code.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: &'a str,
    /// Size of the body in bytes.
    pub size: usize,
    /// The file that the body was saved to.
    pub path: Option<&'a Path>,
}

impl Summary<'_> {
    /// `<Response [200 OK] 1.2 kB>`.
    pub fn text(&self) -> String {
        let mut text = format!("<Response [{}", self.status);
        if !self.reason.is_empty() {
            text.push(' ');
            text.push_str(self.reason);
        }
        match self.path {
            Some(path) => text + "] saved to " + &path.display().to_string() + ">",
            None => text + "] " + &size_text(self.size) + ">",
        }
    }

    /// The same above a table of further facts; rows with an empty value are omitted.
    pub fn html(&self, rows: &[(&str, String)]) -> String {
        let mut html = format!("<table><caption><code>{}</code></caption>", escape_html(&self.text()));
        for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
            // Writing to a String cannot fail.
            let _ = write!(html, "<tr><th>{}</th><td>{}</td></tr>", escape_html(name), escape_html(value));
        }
        html + "</table>"
    }
}

/// The size in decimal units, with one digit after the point.
fn size_text(bytes: usize) -> String {
    #[allow(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let mut size = bytes as f64;
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut suffix = "";
    for unit in ["kB", "MB", "GB"] {
        suffix = unit;
        size /= 1000.0;
        if size < 999.95 {
            break;
        }
    }
    format!("{size:.1} {suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let sizes = [(0, "0 B"), (999, "999 B"), (1234, "1.2 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")];
        for (bytes, text) in sizes {
            assert_eq!(size_text(bytes), text);
        }
        assert_eq!(size_text(5_000_000_000_000), "5000.0 GB");
    }

    #[test]
    fn html_is_escaped() {
        let summary = Summary { status: 299, reason: "", size: 1, path: None };
        let html = summary.html(&[("URL", "<script>\"'&".into()), ("Type", String::new())]);
        assert!(html.contains("&lt;Response [299] 1 B&gt;") && html.contains("&lt;script&gt;&quot;&#x27;&amp;"));
        assert!(!html.contains("Type"));
    }
}
