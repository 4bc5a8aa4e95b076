//! No client: one socket per worker, a request of two lines, `httparse` for the head, and the body read into its final
//! place. It measures the cost of the socket and of parsing alone.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::measure::{Body, Measured, Result, Work};

const HEAD_CAPACITY: usize = 16 * 1024;

pub(crate) async fn run(work: &Arc<Work>) -> Result<Measured> {
    let first = work.urls.first().and_then(|url| url.strip_prefix("http://")).ok_or("no http:// URL")?;
    let authority = first.split('/').next().unwrap_or_default().to_owned();
    crate::share(work, move |work| fetch(work, authority.clone())).await
}

async fn fetch(work: Arc<Work>, authority: String) -> Result<Vec<(usize, Body)>> {
    let mut stream = TcpStream::connect(&authority).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut input) = (Vec::with_capacity(256), Vec::with_capacity(HEAD_CAPACITY));
    let mut bodies = Vec::new();
    while let Some((index, url)) = work.take() {
        let path = url.get("http://".len() + authority.len()..).unwrap_or("/");
        request.clear();
        for part in ["GET ", path, " HTTP/1.1\r\nhost: ", &authority, "\r\n\r\n"] {
            request.extend_from_slice(part.as_bytes());
        }
        stream.write_all(&request).await?;
        input.clear();
        let (status, head, length) = loop {
            if stream.read_buf(&mut input).await? == 0 {
                return Err("the server has left".into());
            }
            if let Some(found) = parse(&input)? {
                break found;
            }
            input.reserve(HEAD_CAPACITY);
        };
        let mut body = Vec::with_capacity(length);
        body.extend_from_slice(input.get(head..).unwrap_or_default());
        while body.len() < length {
            if stream.read_buf(&mut body).await? == 0 {
                return Err("the server has left".into());
            }
        }
        work.check(status, &body)?;
        bodies.push((index, body));
    }
    Ok(bodies)
}

/// The status, the length of the head and that of the body; `None` while the head is incomplete.
fn parse(input: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(input)? else {
        return Ok(None);
    };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = std::str::from_utf8(length.ok_or("no content-length")?.value)?.trim().parse()?;
    Ok(Some((response.code.unwrap_or_default(), head, length)))
}
