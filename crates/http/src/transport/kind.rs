//! Which transport carried a request, for the statistics.

/// The transport of a request: what made its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportKind {
    /// HTTP/1.1 on a connection that `http1` made.
    Http1,
    /// A connection that reqwest made: through a proxy, or to a server that may speak HTTP/2.
    Reqwest,
}

impl TransportKind {
    /// The name in `JobStats.by_transport`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Reqwest => "reqwest",
        }
    }
}
