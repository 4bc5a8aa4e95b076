//! The dispatch of requests to the handlers of their routes. The small well-behaved handlers are in this file.

use bytes::Bytes;

use crate::answer::{Answer, Body, Reply, Script, Step, write_status_line};
use crate::body::{BodyUse, Received};
use crate::coding::Coding;
use crate::content::{json_rest, json_start};
use crate::context::{Context, in_memory, milliseconds};
use crate::route::Route;
use crate::{auth, cookies, echo, fault, fault_coding, range, stats_api, text};

pub(crate) fn body_use(route: Route) -> BodyUse {
    match route {
        Route::Echo | Route::Redirect => BodyUse::Bytes,
        Route::Upload => BodyUse::Checksum,
        _ => BodyUse::Length,
    }
}

/// The answer to a request; a 400 with a message if its arguments are invalid.
pub(crate) fn respond(route: Route, context: &Context<'_>) -> Answer {
    let attempt = count_attempt(route, context);
    answer(route, context, attempt).unwrap_or_else(|message| Reply::error(400, &message).into())
}

/// Counts the request under its key. The routes that fail a number of times use their path if there is no key.
fn count_attempt(route: Route, context: &Context<'_>) -> u64 {
    let counters = &context.shared.counters;
    if !context.head.query.is_empty()
        && context.head.query.contains("key=")
        && let Some(key) = context.head.param("key")
    {
        return counters.attempt(&key);
    }
    match route {
        Route::FaultFlaky | Route::Fault429 | Route::FaultRetryAfterDate => counters.attempt(context.head.path),
        _ => 0,
    }
}

fn answer(route: Route, context: &Context<'_>, attempt: u64) -> Result<Answer, String> {
    Ok(match route {
        Route::Json => json(context)?,
        Route::Bytes => {
            Reply::ok("application/octet-stream", Body::Pattern { from: 0, len: context.argument(1024)? }).into()
        }
        Route::AllPlayers => stats_api::all_players(context)?,
        Route::PlayerInfo => stats_api::player_info(context)?,
        Route::Delay => {
            let body = match context.head.number("n", 0)? {
                0 => Body::Static("late\n"),
                len => Body::Pattern { from: 0, len },
            };
            Answer::Delayed(milliseconds(context.argument(0)?)?, Reply::ok("application/octet-stream", body))
        }
        Route::Status => status(context)?,
        Route::Echo => echo::echo(context).into(),
        Route::Empty => Reply::bare(204).into(),
        Route::Upload => {
            let Received { length, crc32, .. } = context.body;
            Reply::json(format!("{{\"length\":{length},\"crc32\":{crc32}}}")).into()
        }
        Route::Redirect => redirect_chain(context)?,
        Route::RedirectTo => redirect_to(context)?,
        Route::RedirectLoop => to_location(context, "/redirect-loop")?,
        Route::Gzip => encoded(context, Coding::Gzip)?,
        Route::Brotli => encoded(context, Coding::Brotli)?,
        Route::Zstd => encoded(context, Coding::Zstd)?,
        Route::Deflate => {
            let raw = context.head.param("raw").is_some();
            encoded(context, if raw { Coding::RawDeflate } else { Coding::Deflate })?
        }
        Route::ResponseHeaders | Route::Headers => echo::response_headers(context).into(),
        Route::Cookies => cookies::show(context).into(),
        Route::CookiesSet => cookies::set(context).into(),
        Route::Etag => range::etag(context).into(),
        Route::Range => range::range(context)?.into(),
        Route::Sse => {
            let (head, framed) = context.streamed_head("text/event-stream", "cache-control: no-store\r\n");
            let n = context.head.number("n", 10)?;
            streamed(head, Step::Events { n, interval: context.milliseconds("interval_ms", 0)?, framed }, framed)
        }
        Route::Charset => text::charset(context)?.into(),
        Route::Chunked => {
            let trailers = context.head.param("trailers").is_some();
            let more = if trailers { "trailer: x-checksum, x-length\r\n" } else { "" };
            let (head, framed) = context.streamed_head("application/octet-stream", more);
            let piece = context.head.number("piece", 4096)?.max(1);
            streamed(head, Step::Chunks { n: context.argument(1024)?, piece, trailers, framed }, framed)
        }
        Route::Close => {
            let mut reply = Reply::ok("text/plain", Body::Static("the connection ends here\n"));
            reply.close = true;
            reply.into()
        }
        Route::Http10 => {
            let head = "HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\n";
            let body = Bytes::from_static(b"up to the end of the connection\n");
            Script::new(head, vec![Step::Send(body), Step::Close]).into()
        }
        Route::BasicAuth => auth::basic(context).into(),
        Route::Bearer => auth::bearer(context).into(),
        Route::FaultGzipBomb => fault_coding::bomb(context, Coding::Gzip)?,
        Route::FaultBrotliBomb => fault_coding::bomb(context, Coding::Brotli)?,
        Route::FaultZstdBomb => fault_coding::bomb(context, Coding::Zstd)?,
        Route::FaultCorruptGzip => fault_coding::corrupt_gzip(context)?,
        Route::FaultTruncatedGzip => fault_coding::truncated_gzip(context)?,
        Route::Index => index().into(),
        Route::Unknown => Reply::error(404, "there is no such route").into(),
        _ => fault::answer(route, context, attempt)?,
    })
}

fn streamed(head: String, step: Step, framed: bool) -> Answer {
    let mut steps = vec![step];
    if !framed {
        steps.push(Step::Close);
    }
    Script::new(head, steps).into()
}

fn json(context: &Context<'_>) -> Result<Answer, String> {
    let n = in_memory(context.argument(1024)?)?;
    let rest = context.shared.documents.get(n, || json_rest(n));
    let start = json_start(n, context.head.param("i").as_deref(), rest.len());
    Ok(Reply::ok("application/json", Body::Parts(start, rest)).into())
}

fn encoded(context: &Context<'_>, coding: Coding) -> Result<Answer, String> {
    let n = in_memory(context.argument(1024)?)?;
    let index = context.head.param("i");
    let render = || {
        let rest = context.shared.documents.get(n, || json_rest(n));
        let mut plain = json_start(n, index.as_deref(), rest.len());
        plain.extend_from_slice(&rest);
        coding.encode(&plain)
    };
    let body = match index {
        None => Body::Parts(Vec::new(), context.shared.encoded.get((coding, n), render)),
        Some(_) => Body::Owned(render()),
    };
    Ok(Reply::ok("application/json", body).with_header("content-encoding", coding.name()).into())
}

fn status(context: &Context<'_>) -> Result<Answer, String> {
    let code = context.argument(200)?;
    match u16::try_from(code) {
        // An interim response, then the final one.
        Ok(code @ (100 | 102 | 103)) => {
            let mut head = Vec::new();
            write_status_line(&mut head, code);
            head.extend_from_slice(b"\r\n");
            let reply = Reply::json(format!("{{\"status\":200,\"interim\":{code}}}"));
            reply.write_head(&mut head, context.head.http10, context.head.keep_alive);
            let steps = match reply.body {
                Body::Owned(bytes) => vec![Step::Send(bytes.into())],
                _ => Vec::new(),
            };
            Ok(Script::new(head, steps).into())
        }
        Ok(code @ 200..=999) => Ok(Reply::json(format!("{{\"status\":{code}}}")).with_status(code).into()),
        _ => Err(format!("the server cannot send the status {code}")),
    }
}

fn index() -> Reply {
    let mut page = String::from("shoal's test server. Its routes:\n");
    for name in Route::NAMES.iter().filter(|name| !name.is_empty() && !name.starts_with('(')) {
        page.push('/');
        page.push_str(name);
        page.push('\n');
    }
    Reply::ok("text/plain; charset=utf-8", Body::Owned(page.into_bytes()))
}

/// `n` relative redirects to `/echo`.
fn redirect_chain(context: &Context<'_>) -> Result<Answer, String> {
    let query = if context.head.query.is_empty() { String::new() } else { format!("?{}", context.head.query) };
    match context.argument(1)? {
        0 => Ok(echo::echo(context).into()),
        1 => to_location(context, "/echo"),
        n => to_location(context, &format!("/redirect/{}{query}", n - 1)),
    }
}

/// A redirect to any URL, including other origins.
fn redirect_to(context: &Context<'_>) -> Result<Answer, String> {
    let url = context.head.param("url").ok_or("the parameter url is missing")?;
    to_location(context, &url)
}

/// A redirect with the status of `code=` (302).
fn to_location(context: &Context<'_>, location: &str) -> Result<Answer, String> {
    let code = context.head.number("code", 302)?;
    let code = u16::try_from(code).ok().filter(|code| (300..400).contains(code));
    let code = code.ok_or("code must be from 300 to 399")?;
    Ok(Reply::bare(code).with_header("location", location).into())
}
