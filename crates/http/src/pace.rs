//! A bound on the work of one poll: a task that finds its input ready again and again lets others go first.
//!
//! A task never has to wait while its peer sends faster than it reads, or while a few bytes unpack to gigabytes. It then
//! holds the reactor, and with it every other request, every timeout and every cancellation. So long work is cut into
//! pieces of microseconds, and after [`SLICE`] of them the task yields.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

/// The longest that a task works at a stretch; the piece that exceeds it is finished.
const SLICE: Duration = Duration::from_millis(1);

/// How long a task has been at work since it last waited.
#[derive(Debug, Default)]
pub struct Pace(Work);

/// The clock is first read after the second piece: most bodies have one.
#[derive(Debug, Default)]
enum Work {
    #[default]
    None,
    Once,
    Since(Instant),
}

impl Pace {
    /// Counts a piece of work; whether it is time to [`rest`](Self::rest).
    pub fn is_due(&mut self) -> bool {
        match self.0 {
            Work::None => self.0 = Work::Once,
            Work::Once => self.0 = Work::Since(Instant::now()),
            Work::Since(begun) => return begun.elapsed() > SLICE,
        }
        false
    }

    /// Lets other tasks, timers and sockets go first.
    pub async fn rest(&mut self) {
        self.0 = Work::None;
        tokio::task::yield_now().await;
    }

    /// Waits for `future`. If it isn't ready at once, that is a rest.
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
    async fn a_rest_and_a_wait_begin_a_slice() {
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
