//! The kinds of errors and the phases of an attempt.

use super::named::named;

named! {
    /// What went wrong. Each kind is one Python exception class, in `shoal.exceptions`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[allow(missing_docs, reason = "each is documented at the Python class of the same name")]
    pub enum ErrorKind.class_name {
        InvalidUrl = "InvalidURL",
        ConnectTimeout = "ConnectTimeout",
        ReadTimeout = "ReadTimeout",
        PoolTimeout = "PoolTimeout",
        TotalTimeout = "TotalTimeout",
        DeadlineExceeded = "DeadlineExceeded",
        Connect = "ConnectError",
        Dns = "DNSError",
        Tls = "TLSError",
        Proxy = "ProxyError",
        Read = "ReadError",
        Write = "WriteError",
        Protocol = "ProtocolError",
        TooManyRedirects = "TooManyRedirects",
        BodyTooLarge = "BodyTooLarge",
        IncompleteBody = "IncompleteBody",
        Decoding = "DecodingError",
        HttpStatus = "HTTPStatusError",
        /// A body found no memory: its cause is a `MemoryError`.
        Memory = "FetchError",
        /// A body could not be written to its file: its cause is the `OSError`.
        Save = "FetchError",
        Internal = "InternalError",
    }
}

named! {
    /// The phase of an attempt in which an error occurred.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Phase.as_str {
        /// Waiting for a permit or for the next attempt.
        Queue = "queue",
        /// Name resolution, TCP, TLS.
        Connect = "connect",
        /// Sending the request and waiting for the head of the response.
        Headers = "headers",
        /// Reading the body.
        Body = "body",
        /// Writing the body to its file.
        Save = "save",
    }
}

impl ErrorKind {
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
