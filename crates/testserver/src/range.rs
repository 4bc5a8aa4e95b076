//! Conditional and partial requests: `/etag` and `/range/{n}`.

use crate::answer::{Body, Reply};
use crate::context::Context;

/// A response with an entity tag; a 304 for a matching `If-None-Match` (or `*`).
pub(crate) fn etag(context: &Context<'_>) -> Reply {
    let value = context.head.param("value");
    let tag = format!("\"{}\"", value.as_deref().unwrap_or("shoal"));
    let known = context.head.header("if-none-match").is_some_and(|sent| {
        sent.split(',').map(str::trim).any(|other| other == "*" || other.trim_start_matches("W/") == tag)
    });
    let reply = if known { Reply::bare(304) } else { Reply::json("{\"fresh\":true}") };
    reply.with_header("etag", tag).with_header("cache-control", "max-age=0")
}

/// The first `n` bytes of the deterministic sequence, or the part in the `Range` header.
pub(crate) fn range(context: &Context<'_>) -> Result<Reply, String> {
    let n = context.argument(1024)?;
    let tag = format!("\"range-{n}\"");
    let is_whole = context.head.header("if-range").is_some_and(|sent| sent != tag);
    let requested = match context.head.header("range") {
        Some(header) if !is_whole => parse(&header, n),
        _ => Requested::Whole,
    };
    let part = |from, len| Reply::ok("application/octet-stream", Body::Pattern { from, len });
    let reply = match requested {
        Requested::Whole => part(0, n),
        Requested::Part { first, last } => part(first, last - first + 1)
            .with_status(206)
            .with_header("content-range", format!("bytes {first}-{last}/{n}")),
        Requested::Nothing => Reply::error(416, "no such range").with_header("content-range", format!("bytes */{n}")),
    };
    Ok(reply.with_header("accept-ranges", "bytes").with_header("etag", tag))
}

#[derive(Debug, PartialEq, Eq)]
enum Requested {
    Whole,
    Part { first: u64, last: u64 },
    Nothing,
}

/// One range of a body of `n` bytes. Several ranges, or an invalid header, get the whole body, as RFC 9110 allows.
fn parse(header: &str, n: u64) -> Requested {
    let Some(spec) = header.trim().strip_prefix("bytes=") else { return Requested::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Requested::Whole };
    let (first, last) = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(n.saturating_sub(1))),
        (Ok(first), Err(_)) if last.trim().is_empty() => (first, n.saturating_sub(1)),
        (Err(_), Ok(0)) if first.trim().is_empty() => return Requested::Nothing,
        (Err(_), Ok(suffix)) if first.trim().is_empty() => (n.saturating_sub(suffix), n.saturating_sub(1)),
        _ => return Requested::Whole,
    };
    if first >= n { Requested::Nothing } else { Requested::Part { first, last } }
}

#[cfg(test)]
mod tests {
    use super::{Requested, parse};

    #[test]
    fn ranges_are_read() {
        let part = |first, last| Requested::Part { first, last };
        for (header, n, wanted) in [
            ("bytes=0-4", 10, part(0, 4)),
            ("bytes=5-", 10, part(5, 9)),
            ("bytes=-3", 10, part(7, 9)),
            ("bytes=-30", 10, part(0, 9)),
            ("bytes=8-99", 10, part(8, 9)),
            ("bytes=10-", 10, Requested::Nothing),
            ("bytes=-0", 10, Requested::Nothing),
            ("bytes=0-0", 0, Requested::Nothing),
            ("bytes=4-2", 10, Requested::Whole),
            ("bytes=0-1,3-4", 10, Requested::Whole),
            ("lines=0-1", 10, Requested::Whole),
        ] {
            assert_eq!(parse(header, n), wanted, "{header}");
        }
    }
}
