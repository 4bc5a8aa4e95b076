//! Limits of a call, in addition to those of its client.
//!
//! Permits are acquired in one order: those of the call (origin, time, concurrency), those of the client (origin, time,
//! concurrency), then the tokens of both rates. So a request that waits for the limits of its own call holds nothing
//! that another call of the client could use, and none waits for time while it holds the client's `concurrency`.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use super::hosts::origin;
use super::{Limiter, Permit};

impl Limiter {
    /// Waits for a permit of `of_call`, the call's own limits, and of these, the client's.
    pub(crate) async fn acquire_within(&self, of_call: Option<&Arc<Self>>, url: &Url) -> Permit {
        let Some(of_call) = of_call else { return self.acquire(url).await };
        let outer = of_call.reserve(url, false).await;
        let mut permit = self.acquire(url).await;
        // The head of the queue has the next token, and it is due: servers pause only the client's limiter.
        if let Some(host) = &outer.host {
            of_call.take_token(host, true);
        }
        if outer.permit.waited > permit.waited {
            permit.limited_by = outer.permit.limited_by;
        }
        permit.of_call = Some(Box::new(outer.permit));
        permit
    }

    /// The same if both permits are free now.
    pub(crate) fn try_acquire_within(&self, of_call: Option<&Arc<Self>>, url: &Url) -> Option<Permit> {
        let Some(of_call) = of_call else { return self.try_acquire(url) };
        let outer = of_call.try_reserve(url)?;
        if outer.host.as_deref().is_some_and(|host| host.schedule().delay(Instant::now()).is_some()) {
            return None;
        }
        let mut permit = self.try_acquire(url)?;
        if let Some(host) = &outer.host {
            of_call.take_token(host, false);
        }
        permit.of_call = Some(Box::new(outer.permit));
        Some(permit)
    }

    /// What a request to `url` would wait for now, in words.
    pub(crate) fn shortage(&self, url: &Url) -> Option<String> {
        let is_used_up =
            |permits: &Option<Arc<Semaphore>>| permits.as_ref().is_some_and(|p| p.available_permits() == 0);
        if let Some(host) = self.host(url) {
            if is_used_up(&host.permits) {
                let permits = self.limits.per_host.unwrap_or_default();
                return Some(format!("all {permits} permits of per_host for {} are in use", origin(url)));
            }
            if let Some((until, limit)) = host.schedule().delay(Instant::now()) {
                let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
                let limit = limit.as_str();
                return Some(format!("{limit} holds {} back for another {:.1} s", origin(url), left.as_secs_f64()));
            }
            if host.head.available_permits() == 0 {
                return Some(format!("other requests to {} are ahead in the queue", origin(url)));
            }
        }
        let permits = self.limits.concurrency.unwrap_or_default();
        is_used_up(&self.concurrency).then(|| format!("all {permits} permits of concurrency are in use"))
    }
}
