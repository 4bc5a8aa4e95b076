use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::chunked::ChunkedDecoder;
use super::client::Http1;
use super::connection::Connection;
use super::lenient;
use super::request::{TargetForm, write};
use super::response::{Framing, Parsed, parse, without_empty_lines};
use super::stream::Stream;
use crate::control_bytes;
use crate::descriptors;
use crate::transport::interface::Outgoing;
use crate::transport::reqwest_connector::Connected;

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
    let Parsed { head, framing, size, reusable } = parsed(text);
    assert_eq!((head.status.as_u16(), head.version, head.length), (404, http::Version::HTTP_11, Some(5)));
    assert_eq!(head.headers.get_all("a").iter().collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(head.headers["b"], "2");
    assert!(matches!(framing, Framing::Length(5)) && reusable);
    assert_eq!(&text[size..], "hello");
}

#[test]
fn a_head_may_arrive_in_pieces() {
    let text = b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\n\r\n";
    for first in 1..text.len() {
        assert!(parse(&text[..first], 0, false).unwrap().is_none());
        // Parsed bytes are not searched again, except for a line end that is split.
        assert_eq!(parse(text, first, false).unwrap().unwrap().size, text.len(), "{first}");
    }
}

/// The parts of a parsed head that are compared.
fn outcome(parsed: Parsed) -> (u16, HeaderMap, usize, bool) {
    (parsed.head.status.as_u16(), parsed.head.headers, parsed.size, parsed.reusable)
}

/// Parses `pieces` as a connection does: received bytes are kept without the empty lines before the head.
fn trickled<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<(u16, HeaderMap, usize, bool)> {
    let (mut begun, mut dropped) = (Vec::new(), 0);
    for piece in pieces {
        let seen = begun.len();
        begun.extend_from_slice(piece);
        match parse(&begun, seen, false) {
            Err(_) => return None,
            Ok(Some(parsed)) => {
                let (status, headers, size, reusable) = outcome(parsed);
                return Some((status, headers, size + dropped, reusable));
            }
            Ok(None) => {
                let rest = without_empty_lines(&begun).len();
                dropped += begun.len() - rest;
                begun.drain(..begun.len() - rest);
            }
        }
    }
    panic!("no head, and no error");
}

const LINES: [&str; 16] = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 100 Continue",
    "HTTP/1.0 404",
    "HTTP/1.1 200 a\x01b",
    "HTTP/1.1 20",
    "SSH-2.0-x",
    "",
    "\r",
    "A: 1",
    "Set-Cookie: a=\x01b\x7f\t\u{fc}",
    " folded",
    "\t ",
    "Empty:",
    "Content-Length: 3",
    "no colon",
    "A: b\rc",
];

#[test]
fn a_head_may_be_split_anywhere() {
    let mut random = fastrand::Rng::with_seed(7);
    let (mut complete, mut lenient) = (0, 0);
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..random.usize(0..3) {
            text += ["\n", "\r\n"][random.usize(0..2)];
        }
        text += LINES[if random.bool() { 0 } else { random.usize(0..LINES.len()) }];
        for _ in 0..random.usize(0..7) {
            text += ["\n", "\r\n"][random.usize(0..2)];
            text += LINES[random.usize(6..LINES.len())];
        }
        text += ["\n\n", "\r\n\r\n", "\n\r\n", "\r\n\n"][random.usize(0..4)];
        text += "more";
        let text = text.as_bytes();
        let whole = parse(text, 0, false).ok().map(|parsed| outcome(parsed.unwrap()));
        let each: Vec<_> = (0..text.len()).map(|_| random.bool()).collect();
        let mut at = 0;
        let mut random_pieces = Vec::new();
        for (end, cut) in (1..).zip(each) {
            if cut || end == text.len() {
                random_pieces.push(&text[at..end]);
                at = end;
            }
        }
        assert_eq!(trickled(text.chunks(1)), whole, "{:?}", text.escape_ascii().to_string());
        assert_eq!(trickled(random_pieces.into_iter()), whole, "{:?}", text.escape_ascii().to_string());
        complete += usize::from(whole.is_some());
        // The lenient parser has the same result for heads that httparse accepts.
        let skipped = text.len() - without_empty_lines(text).len();
        let mut space = [httparse::EMPTY_HEADER; 100];
        let mut strict = httparse::Response::new(&mut space);
        if let Ok(httparse::Status::Complete(size)) = strict.parse(&text[skipped..]) {
            let fields = lenient::parse(&text[skipped..]).unwrap().unwrap();
            assert_eq!((fields.size, Some(fields.code), Some(fields.version)), (size, strict.code, strict.version));
            let (_, headers, ..) = whole.unwrap();
            assert_eq!(fields.headers, headers);
        } else {
            lenient += usize::from(whole.is_some());
        }
    }
    assert!(complete > 4_000 && lenient > 1_000, "{complete} {lenient}");
}

#[test]
fn a_head_that_arrives_byte_by_byte_takes_linear_time() {
    // Parsing again at each byte would read 2 * 10^10 bytes for 200 KB.
    let head = |line: &str| format!("HTTP/1.1 200 OK\r\n{}\r\n", line.repeat(30_000));
    for text in [head("a: b\r\n"), head("a: \x01\n"), "\r\n".repeat(100_000) + "HTTP/1.1 200 OK\n\n"] {
        assert_eq!(trickled(text.as_bytes().chunks(1)).unwrap().0, 200);
    }
}

#[test]
fn lenient_heads_are_read_as_in_other_clients() {
    let text = "HTTP/1.1 200 \x02\r\nA: a\r\n \t b \r\n \r\nB:\r\n c\nSet-Cookie: incap=a\x01b\r\n\r\nrest";
    let Parsed { head, size, reusable, .. } = parsed(text);
    assert_eq!((&text[size..], reusable), ("rest", true));
    assert_eq!(head.headers["a"], "a b");
    assert_eq!(head.headers["b"], "c");
    assert_eq!(*control_bytes::decode(head.headers["set-cookie"].as_bytes()), *b"incap=a\x01b");
    let many: String = (0..3_000).map(|number| format!("X-{number}: {number}\r\n")).collect();
    let head = parsed(&format!("HTTP/1.1 200 OK\r\n{many}\r\n")).head;
    assert_eq!((head.headers.len(), head.headers["x-2999"].as_bytes()), (3_000, &b"2999"[..]));
    let folded_length = parsed("HTTP/1.1 200 OK\r\nContent-Length:\r\n 7\r\n\r\n");
    assert!(matches!(folded_length.framing, Framing::Length(7)));
}

#[test]
fn framings() {
    assert_eq!(framing(""), "close");
    assert_eq!(framing("content-length: 7\r\n"), "7");
    assert_eq!(framing("content-length: 7, 7\r\ncontent-length: 7\r\n"), "7");
    assert_eq!(framing("transfer-encoding: chunked\r\n"), "chunked");
    assert_eq!(framing("transfer-encoding: gzip, Chunked\r\n"), "chunked");
    assert_eq!(framing("transfer-encoding: chunked, gzip\r\n"), "close");
    let old = parsed("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n");
    assert!(matches!(old.framing, Framing::Chunked(_)) && !old.reusable);
    for status in ["204 No Content", "304 Not Modified", "100 Continue", "101 Switching"] {
        let head = parsed(&format!("HTTP/1.1 {status}\r\ncontent-length: 7\r\n\r\n"));
        assert!(head.framing.is_complete(), "{status}");
    }
    let to_head = parse(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", 0, true).unwrap().unwrap();
    assert!(to_head.framing.is_complete() && to_head.reusable);
}

#[test]
fn invalid_lengths() {
    for value in ["", "-1", "+1", "0x10", "1 1", "1,2", "99999999999999999999", "1;", ","] {
        let message = refused(&format!("HTTP/1.1 200 OK\r\ncontent-length: {value}\r\n\r\n"));
        assert!(message.contains("Content-Length"), "{value}: {message}");
    }
    refused("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n");
}

#[test]
fn bytes_that_are_not_http() {
    for text in ["HTTP/2.0 200 OK\r\n\r\n", "SSH-2.0-x\r\n", "\u{0}", "HTTP/1.1 099 X\r\n\r\n", "HTTP/1.1 20 X\r\n\r\n"]
    {
        refused(text);
    }
    refused("HTTP/1.1 200 OK\r\na b: c\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\n folded: b\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\na: \0\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n");
    refused(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(100_000)));
    refused(&format!("HTTP/1.1 200 OK\r\n{}\r\n", (0..40_000).map(|n| format!("{n}:\n")).collect::<String>()));
    let endless = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(500_000));
    refused(&endless);
    assert!(parse(endless.as_bytes(), 100, false).is_err());
}

#[test]
fn reusable_connections() {
    let keeps = |text: &str| parsed(text).reusable;
    assert!(keeps("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    assert!(!keeps("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: x, Close\r\n\r\n"));
    assert!(!keeps("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"));
    assert!(keeps("HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: Keep-Alive\r\n\r\n"));
    assert!(!keeps("HTTP/1.1 101 Switching\r\n\r\n"));
    // An intermediary may have used the length instead of the chunks.
    assert!(!keeps("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"));
}

/// Feeds `pieces`. Returns the data, whether the body is complete, and the number of bytes after its end.
fn fed(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), String> {
    let (mut decoder, mut into, mut left) = (ChunkedDecoder::default(), Vec::new(), 0);
    for piece in pieces {
        let used = decoder.feed(piece, &mut into).map_err(|error| error.to_string())?;
        left += piece.len() - used;
    }
    Ok((into, decoder.is_done(), left))
}

#[test]
fn chunks_may_be_split_anywhere() {
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
fn invalid_chunks() {
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
        "00011111111111111111\r\n",
        "5;a\n",
        "0\r\nno trailer\r\n\r\n",
        "0\r\na: \0\r\n\r\n",
        "0\r\n folded\r\n\r\n",
        ";x\r\n",
    ] {
        assert!(fed(&[text.as_bytes()]).is_err(), "{text:?}");
    }
    for (beginning, endless) in [("5;", "a"), ("5", " "), ("0", "0"), ("0\r\n", "a"), ("0\r\n", "a: b\r\n")] {
        assert!(fed(&[beginning.as_bytes(), endless.repeat(500_000).as_bytes()]).is_err(), "{beginning:?} {endless:?}");
    }
}

#[test]
fn lenient_chunks_are_read_as_in_other_clients() {
    let trailers = "Trailer: x\r\n".repeat(2_000);
    for text in [
        "0000000000000005\r\nhello\r\n0\r\n\r\n",
        "00000000000000000000000000005\r\nhello\r\n00000000000000000000\r\n\r\n",
        "5 \t; a=b;c\r\nhello\r\n0 \r\n\r\n",
        &format!("5\r\nhello\r\n0\r\n{trailers}\r\n"),
        "5\r\nhello\r\n0\r\nA: b\r\n folded\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: \x01\n\n",
        "5\r\nhello\r\n0\r\n\n",
    ] {
        assert_eq!(fed(&[text.as_bytes()]).unwrap(), (b"hello".to_vec(), true, 0), "{text:?}");
        let (cut, _) = text.split_at(text.len() - 1);
        assert!(!fed(&[cut.as_bytes()]).unwrap().1, "{text:?}");
    }
    assert_eq!(fed(&[b"FFFFFFFFFFFFFFFF\r\nx"]).unwrap().0, b"x");
}

fn client() -> Http1 {
    Http1::new(Arc::new(|| Err("no TLS here".to_owned())))
}

#[tokio::test]
async fn a_connection_with_unread_bytes_is_not_reused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client();
    let mut used = [0, 0];
    for sent in ["", "HTTP/1.1 200 OK\r\n\r\n"].repeat(5) {
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.pool().release(Connection::new(Stream::Plain(tcp), "origin", descriptors::idle()));
        server.write_all(sent.as_bytes()).unwrap();
        // Blocks the reactor, so that it does not see the bytes arrive.
        std::thread::sleep(Duration::from_millis(20));
        used[usize::from(!sent.is_empty())] += u32::from(client.idle("origin").await.is_some());
    }
    // Another test may have closed idle connections.
    assert!(used[0] > 0 && used[1] == 0, "{used:?}");
}

const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A connection, and the peer's end of it.
fn connection() -> (Connection, DuplexStream) {
    let (near, far) = tokio::io::duplex(1 << 16);
    let connected = Connected { io: Box::new(near), http2: false, proxied: false };
    (Connection::new(Stream::Reqwest(connected), "origin", descriptors::idle()), far)
}

async fn exchange(connection: &mut Connection, far: &mut DuplexStream) {
    far.write_all(EMPTY).await.unwrap();
    connection.request().extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    connection.exchange(None, false).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_rests_once() {
    let client = client();
    let (mut connection, mut far) = connection();
    for rests in [true, false, false] {
        exchange(&mut connection, &mut far).await;
        let begun = Instant::now();
        client.pool().release(connection);
        connection = client.idle("origin").await.unwrap();
        assert_eq!(begun.elapsed() > Duration::ZERO, rests);
    }
}

#[tokio::test(start_paused = true)]
async fn a_surplus_response_is_detected_while_a_new_connection_rests() {
    let client = client();
    let (mut connection, mut far) = connection();
    exchange(&mut connection, &mut far).await;
    client.pool().release(connection);
    let surplus = async {
        sleep(Duration::from_micros(500)).await;
        far.write_all(EMPTY).await.unwrap();
    };
    assert!(tokio::join!(client.idle("origin"), surplus).0.is_none());
}

fn written_for(
    form: &TargetForm,
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
    let directives = write(&Outgoing { method, url: &url, headers: Cow::Borrowed(&map), body }, form, &mut text);
    let asked = [(directives.close, "close"), (directives.chunked, "chunked")];
    String::from_utf8(text).unwrap() + &asked.map(|(asked, word)| if asked { word } else { "" }).concat()
}

fn written(method: Method, url: &str, headers: &[(&'static str, &'static str)], body: Option<&'static str>) -> String {
    written_for(&TargetForm::Origin, method, url, headers, body)
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
    let form = TargetForm::Absolute(Some(HeaderValue::from_static("Basic x")));
    assert_eq!(
        written_for(&form, Method::GET, "http://u:p@a:81/b?c#d", &[], None),
        "GET http://a:81/b?c HTTP/1.1\r\nhost: a:81\r\nproxy-authorization: Basic x\r\n\r\n"
    );
    assert_eq!(
        written_for(&form, Method::GET, "http://a", &[("proxy-authorization", "own")], None),
        "GET http://a/ HTTP/1.1\r\nhost: a\r\nproxy-authorization: own\r\n\r\n"
    );
    assert_eq!(
        written_for(&TargetForm::Absolute(None), Method::CONNECT, "http://a/b", &[], None),
        "CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n"
    );
}

#[test]
fn the_framing_of_a_request_follows_from_its_body() {
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
