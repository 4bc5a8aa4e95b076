//! `/echo` describes the request; `/response-headers` sends the requested headers.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::answer::Reply;
use crate::context::Context;
use crate::head::{decoded, latin1_or_utf8};
use crate::json::{push_member, push_pairs, push_string};

pub(crate) fn echo(context: &Context<'_>) -> Reply {
    let head = context.head;
    let bytes = &context.body.bytes;
    let mut document = String::with_capacity(512 + bytes.len() * 3);
    document.push('{');
    push_member(&mut document, "method", head.method);
    push_member(&mut document, "path", &decoded(head.path));
    push_member(&mut document, "raw_path", head.path);
    push_member(&mut document, "raw_query", head.query);
    push_member(&mut document, "http_version", if head.http10 { "HTTP/1.0" } else { "HTTP/1.1" });
    push_member(&mut document, "client", &context.client.to_string());
    document.push_str("\"query\":");
    push_pairs(&mut document, head.pairs());
    document.push_str(",\"headers\":");
    push_pairs(&mut document, head.headers.iter().map(|header| (header.name, latin1_or_utf8(header.value))));
    document.push_str(",\"body\":");
    match std::str::from_utf8(bytes) {
        Ok(text) => push_string(&mut document, text),
        Err(_) => document.push_str("null"),
    }
    let _ = write!(document, ",\"body_length\":{},\"body_base64\":\"{}\"}}", bytes.len(), STANDARD.encode(bytes));
    Reply::json(document)
}

/// Each query parameter as a response header, and all of them as the body.
pub(crate) fn response_headers(context: &Context<'_>) -> Reply {
    let mut document = String::from("{\"headers\":");
    push_pairs(&mut document, context.head.pairs());
    document.push('}');
    let mut reply = Reply::json(document);
    for (name, value) in context.head.pairs() {
        if name.eq_ignore_ascii_case("content-type") {
            reply.content_type = value.replace(|letter: char| letter.is_ascii_control(), " ").into();
        } else if http::HeaderName::from_bytes(name.as_bytes()).is_ok() && !is_framing(&name) {
            reply = reply.with_header(name.into_owned(), value);
        }
    }
    reply
}

/// Headers that frame the body are set by the server; the `/fault` routes send wrong ones.
fn is_framing(name: &str) -> bool {
    ["content-length", "transfer-encoding", "connection"].iter().any(|other| name.eq_ignore_ascii_case(other))
}
