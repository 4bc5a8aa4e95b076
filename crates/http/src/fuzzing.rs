//! What the fuzz targets (`fuzz/`) need of this crate's private parts. Compiled with `--cfg fuzzing` only.

use bytes::Bytes;

pub use crate::body::decode::{Coding, Decoder};
use crate::descriptors;
pub use crate::pace::Pace;
use crate::transport::http1::{Connection, Stream};
pub use crate::transport::{Connected, Io};

/// The response to a request over HTTP/1.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// The status code.
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, cut at the given limit.
    pub body: Vec<u8>,
    /// Whether another request may follow on the connection.
    pub is_reusable: bool,
}

/// Sends a GET over `io` and reads the response, with a body of up to `max` bytes.
pub async fn http1_exchange(io: Box<dyn Io>, max: usize) -> std::io::Result<Seen> {
    let connected = Connected { io, http2: false, proxied: false };
    let mut connection = Connection::new(Stream::Reqwest(connected), "http://example.com", descriptors::idle());
    connection.request().extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    let received = connection.exchange(None::<Bytes>, false).await?;
    let (mut framing, mut body) = (received.framing, received.first);
    while !framing.is_complete() && body.len() < max {
        if connection.read_body(&mut framing, &mut body).await? == 0 {
            break;
        }
    }
    body.truncate(max);
    let headers = received.head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Ok(Seen {
        status: received.head.status.as_u16(),
        headers: headers.collect(),
        body,
        is_reusable: framing.is_complete() && connection.is_reusable(),
    })
}
