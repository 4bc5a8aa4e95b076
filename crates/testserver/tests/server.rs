//! The well-behaved routes of the embedded server and its protocol, over raw sockets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod raw_http;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use raw_http::{ask, connect, get, parse, pattern, raw, read_one, server, wait_until};
use shoal_testserver::{Options, Server};

#[test]
fn bytes_and_json_have_their_length() {
    let server = server();
    for n in [0, 1, 100, 65_536, 65_537, 3_000_000] {
        let response = get(&server, &format!("/bytes/{n}"));
        assert_eq!(response.header("content-length"), Some(n.to_string().as_str()));
        assert_eq!(response.body, pattern(0, n));
    }
    for n in [100, 10_240, 200_000] {
        let (one, two) = (get(&server, &format!("/json/{n}?i=7")), get(&server, &format!("/json/{n}?i=7")));
        assert_eq!((one.status, one.body.len()), (200, n));
        assert_eq!(one.body, two.body);
        assert!(one.text().starts_with("{\"i\":7,"));
        assert_eq!(get(&server, &format!("/json/{n}?i=19999")).body.len(), n);
    }
    assert_eq!(get(&server, "/bytes/x").status, 400);
    assert_eq!(get(&server, "/json/99999999999").status, 400);
    assert_eq!(get(&server, "/nothing").status, 404);
    assert!(get(&server, "/").text().contains("/fault/flaky\n"));
}

#[test]
fn keep_alive_pipelining_and_head() {
    let server = server();
    let mut stream = connect(&server);
    let burst: String = (0..50).map(|index| format!("GET /json/100?i={index} HTTP/1.1\r\nhost: x\r\n\r\n")).collect();
    stream.write_all(burst.as_bytes()).unwrap();
    for index in 0..50 {
        assert!(read_one(&mut stream).text().starts_with(&format!("{{\"i\":{index},")));
    }
    // A head in two parts, and HEAD responses with a length and no body before the next response.
    stream.write_all(b"HEAD /bytes/5000 HTTP/1.1\r\nho").unwrap();
    std::thread::sleep(Duration::from_millis(30));
    stream.write_all(b"st: x\r\n\r\nHEAD /chunked/10 HTTP/1.1\r\n\r\nGET /close HTTP/1.1\r\n\r\n").unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    let heads: Vec<_> = rest.matches("HTTP/1.1 200 OK").collect();
    assert_eq!(heads.len(), 3);
    assert!(rest.contains("content-length: 5000\r\n\r\nHTTP/1.1") && rest.contains("chunked\r\n\r\nHTTP/1.1"));
    assert!(rest.contains("connection: close"));
    assert_eq!(server.stats().connections_opened, 1);
    assert_eq!(server.stats().requests, 53);
    assert_eq!(server.requests("/json"), 50);
}

#[test]
fn http10_closes_unless_keep_alive_is_requested() {
    let server = server();
    let bytes = raw(&server, "GET /bytes/3 HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(parse(&bytes).body, [0, 1, 2]);
    let mut stream = connect(&server);
    stream.write_all(b"GET /bytes/3 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").unwrap();
    assert_eq!(read_one(&mut stream).header("connection"), Some("keep-alive"));
    stream.write_all(b"GET /chunked/3 HTTP/1.0\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    let response = parse(&rest);
    assert_eq!((response.header("transfer-encoding"), response.body.clone()), (None, vec![0, 1, 2]));
    let old = raw(&server, "GET /http10 HTTP/1.1\r\n\r\n").unwrap();
    assert!(old.starts_with(b"HTTP/1.0 200 OK\r\n") && old.ends_with(b"connection\n"));
}

#[test]
fn echo_repeats_the_request() {
    let server = server();
    let request = "PATCH http://other.example/echo/a%20b?x=1&x=2&y=%C3%A9 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n\
                   Content-Length: 5\r\nConnection: close\r\n\r\nh\u{e9}\"!";
    let text = parse(&raw(&server, request).unwrap()).text();
    for part in [
        "\"method\":\"PATCH\"",
        "\"path\":\"/echo/a b\"",
        "\"query\":[[\"x\",\"1\"],[\"x\",\"2\"],[\"y\",\"é\"]]",
        "[\"Host\",\"h\"],[\"X-A\",\"1\"],[\"x-a\",\"2\"]",
        "\"body\":\"hé\\\"!\"",
        "\"body_length\":5",
        "\"body_base64\":\"aMOpIiE=\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn bodies_with_every_framing() {
    let server = server();
    let chunked =
        "POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\n123\r\n6\r\n456789\r\n0\r\nT: 1\r\n\r\n";
    let mut stream = connect(&server);
    stream.write_all(chunked.as_bytes()).unwrap();
    assert_eq!(read_one(&mut stream).text(), "{\"length\":9,\"crc32\":3421780262}");
    // On the same connection, with 100-continue.
    stream.write_all(b"PUT /upload HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n").unwrap();
    assert_eq!(read_one(&mut stream).status, 100);
    stream.write_all(b"123456789").unwrap();
    assert_eq!(read_one(&mut stream).text(), "{\"length\":9,\"crc32\":3421780262}");
    // A large body; the bytes after it are the next request.
    stream.write_all(b"POST /bytes/1 HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n").unwrap();
    stream.write_all(&vec![7; 20_000_000]).unwrap();
    assert_eq!(read_one(&mut stream).body, [0]);
    assert_eq!(server.stats().connections_opened, 1);
    for (request, status) in [
        ("POST /echo HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        ("POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", 400),
        ("\u{1}\u{2} nonsense\r\n\r\n", 400),
    ] {
        assert_eq!(parse(&raw(&server, request).unwrap()).status, status, "{request:?}");
    }
    let long = format!("GET /bytes/1 HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(400_000));
    assert_eq!(parse(&raw(&server, &long).unwrap()).status, 431);
}

#[test]
fn statuses_headers_and_redirects() {
    let server = server();
    for code in [200, 204, 304, 404, 418, 503, 599, 999] {
        assert_eq!(get(&server, &format!("/status/{code}")).status, code);
    }
    assert_eq!(get(&server, "/status/1000").status, 400);
    let early = raw(&server, "GET /status/103 HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
    assert!(early.starts_with(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"));
    let empty = get(&server, "/empty");
    assert_eq!((empty.status, empty.header("content-length"), empty.body.len()), (204, None, 0));
    let response = get(&server, "/response-headers?X-A=1&X-A=2&Content-Type=text/x%0d%0aEvil:1&Content-Length=9");
    let values: Vec<_> =
        response.headers.iter().filter(|(name, _)| name == "x-a").map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["1", "2"]);
    assert_eq!(response.header("content-type"), Some("text/x  Evil:1"));
    assert_eq!(get(&server, "/headers?x-b=3").header("x-b"), Some("3"));
    for (target, status, location) in [
        ("/redirect/3", 302, "/redirect/2"),
        ("/redirect/3?code=307", 307, "/redirect/2?code=307"),
        ("/redirect/1?code=308", 308, "/echo"),
        ("/redirect-to?url=http%3A%2F%2Fother%3A1%2F&code=301", 301, "http://other:1/"),
        ("/redirect-loop", 302, "/redirect-loop"),
    ] {
        let response = get(&server, target);
        assert_eq!((response.status, response.header("location")), (status, Some(location)), "{target}");
    }
    assert_eq!(get(&server, "/redirect/0").status, 200);
    assert_eq!(get(&server, "/redirect-to").status, 400);
    assert_eq!(get(&server, "/redirect/2?code=200").status, 400);
}

#[test]
fn codings_decode_to_the_document() {
    let server = server();
    let plain = get(&server, "/json/5000").body;
    let indexed = get(&server, "/json/5000?i=3").body;
    let unpack = |bytes: &[u8], coding: &str| {
        let mut out = Vec::new();
        match coding {
            "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
            "deflate" => flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut out),
            "deflate-raw" => flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out),
            "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out),
            _ => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut out),
        }
        .unwrap();
        out
    };
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let response = get(&server, &format!("/{coding}/5000"));
        assert_eq!(response.header("content-encoding"), Some(coding));
        assert!(response.body.len() < 3000);
        assert_eq!(unpack(&response.body, coding), plain);
        assert_eq!(get(&server, &format!("/{coding}/5000")).body, response.body);
        assert_eq!(unpack(&get(&server, &format!("/{coding}/5000?i=3")).body, coding), indexed);
        assert_eq!(unpack(&get(&server, &format!("/{coding}")).body, coding).len(), 1024);
    }
    assert_eq!(unpack(&get(&server, "/deflate/5000?raw=1").body, "deflate-raw"), plain);
    for (target, coding) in [("/fault/corrupt-gzip", "gzip"), ("/fault/truncated-gzip", "gzip")] {
        let response = get(&server, target);
        assert_eq!(response.header("content-encoding"), Some(coding));
        let mut out = Vec::new();
        assert!(flate2::read::GzDecoder::new(response.body.as_slice()).read_to_end(&mut out).is_err(), "{target}");
    }
}

#[test]
fn cookies_credentials_and_conditions() {
    let server = server();
    let shown = ask(&server, "/cookies", "Cookie: a=1; b=\"2\"; a=3\r\n").text();
    assert_eq!(
        shown,
        "{\"cookies\":{\"b\":\"\\\"2\\\"\",\"a\":\"3\"},\"pairs\":[[\"a\",\"1\"],[\"b\",\"\\\"2\\\"\"],[\"a\",\"3\"]]}"
    );
    let set = get(&server, "/cookies/set?a=1&b=2&redirect=/cookies");
    assert_eq!(
        (set.status, set.header("location"), set.header("set-cookie")),
        (302, Some("/cookies"), Some("a=1; Path=/"))
    );
    assert_eq!(get(&server, "/cookies/set?a=1&attributes=Max-Age%3D0").header("set-cookie"), Some("a=1; Max-Age=0"));
    assert_eq!(ask(&server, "/basic-auth/u/p%C3%A4", "Authorization: Basic dTpww6Q=\r\n").status, 200);
    let refused = ask(&server, "/basic-auth/u/p", "Authorization: Basic dTpww6Q=\r\n");
    assert!(refused.status == 401 && refused.header("www-authenticate").unwrap().starts_with("Basic "));
    assert_eq!(get(&server, "/bearer").status, 401);
    assert_eq!(ask(&server, "/bearer", "authorization: bearer abc\r\n").status, 200);
    assert_eq!(ask(&server, "/bearer?token=x", "authorization: Bearer abc\r\n").status, 401);
    let fresh = get(&server, "/etag");
    assert_eq!((fresh.status, fresh.header("etag")), (200, Some("\"shoal\"")));
    let same = ask(&server, "/etag", "If-None-Match: \"x\", \"shoal\"\r\n");
    assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some("\"shoal\"")));
    let part = ask(&server, "/range/1000", "Range: bytes=250-259\r\n");
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 250-259/1000")));
    assert_eq!(part.body, pattern(250, 10));
    let beyond = ask(&server, "/range/1000", "Range: bytes=1000-\r\n");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */1000")));
    let whole = ask(&server, "/range/1000", "Range: bytes=1-2\r\nIf-Range: \"old\"\r\n");
    assert_eq!((whole.status, whole.body.len(), whole.header("accept-ranges")), (200, 1000, Some("bytes")));
}

#[test]
fn streams_and_charsets() {
    let server = server();
    assert_eq!(get(&server, "/chunked/300000?piece=70000").body, pattern(0, 300_000));
    let bytes = raw(&server, "GET /chunked/9?trailers HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("trailer: x-checksum, x-length\r\n") && text.ends_with("x-length: 9\r\n\r\n"), "{text}");
    let start = Instant::now();
    let events = get(&server, "/sse?n=3&interval_ms=30");
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert_eq!(events.text().matches("event: tick\n").count(), 3);
    let latin = get(&server, "/charset?name=latin-1&text=%C3%A9");
    assert_eq!((latin.header("content-type"), latin.body.clone()), (Some("text/plain; charset=latin-1"), vec![0xe9]));
    assert_eq!(get(&server, "/charset?name=utf-16le&text=%C3%A9").body, [0xe9, 0]);
    assert!(get(&server, "/charset?name=shift_jis").body.len() > 5);
    let silent = get(&server, "/charset?name=koi8-r&declare=0&html=1");
    assert_eq!(silent.header("content-type"), Some("text/html"));
    assert!(String::from_utf8_lossy(&silent.body).contains("<meta charset=\"koi8-r\">"));
    assert_eq!(get(&server, "/charset?name=ascii&text=%E6%97%A5").status, 400);
    assert_eq!(get(&server, "/charset?name=klingon").status, 400);
}

#[test]
fn delays_run_concurrently_and_are_counted() {
    let server = server();
    let start = Instant::now();
    let mut streams: Vec<_> = (0..20).map(|_| connect(&server)).collect();
    for stream in &mut streams {
        stream.write_all(b"GET /delay/100?n=4 HTTP/1.1\r\n\r\n").unwrap();
    }
    for stream in &mut streams {
        assert_eq!(read_one(stream).body, [0, 1, 2, 3]);
    }
    assert!(start.elapsed() >= Duration::from_millis(100) && start.elapsed() < Duration::from_millis(1500));
    let stats = server.stats();
    assert_eq!(
        (stats.requests, stats.connections_opened, stats.peak_requests, stats.peak_connections),
        (20, 20, 20, 20)
    );
    assert!(stats.bytes_sent > 20 * 50);
    drop(streams);
    wait_until("connections are forgotten", || server.stats().connections_open == 0);
    server.reset_stats();
    assert_eq!(server.stats(), shoal_testserver::Stats::default());
}

#[test]
fn the_statistics_service() {
    let latency = Duration::from_millis(50);
    let server = Server::start(&Options { latency, ..Options::default() }).unwrap();
    let start = Instant::now();
    let all = get(&server, "/stats/commonallplayers?LeagueID=00&Season=2016-17").text();
    assert!(start.elapsed() >= latency);
    assert_eq!(all.matches("],[").count(), 499);
    assert!(
        all.contains("\"Marlowe, D'Angelo\",\"D'Angelo Marlowe\"") && all.contains("\"name\":\"CommonAllPlayers\"")
    );
    let id: u64 = all.split("\"rowSet\":[[").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    let one = get(&server, &format!("/stats/commonplayerinfo?PlayerID={id}"));
    assert!((2500..12_000).contains(&one.body.len()), "{}", one.body.len());
    for part in ["CommonPlayerInfo", "PlayerHeadlineStats", "AvailableSeasons"] {
        assert!(one.text().contains(&format!("\"name\":\"{part}\"")));
    }
    assert_eq!(get(&server, "/stats/commonplayerinfo").status, 400);
    assert_eq!(get(&server, "/stats/commonplayerinfo?PlayerID=x").status, 400);
    assert_eq!(get(&server, "/stats/commonplayerinfo?PlayerID=1").status, 404);
    assert_eq!(get(&server, "/stats/other").status, 404);
    assert_eq!(server.requests("/stats/commonplayerinfo"), 4);
}

#[test]
fn close_releases_the_port_and_the_connections() {
    let server = Server::start(&Options { threads: 2, ..Options::default() }).unwrap();
    let mut stream = connect(&server);
    stream.write_all(b"GET /fault/stall HTTP/1.1\r\n\r\n").unwrap();
    wait_until("the request arrives", || server.stats().requests_active == 1);
    let start = Instant::now();
    server.close();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!((server.stats().connections_open, server.stats().requests_active), (0, 0));
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    assert!(TcpStream::connect(server.address()).is_err());
    server.close();
    assert!(server.is_closed());
    let again = Server::start(&Options { port: server.address().port(), ..Options::default() }).unwrap();
    assert_eq!(again.address(), server.address());
    let taken = Server::start(&Options { port: again.address().port(), ..Options::default() });
    assert_eq!(taken.err().unwrap().kind(), io::ErrorKind::AddrInUse);
}
