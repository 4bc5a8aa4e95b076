//! `/charset`: text in a given encoding.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use crate::answer::{Body, Reply};
use crate::context::Context;

/// The response is the first text that the encoding can represent.
const SAMPLES: [&str; 6] = [
    "Größe: naïve café, señor Dvořák, Ελλάδα, Привет, 日本語\n",
    "Größe: naïve café, señor\n",
    "Příliš žluťoučký kůň\n",
    "Привет, мир\n",
    "日本語の文章\n",
    "plain ASCII\n",
];

/// `name` (any label of the Encoding Standard, and `latin-1`), `text`, `declare=0` to leave the charset out of the header,
/// `html=1` for a page that declares it in a `meta` element.
pub(crate) fn charset(context: &Context<'_>) -> Result<Reply, String> {
    let name = context.head.param("name").unwrap_or("utf-8".into());
    let label = if name.eq_ignore_ascii_case("latin-1") { "latin1" } else { name.as_ref() };
    let encoding = Encoding::for_label(label.as_bytes()).ok_or_else(|| format!("unknown encoding {name:?}"))?;
    let html = context.head.param("html").is_some_and(|value| value == "1");
    let page = |text: &str| {
        if html {
            format!("<!doctype html><html><head><meta charset=\"{name}\"></head><body><p>{text}</p></body></html>")
        } else {
            text.to_owned()
        }
    };
    let bytes = match context.head.param("text") {
        Some(text) => encode(encoding, &page(&text)).ok_or_else(|| format!("{name} cannot represent this text"))?,
        None => SAMPLES.iter().find_map(|text| encode(encoding, &page(text))).unwrap_or_default(),
    };
    let mut reply = Reply::ok(if html { "text/html" } else { "text/plain" }, Body::Owned(bytes));
    if context.head.param("declare").is_none_or(|value| value != "0") {
        let name = name.replace(|letter: char| letter.is_ascii_control(), "");
        reply.content_type = format!("{}; charset={name}", reply.content_type).into();
    }
    Ok(reply)
}

/// The text in that encoding, if it can represent it. The Encoding Standard has no encoder for UTF-16.
fn encode(encoding: &'static Encoding, text: &str) -> Option<Vec<u8>> {
    if encoding == UTF_16LE {
        return Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    }
    if encoding == UTF_16BE {
        return Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    let (bytes, used, unmappable) = encoding.encode(text);
    (!unmappable && used == encoding).then(|| bytes.into_owned())
}
