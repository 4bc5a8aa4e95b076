//! A client over raw sockets for the tests of the embedded server.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use shoal_testserver::{Options, Server};

pub const LIMIT: Duration = Duration::from_secs(10);

pub fn server() -> Server {
    Server::start(&Options::default()).unwrap()
}

pub fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Sends one request with `connection: close` and reads to the end, even if the response is not HTTP.
pub fn raw(server: &Server, request: &str) -> io::Result<Vec<u8>> {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map(|_| bytes)
}

pub fn parse(bytes: &[u8]) -> Response {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no empty line in {:?}", String::from_utf8_lossy(bytes)));
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut response = Response { status, headers, body: bytes[end + 4..].to_vec() };
    if response.header("transfer-encoding") == Some("chunked") {
        response.body = dechunk(&response.body).0;
    }
    response
}

/// The data and the trailer lines.
pub fn dechunk(mut bytes: &[u8]) -> (Vec<u8>, String) {
    let mut out = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        bytes = &bytes[end + 2..];
        if size == 0 {
            return (out, String::from_utf8(bytes.to_vec()).unwrap());
        }
        out.extend_from_slice(&bytes[..size]);
        assert_eq!(&bytes[size..size + 2], b"\r\n");
        bytes = &bytes[size + 2..];
    }
}

pub fn ask(server: &Server, target: &str, headers: &str) -> Response {
    parse(&raw(server, &format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")).unwrap())
}

pub fn get(server: &Server, target: &str) -> Response {
    ask(server, target, "")
}

/// Reads exactly one response with a content-length from a connection that stays open.
pub fn read_one(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let mut response = parse(&bytes);
    let length = response.header("content-length").map_or(0, |text| text.parse().unwrap());
    response.body = vec![0; length];
    stream.read_exact(&mut response.body).unwrap();
    response
}

pub fn pattern(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|index| (index % 251) as u8).collect()
}

pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
