//! The byte stream of a connection: TCP, TLS over it, or a stream that reqwest made.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BufMut;
use socket2::SockRef;
use tokio::io::{AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::io::poll_read_buf;

use crate::transport::reqwest_connector::{Connected, Io};

pub enum Stream {
    /// For `http`.
    Plain(TcpStream),
    /// For `https`; boxed, because its state takes a kilobyte.
    Tls(Box<TlsStream<TcpStream>>),
    /// Through a proxy, or to a server that was offered HTTP/2.
    Reqwest(Connected),
}

impl Stream {
    /// Appends up to `most` bytes to `into`, within its capacity, which must have room. Returns how many; 0 at the end.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        into: &mut Vec<u8>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let mut room = into.limit(most);
        match self {
            Self::Plain(tcp) => poll_read_buf(Pin::new(tcp), context, &mut room),
            Self::Tls(tls) => poll_read_buf(Pin::new(tls), context, &mut room),
            Self::Reqwest(connected) => poll_read_buf(Pin::new(&mut connected.io), context, &mut room),
        }
    }

    fn io(&mut self) -> Pin<&mut dyn Io> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp),
            Self::Tls(tls) => Pin::new(tls),
            Self::Reqwest(connected) => Pin::new(&mut connected.io),
        }
    }

    /// Writes some of `bytes`.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
            Self::Reqwest(connected) => Pin::new(&mut connected.io).poll_write(context, bytes),
        }
    }

    /// Sends what TLS has buffered.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
            Self::Reqwest(connected) => Pin::new(&mut connected.io).poll_flush(context),
        }
    }

    /// Whether the stream is open and nothing has arrived since it was last read, as of the reactor's last turn. With
    /// `ask_system`, as of now, for one system call; not possible for reqwest's streams, whose socket is out of reach.
    pub(super) fn is_quiet(&mut self, ask_system: bool) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let tcp = match self {
            Self::Plain(tcp) if ask_system => tcp,
            _ => {
                // For TLS this also consumes records without data, such as session tickets.
                let mut context = Context::from_waker(Waker::noop());
                if self.io().poll_read(&mut context, &mut ReadBuf::uninit(&mut byte)).is_ready() {
                    return false;
                }
                match self {
                    _ if !ask_system => return true,
                    Self::Plain(tcp) => tcp,
                    Self::Tls(tls) => tls.get_ref().0,
                    Self::Reqwest(_) => return true,
                }
            }
        };
        // Anything but "would block" is the end of the stream, or bytes that nothing was sent for.
        let peeked = SockRef::from(tcp).peek(&mut byte);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends TLS's close_notify, as far as that needs no waiting.
    pub(super) fn shut_down(&mut self) {
        if !matches!(self, Self::Plain(_)) {
            let _ = self.io().poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }
}
