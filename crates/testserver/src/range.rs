//! Conditional and partial requests: `/etag` and `/range/{n}`.

use super::answer::{Body, Reply};
use super::dispatch::Ask;

/// An entity tag; `If-None-Match` with it (or `*`) gets a 304.
pub(super) fn etag(ask: &Ask<'_>) -> Reply {
    let value = ask.head.param("value");
    let tag = format!("\"{}\"", value.as_deref().unwrap_or("shoal"));
    let known = ask.head.header("if-none-match").is_some_and(|sent| {
        sent.split(',').map(str::trim).any(|other| other == "*" || other.trim_start_matches("W/") == tag)
    });
    let reply = if known { Reply::bare(304) } else { Reply::json("{\"fresh\":true}") };
    reply.with_header("etag", tag).with_header("cache-control", "max-age=0")
}

/// The first `n` bytes of the deterministic sequence, or the part the `Range` header asks for.
pub(super) fn range(ask: &Ask<'_>) -> Result<Reply, String> {
    let n = ask.argument(1024)?;
    let tag = format!("\"range-{n}\"");
    let whole_wanted = ask.head.header("if-range").is_some_and(|sent| sent != tag);
    let wanted = match ask.head.header("range") {
        Some(header) if !whole_wanted => parse(&header, n),
        _ => Wanted::Whole,
    };
    let part = |from, len| Reply::ok("application/octet-stream", Body::Pattern { from, len });
    let reply = match wanted {
        Wanted::Whole => part(0, n),
        Wanted::Part { first, last } => part(first, last - first + 1)
            .with_status(206)
            .with_header("content-range", format!("bytes {first}-{last}/{n}")),
        Wanted::Nothing => Reply::error(416, "no such range").with_header("content-range", format!("bytes */{n}")),
    };
    Ok(reply.with_header("accept-ranges", "bytes").with_header("etag", tag))
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part { first: u64, last: u64 },
    Nothing,
}

/// One range of a body of `n` bytes. Several ranges, or a header that cannot be read, get the whole, as RFC 9110 allows.
fn parse(header: &str, n: u64) -> Wanted {
    let Some(spec) = header.trim().strip_prefix("bytes=") else { return Wanted::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::Whole };
    let (first, last) = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(n.saturating_sub(1))),
        (Ok(first), Err(_)) if last.trim().is_empty() => (first, n.saturating_sub(1)),
        (Err(_), Ok(0)) if first.trim().is_empty() => return Wanted::Nothing,
        (Err(_), Ok(suffix)) if first.trim().is_empty() => (n.saturating_sub(suffix), n.saturating_sub(1)),
        _ => return Wanted::Whole,
    };
    if first >= n { Wanted::Nothing } else { Wanted::Part { first, last } }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, parse};

    #[test]
    fn ranges_are_read() {
        let part = |first, last| Wanted::Part { first, last };
        for (header, n, wanted) in [
            ("bytes=0-4", 10, part(0, 4)),
            ("bytes=5-", 10, part(5, 9)),
            ("bytes=-3", 10, part(7, 9)),
            ("bytes=-30", 10, part(0, 9)),
            ("bytes=8-99", 10, part(8, 9)),
            ("bytes=10-", 10, Wanted::Nothing),
            ("bytes=-0", 10, Wanted::Nothing),
            ("bytes=0-0", 0, Wanted::Nothing),
            ("bytes=4-2", 10, Wanted::Whole),
            ("bytes=0-1,3-4", 10, Wanted::Whole),
            ("lines=0-1", 10, Wanted::Whole),
        ] {
            assert_eq!(parse(header, n), wanted, "{header}");
        }
    }
}
