//! The hot paths whose instructions `make instructions` counts (see `instructions.py`).
//!
//! `hot_paths PATH N [BASE_URL]` runs a path N times and checks the results. `hot_paths serve` is the server for paths
//! that need one, in a process of its own, which is not counted: it prints its URL and ends with its standard input. Its
//! responses are prepared and sent with one write each, so that a client always makes the same reads.
//!
//! One request is in flight at a time. With more, the number of responses per tick of the reactor would vary.
#![allow(clippy::print_stdout, reason = "prints its URL")]

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, StatusCode, Version};
use shoal_html::markdown::markdown;
use shoal_http::attempts::Fetcher;
use shoal_http::batch::{FetchBatch, FetchBatchOptions};
use shoal_http::client::{Client, ClientOptions, Session};
use shoal_http::cookies::CookieJar;
use shoal_http::error::AttemptError;
use shoal_http::items::{Item, Items};
use shoal_http::limits::Limits;
use shoal_http::request::Request;
use shoal_http::settings::Settings;
use shoal_http::stats::Collector;
use shoal_http::transport::http1;
use shoal_http::transport::{Body, Head, Outgoing, Timings, Transport};
use shoal_kernels::json::extract::Extract;
use shoal_kernels::json::pointer::Pointer;
use shoal_kernels::stop::Stop;
use shoal_kernels::text::findall::findall;
use shoal_kernels::text::minhash::{By, MinHash};
use shoal_kernels::text::pattern::Pattern;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const SMALL: usize = 111;
const LARGE: usize = 10_000;

/// The delay of `/late`, after which the event loop sleeps, also under valgrind. A loop that is still busy may or may not
/// need another iteration for the response.
const LATE: Duration = Duration::from_millis(5);

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve"] => serve(),
        [path, n] => local(path, n.parse()?),
        [path, n, base] => fetched(path, n.parse()?, base),
        _ => Err("expected: serve, or a path, a count, and a URL if the path needs one".into()),
    }
}

fn local(path: &str, n: usize) -> Result<()> {
    let stop = Stop::default();
    match path {
        "engine" => {
            let session = Session::over(Ready(Bytes::from(json(SMALL))), Limits::default(), CookieJar::default());
            gather(Arc::new(session), n, SMALL, "http://memory.test/json")
        }
        "head" => {
            let answer = answer("", &json(SMALL));
            repeat(n, || {
                let parsed = http1::parse(black_box(&answer), 0, false)?.ok_or("half a head")?;
                Ok(parsed.head.headers.len() == 5)
            })
        }
        "json_extract" => {
            let document = json(LARGE);
            let columns =
                [("id", "/id"), ("score", "/items/3/score"), ("last", "/items/90/name"), ("none", "/nothing")];
            let columns: std::result::Result<Vec<_>, String> =
                columns.map(|(name, at)| Ok((name.to_owned(), Pointer::parse(at)?))).into_iter().collect();
            let extract = Extract::new(&columns?);
            repeat(n, || Ok(extract.run(black_box(&document), &stop)?.rows() == 1))
        }
        "regex_findall" => {
            let (pattern, text) = (Pattern::text(r"\b(\w+)@(\w+)\.org\b")?, text(LARGE));
            repeat(n, || Ok(findall(&pattern, black_box(&text), &stop)?.values.len() > 20))
        }
        "html_to_markdown" => {
            let page = html(LARGE);
            repeat(n, || Ok(markdown(black_box(&page), &stop)?.len() > LARGE / 2))
        }
        "minhash" => {
            let (minhash, text) = (MinHash::new(128, 3, 1, By::Words)?, text(LARGE));
            repeat(n, || Ok(minhash.signature(black_box(&text), &stop)?.len() == 128))
        }
        _ => Err(format!("there is no path {path:?}").into()),
    }
}

fn repeat(n: usize, mut work: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..n {
        if !work()? {
            return Err("an unexpected result".into());
        }
    }
    Ok(())
}

/// Fetches over real connections, like `gather_fetch`.
fn fetched(path: &str, n: usize, base: &str) -> Result<()> {
    let (route, length) = match path {
        "fetch_small" => ("small", SMALL),
        "fetch_10k" => ("large", LARGE),
        "fetch_chunked_gzip" => ("chunked-gzip", LARGE),
        _ => return Err(format!("there is no path {path:?}").into()),
    };
    gather(Client::new(ClientOptions::default())?.session()?, n, length, &format!("{base}/{route}"))
}

/// The work of `gather_fetch` below Python, with its settings.
fn gather<T: Transport>(session: Arc<Session<T>>, n: usize, length: usize, url: &str) -> Result<()> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
    headers.insert(USER_AGENT, HeaderValue::from_static("shoal/0"));
    let call = Arc::new(Fetcher {
        session,
        limits: None,
        settings: Arc::new(Settings::default()),
        headers: Arc::new(headers),
        collector: Arc::new(Collector::new()),
    });
    let mut items = Items::with_capacity(n, Method::GET, None);
    for i in 0..n {
        let url = format!("{url}?i={i}");
        if !items.push_url(&url) {
            items.list.push(Item::Request(Arc::new(Request::get(url.parse()?))));
        }
    }
    let batch = FetchBatch::new(
        Arc::clone(&call.collector),
        items,
        FetchBatchOptions { concurrency: 1, deadline: None, keep_errors: false },
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let gathered = runtime.block_on(batch.run(call)).ok_or("the batch was cancelled")?;
    if let Some(failure) = gathered.failure {
        return Err(failure.into());
    }
    for slot in gathered.slots {
        let response = (*slot.ok_or("nothing came")?)?;
        if response.body.len() != length {
            return Err(format!("{} bytes for {}", response.body.len(), response.url()).into());
        }
    }
    Ok(())
}

/// A transport with a prepared response.
struct Ready(Bytes);

struct Whole(Option<Bytes>);

impl Body for Whole {
    async fn read(&mut self, into: &mut Vec<u8>) -> std::result::Result<usize, AttemptError> {
        let bytes = self.0.take().unwrap_or_default();
        into.extend_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Transport for Ready {
    type Body = Whole;

    async fn send(&self, _: Outgoing<'_>, _: &Arc<Timings>) -> std::result::Result<(Head, Whole), AttemptError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let length = Some(self.0.len() as u64);
        let head = Head { status: StatusCode::OK, version: Version::HTTP_11, headers, length };
        Ok((head, Whole(Some(self.0.clone()))))
    }
}

fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    let large = json(LARGE);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
    gzip.write_all(&large)?;
    let answers = Arc::new([
        ("/small", answer("", &json(SMALL))),
        ("/late", answer("", &json(SMALL))),
        ("/large", answer("", &large)),
        ("/chunked-gzip", chunked("content-encoding: gzip\r\n", &gzip.finish()?)),
    ]);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(io::Result::ok) {
            let answers = Arc::clone(&answers);
            thread::spawn(move || serve_connection(&stream, &*answers));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Answers the requests of one connection.
fn serve_connection(stream: &TcpStream, answers: &[(&str, Vec<u8>)]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream);
    let (mut line, mut target) = (String::new(), String::new());
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(asked) = line.strip_prefix("GET ") {
            asked.clone_into(&mut target);
        }
        if line == "\r\n" {
            let found = answers.iter().find(|(path, _)| target.starts_with(path));
            let found = found.ok_or_else(|| io::Error::other("there is no such route"))?;
            if found.0 == "/late" {
                thread::sleep(LATE);
            }
            (&mut &*stream).write_all(&found.1)?;
        }
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: Tue, 05 Mar 2024 12:00:00 GMT\r\n\
                    server: fixed\r\ncache-control: no-store\r\n";

fn answer(more: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{HEAD}{more}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn chunked(more: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{HEAD}{more}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(512) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// A deterministic random number generator.
fn dice() -> impl FnMut(usize) -> usize {
    let mut state = 1_u64;
    move |sides| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    }
}

const WORDS: [&str; 16] = [
    "the", "game", "Zoë", "was", "won", "by", "a", "point", "naïve", "season", "under", "and", "player", "late", "of",
    "rebound",
];

fn word(dice: &mut impl FnMut(usize) -> usize) -> &'static str {
    WORDS.get(dice(WORDS.len())).copied().unwrap_or_default()
}

/// JSON of exactly `size` bytes, padded with spaces.
fn json(size: usize) -> Vec<u8> {
    let mut dice = dice();
    let mut out = String::from(r#"{"id": 23, "items": ["#);
    let mut comma = "";
    while out.len() + 85 < size {
        let (score, name) = (dice(100_000), word(&mut dice));
        let _ = write!(out, r#"{comma}{{"name": "{name} \"{name}\"", "score": {score}.25, "on": true, "at": null}}"#);
        comma = ", ";
    }
    out.push_str("]}");
    let mut out = out.into_bytes();
    out.resize(size, b' ');
    out
}

/// Words, and an e-mail address among about thirty of them.
fn text(size: usize) -> String {
    let mut dice = dice();
    let mut out = String::new();
    while out.len() < size {
        let (one, other) = (word(&mut dice), word(&mut dice));
        let _ = if dice(30) == 0 { write!(out, "{one}@{other}.org ") } else { write!(out, "{one} {other}. ") };
    }
    out
}

fn html(size: usize) -> String {
    let mut dice = dice();
    let mut out = String::from("<!DOCTYPE html><html><head><title>All of them</title></head><body><h1>All</h1>");
    while out.len() < size {
        let (one, other, number) = (word(&mut dice), word(&mut dice), dice(1000));
        let _ = match dice(4) {
            0 => write!(out, "<h2 class=\"x\">{one} {other}</h2>"),
            1 => write!(out, "<ul><li>{one} &amp; {other}</li><li><b>{number}</b></li></ul>"),
            2 => write!(out, "<table><tr><th>{one}</th><td>{number}</td></tr></table>"),
            _ => write!(out, "<p>{one} <a href=\"/p/{number}\">{other}</a> and <em>{one}</em> {other}.</p>"),
        };
    }
    out.push_str("</body></html>");
    out
}
