//! No server can block the reactor: the CPU time of each poll of a request is bounded, for all faults of the test
//! server and for attacks.
//!
//! CPU time is measured per thread, so that other work on the machine does not count.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "tests")]

#[path = "../../testserver/tests/raw_http/mod.rs"]
mod raw_http;

use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use shoal_http::attempts::{FetchResult, Fetcher};
use shoal_http::client::{Client, ClientOptions};
use shoal_http::request::Request;
use shoal_http::settings::{Settings, Timeout};
use shoal_http::stats::Collector;

/// Maximum CPU time of one poll. Without optimisation everything takes up to 100 times as long.
const LIMIT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 5 });

/// Measures the longest poll of a future.
struct Watched<F>(Pin<Box<F>>, Duration);

impl<F: Future> Future for Watched<F> {
    type Output = (F::Output, Duration);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let begun = cpu_time();
        let polled = self.0.as_mut().poll(context);
        self.1 = self.1.max(cpu_time() - begun);
        polled.map(|output| (output, self.1))
    }
}

/// The CPU time of this thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `clock_gettime` writes one `timespec` through the pointer, which comes from a live variable of that type.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// Fetches `url` on a reactor of its own. Returns the outcome and the longest poll.
fn fetch(url: &str, save: bool, seconds: u64) -> (FetchResult, Duration) {
    let client = Client::new(ClientOptions::default()).unwrap();
    let call = Fetcher {
        session: client.session().unwrap(),
        limits: None,
        settings: Arc::new(Settings { timeout: Timeout::seconds(Duration::from_secs(seconds)), ..Settings::default() }),
        headers: Arc::default(),
        collector: Arc::new(Collector::new()),
    };
    let mut request = Request::get(url.parse().unwrap());
    let file = std::env::temp_dir().join(format!("shoal-watchdog-{}", std::process::id()));
    request.save_to = save.then_some(file.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let watched = Watched(Box::pin(call.fetch(Arc::new(request), 0)), Duration::ZERO);
    let result = runtime.block_on(watched);
    runtime.shutdown_background();
    let _ = std::fs::remove_file(file);
    result
}

/// The paths with a poll that is too long, in memory or to a file, in all of three tries. A single try may be charged
/// with work of the system.
fn too_long(base: &str, paths: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in paths {
        for save in [false, true] {
            let tries = [0; 3].iter().map(|_| fetch(&format!("{base}{path}"), save, 1).1);
            let mut quickest = Duration::MAX;
            for tried in tries {
                quickest = quickest.min(tried);
                if quickest <= LIMIT {
                    break;
                }
            }
            if quickest > LIMIT {
                found.push(format!("{path} (saved: {save}): {quickest:?}"));
            }
        }
    }
    found
}

#[test]
fn no_fault_of_the_test_server_blocks_the_reactor() {
    let server = raw_http::server();
    let base = format!("http://{}", server.address());
    let paths = [
        "/fault/reset",
        "/fault/reset?after=100",
        "/fault/truncate?n=1000000",
        "/fault/stall",
        "/fault/stall?after=1000000",
        "/fault/drip?n=5&interval_ms=10",
        "/fault/oversized-headers",
        "/fault/bad-chunk",
        "/fault/bad-head",
        "/fault/bad-length",
        "/fault/gzip-bomb",
        "/fault/br-bomb",
        "/fault/zstd-bomb",
        "/fault/corrupt-gzip",
        "/fault/truncated-gzip",
        "/bytes/60000000",
        "/redirect/10",
    ];
    let found = too_long(&base, &paths);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_attack_blocks_the_reactor() {
    let base = attacker();
    let paths: Vec<String> = (0..ATTACKS.len()).map(|number| format!("/{number}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let names: Vec<_> = ATTACKS.iter().map(|(name, _)| name).enumerate().collect();
    let found = too_long(&base, &paths);
    assert!(found.is_empty(), "{found:#?} of {names:?}");
}

#[test]
fn expensive_blocks_are_decoded() {
    let base = attacker();
    for (number, (name, _)) in ATTACKS.iter().enumerate() {
        let expected = match *name {
            "empty blocks with tables, gzip" => 0,
            "blocks with tables, brotli" => TABLES,
            "one byte a chunk" => ONE_BYTE,
            _ => continue,
        };
        let (outcome, _) = fetch(&format!("{base}/{number}"), false, 60);
        assert_eq!(
            outcome.map(|response| response.body.len()).map_err(|error| error.to_string()),
            Ok(expected),
            "{name}"
        );
    }
}

const TABLES: usize = 500;
const ONE_BYTE: usize = 300_000;

/// The responses, by name.
static ATTACKS: LazyLock<Vec<(&'static str, Vec<u8>)>> = LazyLock::new(|| {
    let nothing = empty_blocks(1 << 20);
    let mut members = Vec::new();
    for _ in 0..20_000 {
        members.extend(gzip(b""));
    }
    let mut attacks = vec![
        ("gzip of empty blocks", coded("gzip, gzip", &gzip(&nothing))),
        ("deflate of empty blocks", coded("gzip, deflate", &zlib(&nothing))),
        ("brotli of empty blocks", coded("gzip, br", &brotli(&nothing))),
        ("zstd of empty blocks", coded("gzip, zstd", &zstd(&empty_blocks(20 << 20)))),
        ("five times", coded("gzip, gzip, gzip, gzip, gzip", &gzip(&gzip(&gzip(&gzip(&nothing)))))),
        ("empty members", coded("gzip", &members)),
        ("empty frames", coded("zstd", &zstd(b"").repeat(100_000))),
        ("empty blocks with tables, gzip", coded("gzip", &deflate_tables(100_000))),
        ("blocks with tables, brotli", coded("br", &brotli_tables(TABLES))),
        ("one byte a chunk", chunked(&b"1\r\nx\r\n".repeat(ONE_BYTE))),
        ("long extensions", chunked(&[b"1;".as_slice(), &[b'x'; 1000], b"\r\nx\r\n"].concat().repeat(5000))),
        ("interim answers", [&b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100_000)[..], &coded("", b"")].concat()),
        ("many headers", headed(&b"X-A: a\r\n".repeat(40_000))),
        ("many cookies", headed(&b"Set-Cookie: a=b\r\n".repeat(20_000))),
    ];
    let cookies: String = (0..15_000).map(|number| format!("Set-Cookie: c{number}=b\r\n")).collect();
    attacks.push(("different cookies", headed(cookies.as_bytes())));
    for (name, location) in [
        ("long path", "/".to_owned() + &"a/../".repeat(60_000)),
        ("long fragment", "/0#".to_owned() + &"ä".repeat(100_000)),
        ("long host", format!("http://{}/", "ä".repeat(100_000))),
        ("many labels", format!("http://{}/", "ä.".repeat(60_000))),
    ] {
        let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        attacks.push((name, redirect.into_bytes()));
    }
    attacks
});

/// `count` empty deflate blocks.
fn empty_blocks(count: usize) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    bytes.extend([0, 0, 0, 0xff, 0xff].repeat(count));
    bytes
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn brotli(data: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 64 << 10, 1, 22);
    encoder.write_all(data).unwrap();
    encoder.into_inner()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 1).unwrap()
}

/// A bit writer, lowest bit first.
#[derive(Default)]
struct Bits(Vec<u8>, usize);

impl Bits {
    fn put(&mut self, count: usize, value: u32) {
        for bit in 0..count {
            if self.1.is_multiple_of(8) {
                self.0.push(0);
            }
            *self.0.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.1 % 8);
            self.1 += 1;
        }
    }
}

/// gzip of `count` blocks that have only code tables, 11 bytes each.
fn deflate_tables(count: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    for last in (0..count).map(|number| u32::from(number + 1 == count)) {
        bits.put(1, last);
        bits.put(2, 2);
        // 257 literal codes, 1 distance code, 18 length codes: "138 zeros or fewer" and "1" have one bit each.
        bits.put(5, 0);
        bits.put(5, 0);
        bits.put(4, 14);
        for place in 0..18 {
            bits.put(3, u32::from(place == 2 || place == 17));
        }
        // Code 0 is "1", code 1 is "138 zeros or fewer": 256 zeros, 1 for the end of the block, and 1 for a distance.
        for zeros in [138 - 11, 118 - 11] {
            bits.put(1, 1);
            bits.put(7, zeros);
        }
        bits.put(2, 0);
        bits.put(1, 0);
    }
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], &bits.0[..], &[0; 8]].concat()
}

/// brotli of `count` blocks of one byte, each with 256 literal tables, 400 bytes.
fn brotli_tables(count: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(1, 0); // a window of 64 KiB
    for _ in 0..count {
        bits.put(1, 0); // not the last block
        bits.put(2, 0); // the length has four nibbles,
        bits.put(16, 0); // and is 1
        bits.put(1, 0); // compressed
        bits.put(3, 0); // one block type each
        bits.put(6, 0); // no direct distances
        bits.put(2, 0); // the context is the last byte's low bits
        bits.put(4, 15);
        bits.put(7, 127); // 256 trees of literals,
        bits.put(1, 0); // a map without runs,
        simple(&mut bits, 8, 0); // all contexts use the first tree,
        bits.put(1, 0); // no inverse move-to-front
        bits.put(1, 0); // one distance tree
        for _ in 0..256 {
            simple(&mut bits, 8, u32::from(b'x'));
        }
        simple(&mut bits, 10, 8); // insert one literal
        simple(&mut bits, 6, 0);
    }
    bits.put(2, 3); // the last block, empty
    bits.0
}

/// A prefix code of one symbol.
fn simple(bits: &mut Bits, size: usize, symbol: u32) {
    bits.put(2, 1);
    bits.put(2, 0);
    bits.put(size, symbol);
}

fn coded(codings: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {codings}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn chunked(chunks: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunks, b"0\r\n\r\n"].concat()
}

fn headed(headers: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n", headers, b"Content-Length: 0\r\n\r\n"].concat()
}

/// A server that sends the attack whose number is the path, and closes.
fn attacker() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let stream = stream.unwrap();
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let asked = lines.next().unwrap_or_default();
                lines.find(String::is_empty);
                let number: Option<usize> = asked.split(['/', ' ']).find_map(|word| word.parse().ok());
                // Fails when the client has closed.
                let _ = (&stream).write_all(&ATTACKS[number.unwrap_or_default()].1);
            });
        }
    });
    format!("http://{address}")
}
