//! Escaping for the HTML that notebooks show.

/// Escapes `text` for HTML text or an attribute value.
pub fn escape_html(text: &str) -> String {
    // The ampersand first: the others bring new ones.
    let escapes = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#x27;")];
    escapes.iter().fold(text.to_owned(), |text, (character, escape)| text.replace(*character, escape))
}
