//! Writes the heads of requests.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use http::{HeaderValue, Method};
use url::{Position, Url};

use crate::transport::interface::Outgoing;

/// The form of the request target (RFC 9112, 3.2).
pub(super) enum TargetForm {
    /// To the origin, or through a tunnel to it.
    Origin,
    /// To a proxy that takes requests for any server, with the proxy's authorization.
    Absolute(Option<HeaderValue>),
}

/// What the caller's headers ask of the connection.
#[derive(Default)]
pub(super) struct Directives {
    /// No other request shall follow.
    pub(super) close: bool,
    /// The body shall be sent in chunks.
    pub(super) chunked: bool,
}

/// Appends the head of a request to `into`. The framing follows from the body and not from the caller's headers: after a
/// wrong length the rest of the body would be read as another request.
pub(super) fn write(outgoing: &Outgoing<'_>, form: &TargetForm, into: &mut Vec<u8>) -> Directives {
    let url = outgoing.url;
    let mut line = |parts: &[&[u8]]| parts.iter().for_each(|part| into.extend_from_slice(part));
    let host = url[Position::BeforeHost..Position::AfterPort].as_bytes();
    let target = url[Position::BeforePath..Position::AfterQuery].as_bytes();
    let method = outgoing.method.as_str().as_bytes();
    match form {
        _ if outgoing.method == Method::CONNECT => line(&[method, b" ", &authority(url), b" HTTP/1.1\r\n"]),
        TargetForm::Origin => line(&[method, b" ", target, b" HTTP/1.1\r\n"]),
        TargetForm::Absolute(_) => {
            line(&[method, b" ", url.scheme().as_bytes(), b"://", host, target, b" HTTP/1.1\r\n"]);
        }
    }
    if !outgoing.headers.contains_key(HOST) {
        line(&[b"host: ", host, b"\r\n"]);
    }
    if let TargetForm::Absolute(Some(authorization)) = form
        && !outgoing.headers.contains_key(PROXY_AUTHORIZATION)
    {
        line(&[b"proxy-authorization: ", authorization.as_bytes(), b"\r\n"]);
    }
    let length = outgoing.body.as_ref().map_or(0, Bytes::len);
    let (mut directives, mut announced) = (Directives::default(), false);
    for (name, value) in &*outgoing.headers {
        if *name == TRANSFER_ENCODING {
            directives.chunked |= length > 0 && has_token(value, b"chunked");
            continue;
        } else if *name == CONTENT_LENGTH {
            announced = true;
            continue;
        } else if *name == CONNECTION {
            directives.close |= has_token(value, b"close");
        }
        line(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    if directives.chunked {
        line(&[b"transfer-encoding: chunked\r\n"]);
    } else if announced || length > 0 {
        line(&[b"content-length: ", length.to_string().as_bytes(), b"\r\n"]);
    }
    line(&[b"\r\n"]);
    directives
}

/// `body` as a single chunk (RFC 9112, 7.1).
pub(super) fn one_chunk(body: &[u8]) -> Bytes {
    let size = format!("{:x}\r\n", body.len());
    [size.as_bytes(), body, b"\r\n0\r\n\r\n"].concat().into()
}

/// Host and port, for CONNECT.
fn authority(url: &Url) -> Vec<u8> {
    let host = &url[Position::BeforeHost..Position::AfterHost];
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default()).into_bytes()
}

/// Whether the comma-separated `value` has this element.
fn has_token(value: &HeaderValue, token: &[u8]) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|element| element.trim_ascii().eq_ignore_ascii_case(token))
}
