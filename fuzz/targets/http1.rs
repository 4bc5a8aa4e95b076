//! HTTP/1 responses: heads, framing and chunks are read alike however the bytes are cut into pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shoal_http::fuzzing::{Seen, http1_exchange};
use tokio::io::AsyncWriteExt;
use tokio::runtime::{Builder, Runtime};

/// Bodies are compared up to this size.
const MAX_BODY: usize = 1 << 20;

/// The size of the request.
const REQUEST: usize = 18;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().build().expect("a runtime");
}

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, response) = input;
    let whole = exchange(response, response.len() + 1);
    let pieces = exchange(response, 1 + usize::from(cut));
    match (whole, pieces) {
        (Some(whole), Some(pieces)) => {
            // Bytes after the response make a connection unusable only if they have arrived by then.
            assert_eq!(Seen { is_reusable: true, ..whole }, Seen { is_reusable: true, ..pieces });
        }
        (None, None) => {}
        (whole, pieces) => panic!("{whole:?} is not {pieces:?}"),
    }
});

/// What a client reads of `response` when at most `size` bytes are in flight.
fn exchange(response: &[u8], size: usize) -> Option<Seen> {
    let response = response.to_vec();
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            // The request must fit as well.
            let (near, mut far) = tokio::io::duplex(size.max(REQUEST));
            let server = async {
                let _ = far.write_all(&response).await;
                drop(far);
                std::future::pending::<()>().await
            };
            tokio::select! {
                seen = http1_exchange(Box::new(near), MAX_BODY) => seen.ok(),
                () = server => None,
            }
        })
    })
}
