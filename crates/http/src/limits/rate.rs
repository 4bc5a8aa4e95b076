//! A rate such as `"10/s"`, and the token bucket that keeps it.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

/// How many requests may start in which time, per host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The number of requests, more than 0.
    pub count: f64,
    /// The time for that number.
    pub period: Duration,
}

impl Rate {
    /// Parses `"10/s"`, `"100/m"`, `"1000/min"`, `"5/hour"`, `"0.5/s"`, `"10/2s"`: a number, a slash, and a time with an
    /// optional number before its unit (`ms`, `s`, `m`, `h`, `d` and their usual long names).
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("invalid rate {text:?}: {why}, expected for example \"10/s\" or \"100/min\"");
        let (count, period) = text.split_once('/').ok_or_else(|| wrong("there is no '/'"))?;
        let count: f64 = count.trim().parse().map_err(|_| wrong("the count is not a number"))?;
        if !count.is_finite() || count <= 0.0 {
            return Err(wrong("the count must be more than 0"));
        }
        let period = period.trim();
        let digits = period.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(period.len());
        let (number, unit) = period.split_at(digits);
        let number: f64 = match number {
            "" => 1.0,
            _ => number.parse().map_err(|_| wrong("the time is not a number and a unit"))?,
        };
        let unit = match unit.trim().to_ascii_lowercase().as_str() {
            "ms" | "millisecond" | "milliseconds" => 0.001,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            _ => return Err(wrong("the unit of time must be one of ms, s, min, h, day")),
        };
        match Duration::try_from_secs_f64(number * unit) {
            Ok(period) if !period.is_zero() => Ok(Self { count, period }),
            _ => Err(wrong("the time must be more than 0")),
        }
    }
}

/// A queued request may take its token this late without delaying the next one: a timer fires a millisecond late, and
/// later on a busy machine. Without it a rate of 500/s is kept at 330/s.
const MAX_LATE: Duration = Duration::from_millis(5);

/// The time between two requests at a [`Rate`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing(Duration);

impl Spacing {
    /// The spacing of `rate`, at most a century.
    pub fn new(rate: &Rate) -> Self {
        const MAX: Duration = Duration::from_secs(u32::MAX as u64);
        let interval = Duration::try_from_secs_f64(rate.period.as_secs_f64() / rate.count).unwrap_or(MAX);
        Self(interval.min(MAX))
    }
}

/// A token bucket of one token (the generic cell rate algorithm): the time at which the next request is due.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    due: Option<Instant>,
}

impl Bucket {
    /// When the next request may start.
    pub fn ready(&self) -> Option<Instant> {
        self.due
    }

    /// Records the start of a request, which the caller has checked. `queued`: it waited in the queue.
    pub fn take(&mut self, spacing: &Spacing, now: Instant, queued: bool) {
        let earliest = if queued { now.checked_sub(MAX_LATE).unwrap_or(now) } else { now };
        let due = self.due.map_or(earliest, |due| due.max(earliest));
        self.due = Some(due.checked_add(spacing.0).unwrap_or(due));
    }

    /// Whether the bucket is full, so that it need not be remembered.
    pub fn is_full(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }
}
