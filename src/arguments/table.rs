//! The table of options. A keyword that several functions share is one row: its name, type, default in each function,
//! and documentation.
//!
//! Macros generate the rest from it at compile time: [`signature!`], the text that `inspect.signature` reads;
//! [`arguments!`], the section "Args" of a docstring; [`Keyword`], which [`super::options`] matches without a wildcard,
//! so that an option which it forgets is a compile error; and [`KEYWORDS`], with the allowed keywords of each function
//! and the types for the stub.

use std::collections::BTreeMap;

use pyo3::prelude::*;

/// Calls a macro with the rows of the table.
///
/// The columns are the defaults of `Request`, `gather_fetch`, `stream_fetch`, `Client.gather`, `Client.request` (and
/// `get`, `post`, ...), `Client`, and the functions of `shoal.parallel`. `_`: the function does not have the option.
/// `CLIENT`: `USE_CLIENT_DEFAULT`.
macro_rules! with_options {
    ($callback:ident! $context:tt) => {
        $callback! { $context
            /// joined in front of relative URLs, path included ("https://host/api" and "/players" make
            /// "https://host/api/players").
            base_url: "str | None" [_ _ _ _ _ "None" _]
            /// yield responses in the order of the requests; False: in the order in which they finish.
            ordered: "bool" [_ _ "False" _ _ _ _]
            /// finished responses that may wait to be taken; None for as many as `concurrency`.
            buffer: "int | None" [_ _ "None" _ _ _ _]
            /// such as "POST", in upper or lower case.
            method: "str | None" ["..." "'GET'" "'GET'" "'GET'" _ _ _]
            /// query parameters: a mapping or pairs, of which None values are left out and lists repeat the name; or a
            /// query string, which is sent as it is.
            params: "Params | None" ["None" "None" "None" "None" "None" "None" _]
            /// a mapping or pairs; a None value leaves a default header (Accept, Accept-Encoding, User-Agent) out.
            headers: "HeaderInput | None" ["None" "None" "None" "None" "None" "None" _]
            /// a mapping or pairs. They are sent to every host, but not after a redirect to another origin.
            cookies: "Cookies | None" ["None" "None" "None" "None" "None" "None" _]
            /// `(user, password)` for Basic, or a bearer token; wins over an Authorization header of the same place. Not
            /// sent to another origin after a redirect.
            auth: "Auth | None" ["None" "None" "None" "None" "None" "None" _]
            /// the body as bytes or str; or
            content: "Content | None" ["None" "None" "None" "None" "None" _ _]
            /// the body as a form (mapping or pairs), or bytes or str; or
            data: "Data | None" ["None" "None" "None" "None" "None" _ _]
            /// the body as a JSON value; None means no body (send a null as `content="null"`).
            json: "object" ["None" "None" "None" "None" "None" _ _]
            /// requests in flight at once; None for no limit of the call's own. (A stream needs a number: that of the
            /// call or the client, or 100.)
            concurrency: "int | None" [_ "100" "100" CLIENT _ _ _]
            /// requests in flight at once to one origin; None for no limit.
            per_host: "int | None" [_ "None" "None" CLIENT _ _ _]
            /// requests to one origin per time, such as "10/s" or "100/min"; None for no limit.
            rate: "str | None" [_ "None" "None" CLIENT _ _ _]
            /// seconds per attempt, from its start to the last byte, or a `Timeout`, or None for no limit. Of a body that
            /// is saved a number bounds the head and each silence, not the whole: that is `Timeout(total=...)`.
            timeout: "Seconds | None" ["..." "30.0" "30.0" CLIENT CLIENT "30.0" _]
            /// seconds for the whole batch, retries and waiting included; None for no limit.
            deadline: "float | None" [_ "None" "None" "None" _ _ _]
            /// attempts after the first, or a `Retry`. Repeated are requests that never reached the server and, of
            /// idempotent methods or with an `Idempotency-Key` header, those that failed on the way or ended in status
            /// 408, 425, 429, 500, 502, 503 or 504; with backoff, and as long as a Retry-After asks for.
            retry: "Attempts | None" ["..." "2" "2" CLIENT CLIENT "2" _]
            /// a `Limits`: requests in flight, in flight per host, and rate per host; `Limits(concurrency=100)` unless
            /// given.
            limits: "Limits | None" [_ _ _ _ _ "..." _]
            /// follow redirects. Credentials are not sent to another origin.
            follow_redirects: "bool" ["..." "True" "True" CLIENT CLIENT "True" _]
            /// more than that raise TooManyRedirects; None for no limit.
            max_redirects: "int | None" ["..." "10" "10" CLIENT CLIENT "10" _]
            /// the most bytes of a decoded body, as int or "64MiB"; None for no limit. If neither call nor client give
            /// one, a body that is saved may have 64 MiB and 100 times the bytes received.
            max_body: "Size | None" ["..." "'64MiB'" "'64MiB'" CLIENT CLIENT "'64MiB'" _]
            /// put exceptions into the results instead of raising the first one.
            return_exceptions: "bool" [_ "False" "False" "False" _ _ _]
            /// make statuses from 400 on failures (HTTPStatusError); False: they are results.
            raise_for_status: "bool" ["..." "False" "False" CLIENT CLIENT "False" _]
            /// offer HTTP/2 to https servers.
            http2: "bool" [_ _ _ _ _ "True" _]
            /// True to check certificates against the system's, a path or bytes (PEM) to trust just those, False to trust
            /// every certificate.
            verify: "bool | str | PathLike[str] | bytes | None" [_ _ _ _ _ "True" _]
            /// use the proxies of HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (lower case wins). Where one of them
            /// cannot be used, requests that it is for fail with InvalidURL; they never go directly.
            trust_env: "bool" [_ _ _ _ _ "True" _]
            /// the User-Agent header; "shoal/" and the version unless given.
            user_agent: "str | None" [_ _ _ _ _ "..." _]
            /// "raise" the first failure as an ItemError, "return" it in its place, or "skip" the document.
            on_error: "Literal['raise', 'return', 'skip']" [_ _ _ _ _ _ "'raise'"]
            /// threads at once; None for all cores (or `SHOAL_THREADS`).
            workers: "int | None" [_ _ _ _ _ _ "None"]
            /// True for a tqdm bar, or a callable that gets `(done, total)`; in a stream the total may be None.
            progress: "Progress | None" [_ "False" "False" "False" _ _ "False"]
            /// write 2xx bodies to files instead of memory: a template such as "out/{index:05}.json" or
            /// "out/{name}.json" (the item's `name`), or a callable `(index, request)` that returns a path. Files appear
            /// whole or not at all, folders are made. `Response.path` tells the file. Other statuses write no file.
            save_to: "SaveTo | None" [_ "None" "None" "None" _ _ _]
            /// a `Client` whose connections, cookies, settings and limits are used; options that are not given are taken
            /// from it (the defaults above hold without a client). Its limits are shared by all its requests; those given
            /// here count this call alone and hold in addition. A `concurrency` above the client's is an error.
            client: "Client | None" [_ "None" "None" _ _ _ _]
            /// the text that replaces `{name}` in `save_to`.
            name: "str | None" ["None" _ _ _ "None" _ _]
        }
    };
}

/// Calls the macro `$then` with the default in one column, and the context.
macro_rules! pick {
    (request, $then:ident! $context:tt, [$it:tt $($rest:tt)*]) => { $then!($it $context) };
    (gather, $then:ident! $context:tt, [$a:tt $it:tt $($rest:tt)*]) => { $then!($it $context) };
    (stream, $then:ident! $context:tt, [$a:tt $b:tt $it:tt $($rest:tt)*]) => { $then!($it $context) };
    (client_gather, $then:ident! $context:tt, [$a:tt $b:tt $c:tt $it:tt $($rest:tt)*]) => { $then!($it $context) };
    (client_request, $then:ident! $context:tt, [$a:tt $b:tt $c:tt $d:tt $it:tt $($rest:tt)*]) => {
        $then!($it $context)
    };
    (client, $then:ident! $context:tt, [$a:tt $b:tt $c:tt $d:tt $e:tt $it:tt $($rest:tt)*]) => {
        $then!($it $context)
    };
    (kernel, $then:ident! $context:tt, [$a:tt $b:tt $c:tt $d:tt $e:tt $f:tt $it:tt]) => { $then!($it $context) };
}

/// The text signature of a function, with the options of one column after its own parameters. As the first line of a
/// docstring, in this form, CPython makes it the `__text_signature__`.
macro_rules! signature {
    ($name:ident($own:literal), $column:ident) => {
        concat!(stringify!($name), "(", $own, with_options!(parameters!($column)), ")\n--\n")
    };
}

macro_rules! parameters {
    (($column:ident) $($(#[doc = $doc:literal])+ $name:ident: $type:literal $defaults:tt)+) => {
        concat!($(pick!($column, parameter!($name), $defaults)),+)
    };
}

/// One option in a text signature; nothing if the function does not have it.
macro_rules! parameter {
    (_ $name:tt) => {
        ""
    };
    (CLIENT ($name:ident)) => {
        concat!(", ", stringify!($name), "=shoal.USE_CLIENT_DEFAULT")
    };
    ($default:literal ($name:ident)) => {
        concat!(", ", stringify!($name), "=", $default)
    };
}

/// The lines of the section "Args" for the options of one column.
macro_rules! arguments {
    ($column:ident) => {
        with_options!(descriptions!($column))
    };
}

macro_rules! descriptions {
    (($column:ident) $($(#[doc = $doc:literal])+ $name:ident: $type:literal $defaults:tt)+) => {
        concat!($(pick!($column, description!($name $($doc)+), $defaults)),+)
    };
}

/// One option in the section "Args"; nothing if the function does not have it.
macro_rules! description {
    (_ $option:tt) => { "" };
    ($default:tt ($name:ident $first:literal $($line:literal)*)) => {
        concat!("    ", stringify!($name), ":", $first, "\n", $("       ", $line, "\n",)*)
    };
}

/// Whether a default in the table means that the function has the option.
macro_rules! is_allowed {
    (_ $context:tt) => {
        false
    };
    ($default:tt $context:tt) => {
        true
    };
}

/// Defines [`Keyword`] and [`KEYWORDS`].
macro_rules! keywords {
    (() $($(#[doc = $doc:literal])+ $name:ident: $type:literal $defaults:tt)+) => {
        #[allow(non_camel_case_types, reason = "each is spelled as the keyword")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Keyword {
            $(#[doc = concat!("`", stringify!($name), "`")] $name),+
        }

        pub const KEYWORDS: &[Row] = &[$(Row {
            keyword: Keyword::$name,
            name: stringify!($name),
            stub_type: $type,
            allowed: [
                pick!(request, is_allowed!(()), $defaults),
                pick!(gather, is_allowed!(()), $defaults),
                pick!(stream, is_allowed!(()), $defaults),
                pick!(client_gather, is_allowed!(()), $defaults),
                pick!(client_request, is_allowed!(()), $defaults),
                pick!(client, is_allowed!(()), $defaults),
                pick!(kernel, is_allowed!(()), $defaults),
            ],
        }),+];
    };
}

with_options!(keywords!());

/// The type of each option, for the stub.
#[pyfunction]
pub fn _keyword_types() -> BTreeMap<&'static str, &'static str> {
    KEYWORDS.iter().map(|row| (row.name, row.stub_type)).collect()
}

/// A row of the table.
pub struct Row {
    pub keyword: Keyword,
    pub name: &'static str,
    /// The option's type in the stub.
    pub stub_type: &'static str,
    /// Whether each [`Function`] has the option.
    allowed: [bool; 7],
}

/// The functions that have a column, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `Request`, and the options of an item of a batch.
    Request,
    Gather,
    Stream,
    ClientGather,
    /// `Client.request`, `get`, `head`, `options`, `post`, `put`, `patch`, `delete`.
    ClientRequest,
    Client,
    /// Every function of `shoal.parallel` but `map`.
    Kernel,
}

impl Function {
    /// The options of this function.
    pub fn keywords(self) -> impl Iterator<Item = &'static Row> {
        KEYWORDS.iter().filter(move |row| row.allowed.get(self as usize) == Some(&true))
    }
}
