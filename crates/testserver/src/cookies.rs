//! `/cookies` returns the request's cookies, `/cookies/set` sets cookies.

use crate::answer::Reply;
use crate::context::Context;
use crate::head::latin1_or_utf8;
use crate::json::{push_pairs, push_string};

/// The parsed `Cookie` headers: an object (the last value of a name wins) and all pairs in order.
pub(crate) fn show(context: &Context<'_>) -> Reply {
    let headers = context.head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("cookie"));
    let lines: Vec<_> = headers.map(|header| latin1_or_utf8(header.value)).collect();
    let pairs: Vec<(&str, &str)> = lines
        .iter()
        .flat_map(|line| line.split(';'))
        .map(str::trim)
        .filter(|cookie| !cookie.is_empty())
        .map(|cookie| cookie.split_once('=').unwrap_or((cookie, "")))
        .collect();
    let mut document = String::from("{\"cookies\":{");
    let mut first = true;
    for (index, (name, value)) in pairs.iter().enumerate() {
        if pairs.iter().skip(index + 1).any(|(later, _)| later == name) {
            continue;
        }
        if !std::mem::take(&mut first) {
            document.push(',');
        }
        push_string(&mut document, name);
        document.push(':');
        push_string(&mut document, value);
    }
    document.push_str("},\"pairs\":");
    push_pairs(&mut document, pairs.iter().copied());
    document.push('}');
    Reply::json(document)
}

/// One `Set-Cookie` for each query parameter, except `redirect` (the target of a 302) and `attributes` (appended to each
/// cookie, `Path=/` by default).
pub(crate) fn set(context: &Context<'_>) -> Reply {
    let attributes = context.head.param("attributes");
    let attributes = attributes.as_deref().unwrap_or("Path=/");
    let redirect = context.head.param("redirect");
    let mut reply = match redirect {
        Some(location) => Reply::bare(302).with_header("location", location),
        None => Reply::json("{\"set\":true}"),
    };
    for (name, value) in context.head.pairs().filter(|(name, _)| name != "redirect" && name != "attributes") {
        reply = reply.with_header("set-cookie", format!("{name}={value}; {attributes}"));
    }
    reply
}
