//! Bounds the time of one poll: a task whose input is always ready yields after a millisecond.
//!
//! A task does not wait while its peer sends faster than it reads, or while a few bytes decode to gigabytes. It would then
//! hold the reactor, and with it all other requests, timeouts and cancellations. So such work is done in pieces of
//! microseconds, and after [`SLICE`] the task yields.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

/// The longest stretch of work; the piece that exceeds it is finished.
const SLICE: Duration = Duration::from_millis(1);

/// Tracks the work of a task since it last waited.
#[derive(Debug, Default)]
pub struct Pace(Work);

/// The clock is not read before the second piece: most bodies have one.
#[derive(Debug, Default)]
enum Work {
    #[default]
    None,
    OnePiece,
    Since(Instant),
}

impl Pace {
    /// Counts a piece of work. Returns whether it is time to [`rest`](Self::rest).
    pub fn is_due(&mut self) -> bool {
        match self.0 {
            Work::None => self.0 = Work::OnePiece,
            Work::OnePiece => self.0 = Work::Since(Instant::now()),
            Work::Since(begun) => return begun.elapsed() > SLICE,
        }
        false
    }

    /// Yields to other tasks, timers and sockets.
    pub async fn rest(&mut self) {
        self.0 = Work::None;
        tokio::task::yield_now().await;
    }

    /// Waits for `future`. Counts as a rest unless it is ready at once.
    pub async fn wait<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let polled = future.as_mut().poll(context);
            if polled.is_pending() {
                self.0 = Work::None;
            }
            polled
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(pace: &mut Pace) -> bool {
        std::thread::sleep(2 * SLICE);
        pace.is_due()
    }

    #[tokio::test]
    async fn a_rest_or_a_wait_begins_a_slice() {
        let mut pace = Pace::default();
        assert_eq!([work(&mut pace), work(&mut pace), work(&mut pace)], [false, false, true]);
        pace.rest().await;
        assert_eq!([work(&mut pace), work(&mut pace), work(&mut pace)], [false, false, true]);
        pace.wait(async {}).await;
        assert!(work(&mut pace), "nothing was waited for");
        pace.wait(tokio::task::yield_now()).await;
        assert_eq!([work(&mut pace), work(&mut pace), work(&mut pace)], [false, false, true]);
    }
}
