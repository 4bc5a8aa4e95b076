//! `/fault/…`: failures between servers and clients, on request.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::answer::{Answer, Reply, Script, Step};
use crate::context::Context;
use crate::json::push_member;
use crate::route::Route;

/// Bytes that the head announces in addition to those that are sent.
const UNSENT: u64 = 1000;
/// The largest head that is sent.
const HEADER_LIMIT: u64 = 64 * 1024 * 1024;

/// The answer of a fault route; `attempt` counts the requests of its key from 1.
pub(crate) fn answer(route: Route, context: &Context<'_>, attempt: u64) -> Result<Answer, String> {
    match route {
        Route::FaultReset => cut_off(context, vec![Step::Reset]),
        Route::FaultStall => cut_off(context, vec![Step::Silence]),
        Route::FaultTruncate => {
            let n = context.head.number("n", 1000)?;
            let sent = context.head.number("sent", n / 2)?;
            Ok(announced(n, vec![Step::Pattern { from: 0, len: sent }, Step::Close]))
        }
        Route::FaultDrip => {
            let n = context.head.number("n", 10)?;
            Ok(announced(n, vec![Step::Drip { n, interval: context.milliseconds("interval_ms", 100)? }]))
        }
        Route::FaultFlaky => flaky(context, attempt),
        Route::Fault429 => {
            let after = context.head.param("retry_after").unwrap_or("1".into());
            refused_at_first(context, attempt, 429, &after)
        }
        Route::FaultRetryAfterDate => {
            let seconds = context.head.number("seconds", 1)?.min(86_400);
            let code = context.head.number("code", 503)?;
            let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds));
            refused_at_first(context, attempt, code, &date)
        }
        Route::FaultOversizedHeaders => oversized_headers(context),
        Route::FaultBadChunk => Ok(raw(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "5\r\nhello\r\nnot-a-size\r\nworld\r\n0\r\n\r\n",
        )),
        Route::FaultBadHead => Ok(raw("HTPP/9.9 banana\r\nthis is no header\r\n\r\n", "nonsense")),
        Route::FaultBadLength => {
            Ok(raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\n", "hello!!"))
        }
        _ => Err("this route is not a fault".to_owned()),
    }
}

/// Fixed bytes, then the end of the connection.
fn raw(head: &'static str, body: &'static str) -> Answer {
    Script::new(head, vec![Step::Send(Bytes::from_static(body.as_bytes())), Step::Close]).into()
}

/// A head that announces `n` bytes, followed by `steps`.
fn announced(n: u64, steps: Vec<Step>) -> Answer {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {n}\r\n\r\n");
    Script::new(head, steps).into()
}

/// The fault at once, or after `after=` bytes of a longer body.
fn cut_off(context: &Context<'_>, mut steps: Vec<Step>) -> Result<Answer, String> {
    if context.head.param("after").is_none() {
        return Ok(Script::new("", steps).into());
    }
    let after = context.head.number("after", 0)?;
    steps.insert(0, Step::Pattern { from: 0, len: after });
    Ok(announced(after.saturating_add(UNSENT), steps))
}

/// Fails the first `k` requests of a key, with a status or in the way of `kind=`.
fn flaky(context: &Context<'_>, attempt: u64) -> Result<Answer, String> {
    if attempt > context.argument(1)? {
        return Ok(succeeded(context, attempt).into());
    }
    match context.head.param("kind").as_deref() {
        None | Some("status") => Ok(failed(attempt, context.head.number("code", 503)?)?.into()),
        Some("reset") => Ok(Script::new("", vec![Step::Reset]).into()),
        Some("close") => Ok(Script::new("", vec![Step::Close]).into()),
        Some("stall") => Ok(Script::new("", vec![Step::Silence]).into()),
        Some("truncate") => Ok(announced(UNSENT, vec![Step::Pattern { from: 0, len: UNSENT / 2 }, Step::Close])),
        Some(other) => Err(format!("kind must be status, reset, close, stall or truncate, not {other:?}")),
    }
}

/// Answers the first `k` requests of a key with `code` and `Retry-After`.
fn refused_at_first(context: &Context<'_>, attempt: u64, code: u64, retry_after: &str) -> Result<Answer, String> {
    if attempt > context.head.number("k", 1)? {
        return Ok(succeeded(context, attempt).into());
    }
    Ok(failed(attempt, code)?.with_header("retry-after", retry_after).into())
}

fn failed(attempt: u64, code: u64) -> Result<Reply, String> {
    let status = u16::try_from(code).ok().filter(|status| (200..=999).contains(status));
    let status = status.ok_or_else(|| format!("the server cannot send the status {code}"))?;
    Ok(Reply::json(format!("{{\"ok\":false,\"attempt\":{attempt}}}")).with_status(status))
}

fn succeeded(context: &Context<'_>, attempt: u64) -> Reply {
    let mut document = String::from("{");
    push_member(&mut document, "key", context.head.param("key").as_deref().unwrap_or(context.head.path));
    document.push_str(&format!("\"ok\":true,\"attempt\":{attempt}}}"));
    Reply::json(document)
}

/// One header of `n` bytes, or `count` small ones.
fn oversized_headers(context: &Context<'_>) -> Result<Answer, String> {
    let count = context.head.number("count", 0)?;
    let n = context.head.number("n", if count == 0 { 1_000_000 } else { 0 })?;
    if n.saturating_add(count.saturating_mul(24)) > HEADER_LIMIT {
        return Err(format!("at most {HEADER_LIMIT} bytes"));
    }
    let mut reply = Reply::json("{\"oversized\":true}");
    if n > 0 {
        reply = reply.with_header("x-large", "x".repeat(n as usize));
    }
    for index in 0..count {
        reply = reply.with_header(format!("x-{index}"), "y");
    }
    Ok(reply.into())
}
