//! One connection: reads requests, asks the routes, carries out their answers.
//!
//! Answers collect in one output buffer that is written when no further request is waiting, so a pipelined burst costs
//! one system call each way. The ordinary request passes through here without an allocation of its own.

use std::fmt::Write as _;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flate2::Crc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::answer::{Answer, Body, Reply, Script, Step, without_body};
use super::body::{Failure, Received, receive};
use super::content::pattern;
use super::dispatch::{self, Ask, Shared};
use super::head::{Framing, HEADERS, Head, Refused, Slots};
use super::input::Input;
use super::route::Route;

/// Output is written at the latest when it has this many bytes.
const WRITE_AT: usize = 64 * 1024;
/// Bodies up to this size go through the output buffer; larger ones are written from where they are.
const COPY_LIMIT: u64 = 64 * 1024;
/// Input that may collect while an answer takes its time.
const AHEAD_LIMIT: usize = 1024 * 1024;
/// How long a closing connection waits for the client to close its side.
const LINGER: Duration = Duration::from_secs(1);

/// Serves a client until it leaves, breaks the rules, or a fault ends the connection.
pub(super) async fn serve(stream: TcpStream, client: SocketAddr, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    shared.counters.connection_opened();
    let mut connection = Connection { stream, client, shared, input: Input::new(), out: Vec::new(), active: false };
    // An error means that the client is gone or was cut off on purpose: there is nobody to tell.
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

/// What the request at hand allows.
#[derive(Clone, Copy)]
struct Turn {
    head_only: bool,
    http10: bool,
    keep: bool,
}

impl Turn {
    fn of(head: &Head<'_>) -> Self {
        Self { head_only: head.method == "HEAD", http10: head.http10, keep: head.keep_alive }
    }
}

/// What the input holds.
enum Next {
    /// No complete head.
    Partial,
    /// A request without a body, decided.
    Decided(Answer, Turn),
    /// A request with a body that is still to be read; its head is copied here.
    WithBody { head: Vec<u8>, framing: Framing, expects_continue: bool, route: Route },
    /// No request at all.
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
            let (answer, turn) = match self.next() {
                Next::Decided(answer, turn) => (answer, turn),
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
                    let wanted = dispatch::wanted_body(route);
                    match receive(&mut self.input, &mut self.stream, framing, wanted).await {
                        Ok(received) => self.decide_again(&head, &received),
                        Err(Failure::Refused(refused)) => refusal(refused),
                        Err(Failure::Gone(error)) => return Err(error),
                    }
                }
            };
            let keep = self.carry_out(answer, turn).await?;
            if std::mem::take(&mut self.active) {
                self.shared.counters.request_ended();
            }
            if !keep {
                return self.finish().await;
            }
        }
    }

    /// Parses the next head; a request without a body is decided at once.
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
        let turn = Turn::of(&head);
        let body = Received::default();
        let answer =
            dispatch::decide(route, &Ask { head: &head, rest, body: &body, shared: &self.shared, client: self.client });
        self.input.consume(length);
        Next::Decided(answer, turn)
    }

    /// Decides a request whose body has been read.
    fn decide_again(&self, head: &[u8], body: &Received) -> (Answer, Turn) {
        let mut slots: Slots<'_> = [const { MaybeUninit::uninit() }; HEADERS];
        match Head::parse(head, &mut slots) {
            Ok(Some((head, _))) => {
                let (route, rest) = Route::find(head.path);
                let ask = Ask { head: &head, rest, body, shared: &self.shared, client: self.client };
                (dispatch::decide(route, &ask), Turn::of(&head))
            }
            Ok(None) => refusal((400, "this is not HTTP/1.1")),
            Err(refused) => refusal(refused),
        }
    }

    /// Whether the connection lives on.
    async fn carry_out(&mut self, answer: Answer, turn: Turn) -> io::Result<bool> {
        match answer {
            Answer::Reply(reply) => self.reply(reply, turn).await,
            Answer::Later(time, reply) => {
                self.pause(Some(time)).await?;
                self.reply(reply, turn).await
            }
            Answer::Script(script) => self.play(script, turn).await,
        }
    }

    async fn reply(&mut self, reply: Reply, turn: Turn) -> io::Result<bool> {
        let keep = turn.keep && !reply.close;
        reply.write_head(&mut self.out, turn.http10, keep);
        if !turn.head_only && !without_body(reply.status) {
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

    async fn play(&mut self, script: Script, turn: Turn) -> io::Result<bool> {
        self.out.extend_from_slice(&script.head);
        let mut keep = turn.keep;
        for step in script.steps {
            match step {
                Step::Silence => self.pause(None).await?,
                Step::Reset => {
                    self.flush().await?;
                    // What was sent should arrive: a reset overtakes what still waits in the socket.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    self.stream.set_zero_linger()?;
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                Step::Close => keep = false,
                _ if turn.head_only => {}
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
        // A buffer that grew for one large answer is not kept for the connection's life.
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

    /// Waits for `time` (for ever if `None`), but ends with an error as soon as the client leaves.
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

    /// Closes in good order: our side first, then what the client still sends is read for a while. Closing with unread
    /// input would send a reset, which can destroy the answer on its way.
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

fn refusal((status, message): Refused) -> (Answer, Turn) {
    let mut reply = Reply::error(status, message);
    reply.close = true;
    (Answer::Reply(reply), Turn { head_only: false, http10: false, keep: false })
}
