//! What the fuzz targets (`fuzz/`) reach that nothing else outside this crate may. Only there with `--cfg fuzzing`.

use bytes::Bytes;

use crate::descriptors;
use crate::http::{Io, Made};
use crate::http1::Connection;
use crate::http1::stream::Stream;

/// What came of a request over HTTP/1.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// Of the head.
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// At most as many bytes as were asked for.
    pub body: Vec<u8>,
    /// Whether another request may follow on the connection.
    pub is_kept: bool,
}

/// Sends a GET over `io` and reads the answer, the body up to about `most` bytes.
pub async fn http1_exchange(io: Box<dyn Io>, most: usize) -> std::io::Result<Seen> {
    let made = Made { io, http2: false, proxied: false };
    let mut connection = Connection::new(Stream::Made(made), "http://example.com", descriptors::idle());
    connection.request().extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    let answer = connection.exchange(None::<Bytes>, false).await?;
    let (mut framing, mut body) = (answer.framing, answer.first);
    while !framing.is_complete() && body.len() < most {
        if connection.read_body(&mut framing, &mut body).await? == 0 {
            break;
        }
    }
    body.truncate(most);
    let headers = answer.head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Ok(Seen {
        status: answer.head.status.as_u16(),
        headers: headers.collect(),
        body,
        is_kept: framing.is_complete() && connection.can_be_kept(),
    })
}
