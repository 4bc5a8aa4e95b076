//! `/echo` tells the client what it sent; `/response-headers` sends what the client asks for.

use std::fmt::Write as _;

use super::answer::Reply;
use super::dispatch::Ask;
use super::head::{decoded, latin1_or_utf8};
use super::json::{base64, push_member, push_pairs, push_string};

/// Everything about the request, as JSON.
pub(super) fn echo(ask: &Ask<'_>) -> Reply {
    let head = ask.head;
    let bytes = &ask.body.bytes;
    let mut document = String::with_capacity(512 + bytes.len() * 3);
    document.push('{');
    push_member(&mut document, "method", head.method);
    push_member(&mut document, "path", &decoded(head.path));
    push_member(&mut document, "raw_path", head.path);
    push_member(&mut document, "raw_query", head.query);
    push_member(&mut document, "http_version", if head.http10 { "HTTP/1.0" } else { "HTTP/1.1" });
    push_member(&mut document, "client", &ask.client.to_string());
    document.push_str("\"query\":");
    push_pairs(&mut document, head.pairs());
    document.push_str(",\"headers\":");
    push_pairs(&mut document, head.headers.iter().map(|header| (header.name, latin1_or_utf8(header.value))));
    document.push_str(",\"body\":");
    match std::str::from_utf8(bytes) {
        Ok(text) => push_string(&mut document, text),
        Err(_) => document.push_str("null"),
    }
    let _ = write!(document, ",\"body_length\":{},\"body_base64\":\"{}\"}}", bytes.len(), base64(bytes));
    Reply::json(document)
}

/// Each query parameter as a response header, and all of them as the body.
pub(super) fn response_headers(ask: &Ask<'_>) -> Reply {
    let mut document = String::from("{\"headers\":");
    push_pairs(&mut document, ask.head.pairs());
    document.push('}');
    let mut reply = Reply::json(document);
    for (name, value) in ask.head.pairs() {
        if name.eq_ignore_ascii_case("content-type") {
            reply.content_type = value.replace(|letter: char| letter.is_ascii_control(), " ").into();
        } else if http::HeaderName::from_bytes(name.as_bytes()).is_ok() && !is_framing(&name) {
            reply = reply.with_header(name.into_owned(), value);
        }
    }
    reply
}

/// The headers that say where a body ends are the server's own; `/fault` lies about them.
fn is_framing(name: &str) -> bool {
    ["content-length", "transfer-encoding", "connection"].iter().any(|other| name.eq_ignore_ascii_case(other))
}
