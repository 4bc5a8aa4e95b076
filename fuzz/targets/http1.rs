//! HTTP/1 answers: heads, framing and chunks are read alike however the bytes are cut into pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shoal_http::fuzzing::{Seen, http1_exchange};
use tokio::io::AsyncWriteExt;
use tokio::runtime::{Builder, Runtime};

/// Bodies are compared up to here.
const MOST: usize = 1 << 20;

/// The size of the request.
const REQUEST: usize = 18;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().build().expect("a runtime");
}

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, answer) = input;
    let whole = exchanged(answer, answer.len() + 1);
    let pieces = exchanged(answer, 1 + usize::from(cut));
    match (whole, pieces) {
        (Some(whole), Some(pieces)) => {
            // A connection may be closed for what came behind the answer, if that has come.
            assert_eq!(Seen { is_kept: true, ..whole }, Seen { is_kept: true, ..pieces });
        }
        (None, None) => {}
        (whole, pieces) => panic!("{whole:?} is not {pieces:?}"),
    }
});

/// What a client reads of `answer` when at most `size` bytes are on the way at once.
fn exchanged(answer: &[u8], size: usize) -> Option<Seen> {
    let answer = answer.to_vec();
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            // The request must fit as well.
            let (near, mut far) = tokio::io::duplex(size.max(REQUEST));
            let server = async {
                // The end of the connection follows.
                let _ = far.write_all(&answer).await;
                drop(far);
                std::future::pending::<()>().await
            };
            tokio::select! {
                seen = http1_exchange(Box::new(near), MOST) => seen.ok(),
                () = server => None,
            }
        })
    })
}
