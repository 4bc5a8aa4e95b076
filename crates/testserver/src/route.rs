//! The table of routes: the first segments of a path name the route, the rest is its argument.

/// Defines the routes once: the enum, their names, and the look-up.
macro_rules! routes {
    ($($name:ident = $path:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Route { $($name,)* }

        impl Route {
            /// Every route's path without the leading slash, in the order of the enum.
            pub(crate) const NAMES: [&'static str; [$($path),*].len()] = [$($path),*];

            fn from_name(name: &str) -> Option<Self> {
                Some(match name { $($path => Self::$name,)* _ => return None })
            }
        }
    };
}

routes! {
    Json = "json",
    Bytes = "bytes",
    PlayerInfo = "stats/commonplayerinfo",
    AllPlayers = "stats/commonallplayers",
    Delay = "delay",
    Status = "status",
    Echo = "echo",
    Empty = "empty",
    Upload = "upload",
    Redirect = "redirect",
    RedirectTo = "redirect-to",
    RedirectLoop = "redirect-loop",
    Gzip = "gzip",
    Brotli = "br",
    Zstd = "zstd",
    Deflate = "deflate",
    ResponseHeaders = "response-headers",
    Headers = "headers",
    Cookies = "cookies",
    CookiesSet = "cookies/set",
    Etag = "etag",
    Range = "range",
    Sse = "sse",
    Charset = "charset",
    Chunked = "chunked",
    Close = "close",
    Http10 = "http10",
    BasicAuth = "basic-auth",
    Bearer = "bearer",
    FaultReset = "fault/reset",
    FaultTruncate = "fault/truncate",
    FaultStall = "fault/stall",
    FaultDrip = "fault/drip",
    FaultFlaky = "fault/flaky",
    Fault429 = "fault/429",
    FaultRetryAfterDate = "fault/retry-after-date",
    FaultOversizedHeaders = "fault/oversized-headers",
    FaultBadChunk = "fault/bad-chunk",
    FaultBadHead = "fault/bad-head",
    FaultBadLength = "fault/bad-length",
    FaultGzipBomb = "fault/gzip-bomb",
    FaultBrotliBomb = "fault/br-bomb",
    FaultZstdBomb = "fault/zstd-bomb",
    FaultCorruptGzip = "fault/corrupt-gzip",
    FaultTruncatedGzip = "fault/truncated-gzip",
    Index = "",
    Unknown = "(unknown)",
}

impl Route {
    /// The route of a path, and the rest of the path after its name.
    pub(crate) fn find(path: &str) -> (Self, &str) {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (mut name, mut rest) = path.split_once('/').unwrap_or((path, ""));
        if matches!(name, "stats" | "fault" | "cookies") && !rest.is_empty() {
            let end = rest.find('/').map_or(path.len(), |slash| name.len() + 1 + slash);
            name = path.get(..end).unwrap_or(path);
            rest = path.get(end + 1..).unwrap_or("");
        }
        (Self::from_name(name).unwrap_or(Self::Unknown), rest)
    }
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn paths_find_their_routes() {
        assert_eq!(Route::find("/json/100"), (Route::Json, "100"));
        assert_eq!(Route::find("/"), (Route::Index, ""));
        assert_eq!(Route::find("/cookies"), (Route::Cookies, ""));
        assert_eq!(Route::find("/cookies/set"), (Route::CookiesSet, ""));
        assert_eq!(Route::find("/fault/flaky/3"), (Route::FaultFlaky, "3"));
        assert_eq!(Route::find("/basic-auth/a/b"), (Route::BasicAuth, "a/b"));
        assert_eq!(Route::find("/stats/nothing").0, Route::Unknown);
        assert_eq!(Route::find("/jsonx/1").0, Route::Unknown);
    }
}
