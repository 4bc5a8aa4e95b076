//! The kinds of errors and the phases of an attempt.

/// What went wrong. Each kind is one Python exception class ([`ErrorKind::class_name`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is documented at the Python class of the same name")]
pub enum ErrorKind {
    InvalidUrl,
    ConnectTimeout,
    ReadTimeout,
    PoolTimeout,
    TotalTimeout,
    DeadlineExceeded,
    Connect,
    Dns,
    Tls,
    Proxy,
    Read,
    Write,
    Protocol,
    TooManyRedirects,
    BodyTooLarge,
    IncompleteBody,
    Decoding,
    HttpStatus,
    /// A body found no memory: a plain `FetchError` whose cause is a `MemoryError`.
    Memory,
    /// A body could not be written to its file: a plain `FetchError` whose cause is the `OSError`.
    Save,
    Internal,
}

impl ErrorKind {
    /// The Python class in `shoal.exceptions`.
    pub fn class_name(self) -> &'static str {
        match self {
            Self::InvalidUrl => "InvalidURL",
            Self::ConnectTimeout => "ConnectTimeout",
            Self::ReadTimeout => "ReadTimeout",
            Self::PoolTimeout => "PoolTimeout",
            Self::TotalTimeout => "TotalTimeout",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::Connect => "ConnectError",
            Self::Dns => "DNSError",
            Self::Tls => "TLSError",
            Self::Proxy => "ProxyError",
            Self::Read => "ReadError",
            Self::Write => "WriteError",
            Self::Protocol => "ProtocolError",
            Self::TooManyRedirects => "TooManyRedirects",
            Self::BodyTooLarge => "BodyTooLarge",
            Self::IncompleteBody => "IncompleteBody",
            Self::Decoding => "DecodingError",
            Self::HttpStatus => "HTTPStatusError",
            Self::Memory | Self::Save => "FetchError",
            Self::Internal => "InternalError",
        }
    }

    /// Whether the request cannot have reached the server's application, so that any method may be sent again.
    pub(crate) fn is_before_request(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::Connect | Self::Dns | Self::Proxy)
    }

    /// Whether a request with an idempotent method is worth a retry.
    pub(crate) fn is_transient(self) -> bool {
        matches!(
            self,
            Self::ReadTimeout | Self::TotalTimeout | Self::Read | Self::Write | Self::Protocol | Self::IncompleteBody
        )
    }
}

/// The phase of an attempt in which an error occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waiting for a permit or for the next attempt.
    Queue,
    /// Name resolution, TCP, TLS.
    Connect,
    /// Sending the request and waiting for the head of the response.
    Headers,
    /// Reading the body.
    Body,
    /// Writing the body to its file.
    Save,
}

impl Phase {
    /// The name in Python.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Connect => "connect",
            Self::Headers => "headers",
            Self::Body => "body",
            Self::Save => "save",
        }
    }
}
