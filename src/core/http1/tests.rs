use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};

use super::frames::Frames;
use super::head::{Framing, Parsed, Via, parse, write};
use crate::core::transport::Outgoing;

fn parsed(head: &str) -> Parsed {
    parse(head.as_bytes(), 0, false).unwrap().unwrap()
}

fn refused(head: &str) -> String {
    match parse(head.as_bytes(), 0, false) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("accepted: {head:?}"),
    }
}

fn framing(lines: &str) -> String {
    match parsed(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n")).framing {
        Framing::Length(length) => length.to_string(),
        Framing::Chunked(_) => "chunked".to_owned(),
        Framing::Close => "close".to_owned(),
        Framing::Ended => "ended".to_owned(),
    }
}

#[test]
fn a_head() {
    let text = "HTTP/1.1 404 Not here\r\nA: 1\r\nb:2 \r\na: 3\r\ncontent-length: 5\r\n\r\nhello";
    let Parsed { head, framing, size, keep } = parsed(text);
    assert_eq!((head.status.as_u16(), head.version, head.length), (404, http::Version::HTTP_11, Some(5)));
    assert_eq!(head.headers.get_all("a").iter().collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(head.headers["b"], "2");
    assert!(matches!(framing, Framing::Length(5)) && keep);
    assert_eq!(&text[size..], "hello");
}

#[test]
fn a_head_that_comes_in_pieces() {
    let text = b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\n\r\n";
    for first in 1..text.len() {
        assert!(parse(&text[..first], 0, false).unwrap().is_none());
        // What was seen is not looked at again, but for an end that is cut in two.
        assert_eq!(parse(text, first, false).unwrap().unwrap().size, text.len(), "{first}");
    }
}

#[test]
fn how_long_the_body_is() {
    assert_eq!(framing(""), "close");
    assert_eq!(framing("content-length: 7\r\n"), "7");
    assert_eq!(framing("content-length: 7, 7\r\ncontent-length: 7\r\n"), "7");
    assert_eq!(framing("transfer-encoding: chunked\r\n"), "chunked");
    assert_eq!(framing("transfer-encoding: gzip, Chunked\r\n"), "chunked");
    assert_eq!(framing("transfer-encoding: chunked, gzip\r\n"), "close");
    for status in ["204 No Content", "304 Not Modified", "100 Continue", "101 Switching"] {
        let head = parsed(&format!("HTTP/1.1 {status}\r\ncontent-length: 7\r\n\r\n"));
        assert!(head.framing.is_complete(), "{status}");
    }
    let to_head = parse(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", 0, true).unwrap().unwrap();
    assert!(to_head.framing.is_complete() && to_head.keep);
}

#[test]
fn lengths_that_are_none() {
    for value in ["", "-1", "+1", "0x10", "1 1", "1,2", "99999999999999999999", "1;", ","] {
        let message = refused(&format!("HTTP/1.1 200 OK\r\ncontent-length: {value}\r\n\r\n"));
        assert!(message.contains("Content-Length"), "{value}: {message}");
    }
    refused("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n");
    refused("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
}

#[test]
fn what_is_no_http() {
    for text in ["HTTP/2.0 200 OK\r\n\r\n", "SSH-2.0-x\r\n", "\u{0}", "HTTP/1.1 099 X\r\n\r\n", "HTTP/1.1 20 X\r\n\r\n"]
    {
        refused(text);
    }
    refused("HTTP/1.1 200 OK\r\na b: c\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n");
    refused(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101)));
    let endless = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(500_000));
    refused(&endless);
    assert!(parse(endless.as_bytes(), 100, false).is_err());
}

#[test]
fn who_is_kept() {
    let keeps = |text: &str| parsed(text).keep;
    assert!(keeps("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    assert!(!keeps("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: x, Close\r\n\r\n"));
    assert!(!keeps("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"));
    assert!(keeps("HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: Keep-Alive\r\n\r\n"));
    assert!(!keeps("HTTP/1.1 101 Switching\r\n\r\n"));
    // Somebody on the way may have believed the length.
    assert!(!keeps("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"));
}

/// Feeds `pieces`; the data, and how many bytes were left behind the end.
fn fed(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), String> {
    let (mut frames, mut into, mut left) = (Frames::default(), Vec::new(), 0);
    for piece in pieces {
        let used = frames.feed(piece, &mut into).map_err(|error| error.to_string())?;
        left += piece.len() - used;
    }
    Ok((into, frames.is_done(), left))
}

#[test]
fn chunks_however_they_are_cut() {
    let text = b"5\r\nhello\r\n1;a=\"b\"\r\n \r\n0005\r\nworld\r\n0\r\nTrailer: x\r\nAnother: y\r\n\r\n";
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let (data, done, left) = fed(&[&text[..first], &text[first..second], &text[second..]]).unwrap();
            assert_eq!((&data[..], done, left), (&b"hello world"[..], true, 0), "{first} {second}");
        }
    }
    assert_eq!(fed(&[b"0\r\n\r\nmore"]).unwrap(), (vec![], true, 4));
    assert_eq!(fed(&[b"2\r\nab\r\n0\r\n"]).unwrap(), (b"ab".to_vec(), false, 0));
}

#[test]
fn chunks_that_are_none() {
    for text in [
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "5 5\r\nhello",
        "5\nhello\r\n",
        "2\r\nabc\r\n",
        "2\r\nab\n",
        "1\r\na0\r\n\r\n",
        "11111111111111111\r\n",
        "0\r\nno trailer\r\n\r\n",
        "0\r\n folded\r\n\r\n",
        ";x\r\n",
    ] {
        assert!(fed(&[text.as_bytes()]).is_err(), "{text:?}");
    }
    let endless = "a".repeat(20_000);
    assert!(fed(&[b"5;", endless.as_bytes()]).is_err());
    assert!(fed(&[b"0\r\n", endless.as_bytes()]).is_err());
}

fn written_for(
    via: &Via,
    method: Method,
    url: &str,
    headers: &[(&'static str, &'static str)],
    body: Option<&'static str>,
) -> String {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    let url = url.parse().unwrap();
    let body = body.map(|body| Bytes::from_static(body.as_bytes()));
    let mut text = Vec::new();
    let wishes = write(&Outgoing { method, url: &url, headers: Cow::Borrowed(&map), body }, via, &mut text);
    let asked = [(wishes.close, "close"), (wishes.chunked, "chunked")];
    String::from_utf8(text).unwrap() + &asked.map(|(asked, word)| if asked { word } else { "" }).concat()
}

fn written(method: Method, url: &str, headers: &[(&'static str, &'static str)], body: Option<&'static str>) -> String {
    written_for(&Via::Nobody, method, url, headers, body)
}

#[test]
fn the_head_of_a_request() {
    assert_eq!(
        written(Method::GET, "http://Host.test?a=%20b#part", &[("x-a", "1"), ("x-a", "2")], None),
        "GET /?a=%20b HTTP/1.1\r\nhost: host.test\r\nx-a: 1\r\nx-a: 2\r\n\r\n"
    );
    assert_eq!(
        written(Method::PUT, "http://u:p@[::1]:81/a/../b", &[], Some("body")),
        "PUT /b HTTP/1.1\r\nhost: [::1]:81\r\ncontent-length: 4\r\n\r\n"
    );
    assert_eq!(
        written(Method::POST, "http://a/", &[("host", "b"), ("content-length", "1")], Some("x")),
        "POST / HTTP/1.1\r\nhost: b\r\ncontent-length: 1\r\n\r\n"
    );
}

#[test]
fn the_head_of_a_request_to_a_proxy() {
    let via = Via::Proxy(Some(HeaderValue::from_static("Basic x")));
    assert_eq!(
        written_for(&via, Method::GET, "http://u:p@a:81/b?c#d", &[], None),
        "GET http://a:81/b?c HTTP/1.1\r\nhost: a:81\r\nproxy-authorization: Basic x\r\n\r\n"
    );
    assert_eq!(
        written_for(&via, Method::GET, "http://a", &[("proxy-authorization", "own")], None),
        "GET http://a/ HTTP/1.1\r\nhost: a\r\nproxy-authorization: own\r\n\r\n"
    );
    assert_eq!(
        written_for(&Via::Proxy(None), Method::CONNECT, "http://a/b", &[], None),
        "CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n"
    );
}

#[test]
fn the_framing_of_a_request_is_that_of_its_body() {
    let written = |headers: &[(&'static str, &'static str)], body| written(Method::POST, "http://a/", headers, body);
    let head = "POST / HTTP/1.1\r\nhost: a\r\n";
    assert_eq!(written(&[("content-length", "7")], Some("x")), format!("{head}content-length: 1\r\n\r\n"));
    assert_eq!(written(&[("content-length", "7")], None), format!("{head}content-length: 0\r\n\r\n"));
    assert_eq!(
        written(&[("transfer-encoding", "Chunked"), ("content-length", "1")], Some("x")),
        format!("{head}transfer-encoding: chunked\r\n\r\nchunked")
    );
    assert_eq!(written(&[("transfer-encoding", "chunked")], None), format!("{head}\r\n"));
    assert_eq!(
        written(&[("connection", "TE, Close"), ("te", "trailers")], None),
        format!("{head}connection: TE, Close\r\nte: trailers\r\n\r\nclose")
    );
}
