//! Every fault route of the embedded server, over raw sockets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod raw_http;

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use raw_http::{LIMIT, connect, get, parse, pattern, raw, server, wait_until};

#[test]
fn bombs_are_fast_to_send_and_small() {
    let server = server();
    let start = Instant::now();
    for (target, most) in
        [("/fault/gzip-bomb", 350_000), ("/fault/br-bomb?mb=300", 50_000), ("/fault/zstd-bomb", 50_000)]
    {
        let size = get(&server, target).body.len();
        assert!((100..most).contains(&size), "{target}: {size}");
    }
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    let bomb = get(&server, "/fault/gzip-bomb?mb=10").body;
    let unpacked = io::copy(&mut flate2::read::GzDecoder::new(bomb.as_slice()), &mut io::sink()).unwrap();
    assert_eq!(unpacked, 10 * 1024 * 1024);
    assert_eq!(get(&server, "/fault/gzip-bomb?mb=0").status, 400);
}

#[test]
fn a_client_that_disconnects_is_noticed_while_it_waits() {
    let server = server();
    for target in ["/delay/60000", "/fault/stall", "/fault/stall?after=10", "/fault/drip?interval_ms=60000"] {
        let mut stream = connect(&server);
        stream.write_all(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
        wait_until("the request arrives", || server.stats().requests_active == 1);
        stream.shutdown(Shutdown::Both).unwrap();
        wait_until("the request ends", || server.stats().requests_active == 0 && server.stats().connections_open == 0);
    }
}

#[test]
fn resets_and_truncations() {
    let server = server();
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\n\r\n");
    assert_eq!(raw(&server, &request("/fault/reset")).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let mut stream = connect(&server);
    stream.write_all(request("/fault/reset?after=100").as_bytes()).unwrap();
    let mut got = Vec::new();
    let failure = stream.read_to_end(&mut got).unwrap_err();
    assert_eq!(failure.kind(), io::ErrorKind::ConnectionReset);
    let partial = parse(&got);
    assert_eq!((partial.header("content-length"), partial.body.clone()), (Some("1100"), pattern(0, 100)));
    let cut = parse(&raw(&server, &request("/fault/truncate?n=1000&sent=400")).unwrap());
    assert_eq!((cut.header("content-length"), cut.body.len()), (Some("1000"), 400));
    let start = Instant::now();
    let drip = get(&server, "/fault/drip?n=5&interval_ms=20");
    assert!(drip.body == pattern(0, 5) && start.elapsed() >= Duration::from_millis(100));
    let mut stream = connect(&server);
    stream.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    stream.write_all(request("/fault/stall").as_bytes()).unwrap();
    assert!(matches!(stream.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
}

#[test]
fn broken_protocol() {
    let server = server();
    let request = |target: &str| raw(&server, &format!("GET {target} HTTP/1.1\r\n\r\n")).unwrap();
    assert!(request("/fault/bad-head").starts_with(b"HTPP/9.9"));
    assert!(String::from_utf8(request("/fault/bad-chunk")).unwrap().contains("\r\nnot-a-size\r\n"));
    let lengths = String::from_utf8(request("/fault/bad-length")).unwrap();
    assert!(lengths.contains("content-length: 5\r\ncontent-length: 7\r\n"));
    let large = get(&server, "/fault/oversized-headers?n=200000");
    assert_eq!(large.header("x-large").unwrap().len(), 200_000);
    assert_eq!(get(&server, "/fault/oversized-headers?count=3000").headers.len(), 3003);
}

#[test]
fn flaky_routes_count_per_key() {
    let server = server();
    for (attempt, status) in [(1, 500), (2, 500), (3, 200), (4, 200)] {
        let response = get(&server, "/fault/flaky/2?key=a&code=500");
        assert_eq!(response.status, status);
        assert!(response.text().contains(&format!("\"attempt\":{attempt}}}")));
    }
    assert_eq!(get(&server, "/fault/flaky/1?key=b").status, 503);
    assert_eq!((server.attempts("a"), server.attempts("b"), server.attempts("c")), (4, 1, 0));
    assert_eq!((server.requests("/fault/flaky"), server.requests("/fault"), server.requests("/")), (5, 5, 5));
    let close = "GET /fault/flaky/1?key=r&kind=reset HTTP/1.1\r\nconnection: close\r\n\r\n";
    assert_eq!(raw(&server, close).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(parse(&raw(&server, close).unwrap()).status, 200);
    let limited = get(&server, "/fault/429?retry_after=7&key=l");
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("7")));
    assert_eq!(get(&server, "/fault/429?retry_after=7&key=l").status, 200);
    let dated = get(&server, "/fault/retry-after-date?seconds=60");
    let date = httpdate::parse_http_date(dated.header("retry-after").unwrap()).unwrap();
    let ahead = date.duration_since(std::time::SystemTime::now()).unwrap();
    assert!(dated.status == 503 && (50..=60).contains(&ahead.as_secs()));
    assert_eq!(get(&server, "/fault/retry-after-date?seconds=60").status, 200);
    assert_eq!(get(&server, "/fault/flaky/1?kind=odd").status, 400);
    get(&server, "/bytes/1?key=plain");
    assert_eq!(server.attempts("plain"), 1);
}
