//! TCP, TLS over it, or a connection that reqwest made.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::http::Made;

/// What a connection reads from and writes to.
pub enum Stream {
    /// For `http`.
    Plain(TcpStream),
    /// For `https`; boxed, because its state takes a kilobyte.
    Tls(Box<TlsStream<TcpStream>>),
    /// Made by reqwest: through a proxy, or to a server that was asked for HTTP/2.
    Made(Made),
}

impl Stream {
    /// Reads into the unused capacity of `into`, which must have some, at most `most` bytes; 0 at the end of the stream.
    pub fn poll_read(&mut self, context: &mut Context<'_>, into: &mut Vec<u8>, most: usize) -> Poll<io::Result<usize>> {
        let spare = into.spare_capacity_mut();
        let room = spare.len().min(most);
        let mut buffer = ReadBuf::uninit(spare.get_mut(..room).unwrap_or_default());
        ready!(self.poll_fill(context, &mut buffer))?;
        let count = buffer.filled().len();
        let length = into.len() + count;
        // SAFETY: `ReadBuf` vouches for `count` bytes written behind the old length, within the capacity.
        unsafe { into.set_len(length) };
        Poll::Ready(Ok(count))
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
            Self::Made(made) => Pin::new(&mut made.io).poll_read(context, buffer),
        }
    }

    /// Writes some of `bytes`.
    pub fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
            Self::Made(made) => Pin::new(&mut made.io).poll_write(context, bytes),
        }
    }

    /// Sends what TLS has buffered.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
            Self::Made(made) => Pin::new(&mut made.io).poll_flush(context),
        }
    }

    /// Whether the peer has said nothing since it was last read, as far as the reactor knows; `certain`: as far as the
    /// system knows, for the price of a call. The socket of a made one is out of reach: the reactor's word must do.
    pub fn is_quiet(&mut self, certain: bool) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let tcp = match self {
            Self::Plain(tcp) if certain => tcp,
            _ => {
                // TLS also reads here what is not for anybody (session tickets).
                let mut context = Context::from_waker(Waker::noop());
                if self.poll_fill(&mut context, &mut ReadBuf::uninit(&mut byte)).is_ready() {
                    return false;
                }
                match self {
                    _ if !certain => return true,
                    Self::Plain(tcp) => tcp,
                    Self::Tls(tls) => tls.get_ref().0,
                    Self::Made(_) => return true,
                }
            }
        };
        // Readable by now: the end, or bytes that nobody asked for.
        let peeked = SockRef::from(tcp).peek(&mut byte);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Says goodbye, as far as that needs no waiting (TLS).
    pub fn part(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let _ = match self {
            Self::Plain(_) => return,
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(&mut context),
            Self::Made(made) => Pin::new(&mut made.io).poll_shutdown(&mut context),
        };
    }
}
