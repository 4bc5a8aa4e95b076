//! `"10/s"`: requests per time, and the token bucket that keeps it.

use std::time::Duration;

use tokio::time::Instant;

/// How many requests may start in which time, per host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How many requests, more than 0.
    pub count: f64,
    /// In how long.
    pub period: Duration,
    /// How many may start at once after a rest; 1 spreads them evenly.
    pub burst: u32,
}

impl Rate {
    /// From `"10/s"`, `"100/m"`, `"1000/min"`, `"5/hour"`, `"0.5/s"`, `"10/2s"`: a number, a slash, and a time with an
    /// optional number before its unit (`ms`, `s`, `m`, `h`, `d` and their usual long names). The burst is 1.
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
            Ok(period) if !period.is_zero() => Ok(Self { count, period, burst: 1 }),
            _ => Err(wrong("the time must be more than 0")),
        }
    }
}

/// A timer fires up to a millisecond late, and later on a busy machine. Whoever waited for its token is excused for
/// so much, or a rate of 500/s would be kept at 330/s.
const EXCUSED: Duration = Duration::from_millis(5);

/// How a [`Rate`] is kept: the spacing of requests, and how much earlier than evenly spaced a burst may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    interval: Duration,
    burst: Duration,
}

impl Spacing {
    /// Of `rate`; a count that is not above 0 gives a spacing of centuries.
    pub(super) fn new(rate: &Rate) -> Self {
        const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);
        let interval = Duration::try_from_secs_f64(rate.period.as_secs_f64() / rate.count).unwrap_or(LONGEST);
        let interval = interval.min(LONGEST);
        Self { interval, burst: interval.saturating_mul(rate.burst.max(1) - 1) }
    }
}

/// The generic cell rate algorithm: a token bucket in a single point in time, the start of the next request if all were
/// evenly spaced.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    due: Option<Instant>,
}

impl Bucket {
    /// When the next request may start.
    pub(super) fn ready(&self, spacing: &Spacing) -> Option<Instant> {
        let due = self.due?;
        Some(due.checked_sub(spacing.burst).unwrap_or(due))
    }

    /// A request starts; the caller has made sure it may. `queued`: it waited in line.
    pub(super) fn take(&mut self, spacing: &Spacing, now: Instant, queued: bool) {
        let earliest = if queued { now.checked_sub(EXCUSED).unwrap_or(now) } else { now };
        let due = self.due.map_or(earliest, |due| due.max(earliest));
        self.due = Some(due.checked_add(spacing.interval).unwrap_or(due));
    }

    /// Nothing to remember: as good as new.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn parses_the_usual_spellings() {
        for (text, count, seconds) in [
            ("10/s", 10.0, 1.0),
            ("10/second", 10.0, 1.0),
            (" 10 / sec ", 10.0, 1.0),
            ("100/m", 100.0, 60.0),
            ("1000/min", 1000.0, 60.0),
            ("1000/Minutes", 1000.0, 60.0),
            ("5/h", 5.0, 3600.0),
            ("5/hour", 5.0, 3600.0),
            ("7/day", 7.0, 86_400.0),
            ("0.5/s", 0.5, 1.0),
            ("10/2s", 10.0, 2.0),
            ("10/2.5 s", 10.0, 2.5),
            ("1/500ms", 1.0, 0.5),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.count, rate.period.as_secs_f64(), rate.burst), (count, seconds, 1), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, why) in [
            ("", "no '/'"),
            ("10", "no '/'"),
            ("ten/s", "not a number"),
            ("/s", "not a number"),
            ("0/s", "more than 0"),
            ("-1/s", "more than 0"),
            ("nan/s", "more than 0"),
            ("inf/s", "more than 0"),
            ("10/", "unit of time"),
            ("10/fortnight", "unit of time"),
            ("10/s/s", "unit of time"),
            ("10/0s", "more than 0"),
            ("10/1.2.3s", "number and a unit"),
            ("10/-2s", "unit of time"),
        ] {
            let message = Rate::parse(text).unwrap_err();
            assert!(message.contains(why) && message.contains(&format!("{text:?}")), "{message}");
        }
    }
}
