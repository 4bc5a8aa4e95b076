//! One connection: reads requests, has them answered, and sends the answers.
//!
//! Answers collect in one output buffer, which is written when no further request is waiting, so a pipelined burst costs
//! one system call each way. An ordinary request needs no allocation here.

use std::fmt::Write as _;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flate2::Crc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::answer::{Answer, Body, Reply, Script, Step, without_body};
use crate::body::{Failure, Received, receive};
use crate::content::pattern;
use crate::context::{Context, Shared};
use crate::dispatch;
use crate::head::{Framing, HEADERS, Head, Refused, Slots};
use crate::input::Input;
use crate::route::Route;

/// The output buffer is written when it has this many bytes.
const WRITE_AT: usize = 64 * 1024;
/// Bodies up to this size are copied to the output buffer; larger ones are written directly.
const COPY_LIMIT: u64 = 64 * 1024;
/// Input that may collect while an answer is being sent.
const AHEAD_LIMIT: usize = 1024 * 1024;
/// How long a closing connection waits for the client to close its side.
const LINGER: Duration = Duration::from_secs(1);

/// Serves a client until it leaves, sends an invalid request, or a fault ends the connection.
pub(crate) async fn serve(stream: TcpStream, client: SocketAddr, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    shared.counters.connection_opened();
    let mut connection = Connection { stream, client, shared, input: Input::new(), out: Vec::new(), active: false };
    // An error means that the client has left or was cut off on purpose.
    let _ = connection.run().await;
}

struct Connection {
    stream: TcpStream,
    client: SocketAddr,
    shared: Arc<Shared>,
    input: Input,
    out: Vec<u8>,
    active: bool,
}

/// How the current request has to be answered.
#[derive(Clone, Copy)]
struct Mode {
    head_only: bool,
    http10: bool,
    keep: bool,
}

impl Mode {
    fn of(head: &Head<'_>) -> Self {
        Self { head_only: head.method == "HEAD", http10: head.http10, keep: head.keep_alive }
    }
}

/// The next request of the input.
enum Next {
    Partial,
    /// A request without a body, and its answer.
    Answered(Answer, Mode),
    /// A request with a body that is still to be read; its head is copied here.
    WithBody {
        head: Vec<u8>,
        framing: Framing,
        expects_continue: bool,
        route: Route,
    },
    Refused(Refused),
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.active {
            self.shared.counters.request_ended();
        }
        self.shared.counters.connection_closed();
    }
}

impl Connection {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            let (answer, mode) = match self.next() {
                Next::Answered(answer, mode) => (answer, mode),
                Next::Partial => {
                    self.flush().await?;
                    if self.input.fill(&mut self.stream).await? == 0 {
                        return Ok(());
                    }
                    continue;
                }
                Next::Refused(refused) => refusal(refused),
                Next::WithBody { head, framing, expects_continue, route } => {
                    self.flush().await?;
                    if expects_continue && self.input.unread().is_empty() {
                        self.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
                    }
                    let body_use = dispatch::body_use(route);
                    match receive(&mut self.input, &mut self.stream, framing, body_use).await {
                        Ok(received) => self.respond_with_body(&head, &received),
                        Err(Failure::Refused(refused)) => refusal(refused),
                        Err(Failure::Connection(error)) => return Err(error),
                    }
                }
            };
            let keep = self.send_answer(answer, mode).await?;
            if std::mem::take(&mut self.active) {
                self.shared.counters.request_ended();
            }
            if !keep {
                return self.finish().await;
            }
        }
    }

    /// Parses the next head, and answers a request without a body.
    fn next(&mut self) -> Next {
        let unread = self.input.unread();
        if unread.is_empty() {
            return Next::Partial;
        }
        let mut slots: Slots<'_> = [const { MaybeUninit::uninit() }; HEADERS];
        let (head, length) = match Head::parse(unread, &mut slots) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Next::Partial,
            Err(refused) => return Next::Refused(refused),
        };
        let (route, rest) = Route::find(head.path);
        self.shared.counters.request_started(route);
        self.active = true;
        if head.framing != Framing::None {
            let copy = unread.get(..length).unwrap_or_default().to_vec();
            let (framing, expects_continue) = (head.framing, head.expects_continue);
            self.input.consume(length);
            return Next::WithBody { head: copy, framing, expects_continue, route };
        }
        let mode = Mode::of(&head);
        let body = Received::default();
        let answer = dispatch::respond(
            route,
            &Context { head: &head, rest, body: &body, shared: &self.shared, client: self.client },
        );
        self.input.consume(length);
        Next::Answered(answer, mode)
    }

    fn respond_with_body(&self, head: &[u8], body: &Received) -> (Answer, Mode) {
        let mut slots: Slots<'_> = [const { MaybeUninit::uninit() }; HEADERS];
        match Head::parse(head, &mut slots) {
            Ok(Some((head, _))) => {
                let (route, rest) = Route::find(head.path);
                let context = Context { head: &head, rest, body, shared: &self.shared, client: self.client };
                (dispatch::respond(route, &context), Mode::of(&head))
            }
            Ok(None) => refusal((400, "this is not HTTP/1.1")),
            Err(refused) => refusal(refused),
        }
    }

    /// Sends an answer; returns whether the connection stays open.
    async fn send_answer(&mut self, answer: Answer, mode: Mode) -> io::Result<bool> {
        match answer {
            Answer::Reply(reply) => self.reply(reply, mode).await,
            Answer::Delayed(time, reply) => {
                self.pause(Some(time)).await?;
                self.reply(reply, mode).await
            }
            Answer::Script(script) => self.run_script(script, mode).await,
        }
    }

    async fn reply(&mut self, reply: Reply, mode: Mode) -> io::Result<bool> {
        let keep = mode.keep && !reply.close;
        reply.write_head(&mut self.out, mode.http10, keep);
        if !mode.head_only && !without_body(reply.status) {
            match reply.body {
                Body::Empty => {}
                Body::Static(text) => self.out.extend_from_slice(text.as_bytes()),
                Body::Owned(bytes) => self.put(&bytes).await?,
                Body::Parts(first, rest) => {
                    self.out.extend_from_slice(&first);
                    self.put(&rest).await?;
                }
                Body::Pattern { from, len } => self.put_pattern(from, len).await?,
            }
        }
        if self.out.len() >= WRITE_AT {
            self.flush().await?;
        }
        Ok(keep)
    }

    async fn run_script(&mut self, script: Script, mode: Mode) -> io::Result<bool> {
        self.out.extend_from_slice(&script.head);
        let mut keep = mode.keep;
        for step in script.steps {
            match step {
                Step::Silence => self.pause(None).await?,
                Step::Reset => {
                    self.flush().await?;
                    // A reset discards bytes that the socket has not sent; this lets them arrive.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    self.stream.set_zero_linger()?;
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                Step::Close => keep = false,
                _ if mode.head_only => {}
                Step::Send(bytes) => self.put(&bytes).await?,
                Step::Pattern { from, len } => self.put_pattern(from, len).await?,
                Step::Drip { n, interval } => {
                    for index in 0..n {
                        self.pause(Some(interval)).await?;
                        self.put_pattern(index, 1).await?;
                    }
                }
                Step::Chunks { n, piece, trailers, framed } => self.chunks(n, piece, trailers, framed).await?,
                Step::Events { n, interval, framed } => self.events(n, interval, framed).await?,
            }
        }
        if self.out.len() >= WRITE_AT {
            self.flush().await?;
        }
        Ok(keep)
    }

    async fn chunks(&mut self, n: u64, piece: u64, trailers: bool, framed: bool) -> io::Result<()> {
        let mut crc = Crc::new();
        let mut from = 0;
        while from < n {
            let slice = pattern(from, piece.min(n - from));
            crc.update(slice);
            self.put_chunk(slice, framed).await?;
            from += slice.len() as u64;
        }
        if framed {
            self.out.extend_from_slice(b"0\r\n");
            if trailers {
                let trailer = format!("x-checksum: {:08x}\r\nx-length: {n}\r\n", crc.sum());
                self.out.extend_from_slice(trailer.as_bytes());
            }
            self.out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    async fn events(&mut self, n: u64, interval: Duration, framed: bool) -> io::Result<()> {
        let mut event = String::new();
        for index in 0..n {
            if index > 0 && !interval.is_zero() {
                self.pause(Some(interval)).await?;
            }
            event.clear();
            let _ = write!(event, "id: {index}\nevent: tick\ndata: {{\"index\":{index}}}\n\n");
            self.put_chunk(event.as_bytes(), framed).await?;
        }
        if framed {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
        Ok(())
    }

    async fn put_chunk(&mut self, bytes: &[u8], framed: bool) -> io::Result<()> {
        if !framed {
            return self.put(bytes).await;
        }
        self.out.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        self.put(bytes).await?;
        self.out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Sends bytes, through the output buffer if they are few.
    async fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() as u64 <= COPY_LIMIT {
            self.out.extend_from_slice(bytes);
            if self.out.len() >= WRITE_AT {
                self.flush().await?;
            }
            return Ok(());
        }
        self.flush().await?;
        self.send(bytes).await
    }

    async fn put_pattern(&mut self, mut from: u64, mut len: u64) -> io::Result<()> {
        while len > 0 {
            let piece = pattern(from, len);
            self.put(piece).await?;
            from += piece.len() as u64;
            len -= piece.len() as u64;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut out = std::mem::take(&mut self.out);
        let sent = self.send(&out).await;
        out.clear();
        // A buffer that grew for one large answer is not kept.
        if out.capacity() <= 2 * WRITE_AT {
            self.out = out;
        }
        sent
    }

    async fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.stream.write(bytes).await?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.shared.counters.sent(sent);
            bytes = bytes.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Waits for `time` (for ever if `None`); an error as soon as the client leaves.
    async fn pause(&mut self, time: Option<Duration>) -> io::Result<()> {
        self.flush().await?;
        let over = async {
            match time {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        loop {
            if self.input.unread().len() >= AHEAD_LIMIT {
                over.await;
                return Ok(());
            }
            tokio::select! {
                biased;
                () = &mut over => return Ok(()),
                read = self.input.fill(&mut self.stream) => if read? == 0 {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                },
            }
        }
    }

    /// Closes gracefully: shuts down this side, then reads what the client still sends. Closing with unread input would
    /// send a reset, which can discard the answer on its way.
    async fn finish(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await?;
        let drained = async {
            loop {
                let waiting = self.input.unread().len();
                self.input.consume(waiting);
                if self.input.fill_body(&mut self.stream).await? == 0 {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(LINGER, drained).await.unwrap_or(Ok(()))
    }
}

fn refusal((status, message): Refused) -> (Answer, Mode) {
    let mut reply = Reply::error(status, message);
    reply.close = true;
    (Answer::Reply(reply), Mode { head_only: false, http10: false, keep: false })
}
