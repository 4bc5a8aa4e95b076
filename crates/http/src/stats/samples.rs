//! A distribution of durations that costs nothing when empty, little when small, and a bounded amount when large.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::Percentiles;

/// So many durations are kept as they are; more go into a histogram.
const FEW: usize = 256;

/// An hour in microseconds; longer durations count as this in percentiles.
const LONGEST: u64 = 3_600_000_000;

/// Durations in microseconds.
#[derive(Debug)]
pub(super) struct Samples {
    few: Vec<u64>,
    /// 13 KiB, two significant digits. Boxed: most batches never make one.
    many: Option<Box<Histogram<u32>>>,
    count: u64,
    sum: Duration,
    max: Duration,
}

impl Samples {
    /// Empty; allocates nothing.
    pub(super) const fn new() -> Self {
        Self { few: Vec::new(), many: None, count: 0, sum: Duration::ZERO, max: Duration::ZERO }
    }

    /// Adds one.
    pub(super) fn record(&mut self, duration: Duration) {
        self.count += 1;
        if self.count == 1 {
            // The only one, as of a single request, is the sum of all: nothing is allocated for it.
            (self.sum, self.max) = (duration, duration);
            return;
        }
        if self.count == 2 {
            self.few.push(micros(self.sum));
        }
        self.sum = self.sum.saturating_add(duration);
        self.max = self.max.max(duration);
        let micros = micros(duration);
        if let Some(histogram) = &mut self.many {
            histogram.saturating_record(micros);
        } else if self.few.len() < FEW {
            self.few.push(micros);
        } else if let Ok(mut histogram) = Histogram::new_with_bounds(1, LONGEST, 2) {
            for micros in self.few.drain(..).chain([micros]) {
                histogram.saturating_record(micros);
            }
            self.few = Vec::new();
            self.many = Some(Box::new(histogram));
        }
    }

    /// All of them together.
    pub(super) fn sum(&self) -> Duration {
        self.sum
    }

    /// Percentiles: exact for few samples, within 1 % for many. Maximum and mean are always exact.
    pub(super) fn percentiles(&self) -> Percentiles {
        if self.count == 0 {
            return Percentiles::default();
        }
        let mut sorted = if self.count == 1 { vec![micros(self.sum)] } else { self.few.clone() };
        sorted.sort_unstable();
        let quantile = |quantile: f64| {
            let micros = match &self.many {
                Some(histogram) => histogram.value_at_quantile(quantile),
                None => nearest_rank(&sorted, quantile),
            };
            // A bucket's upper edge may lie above the maximum.
            Duration::from_micros(micros).min(self.max).as_secs_f64()
        };
        Percentiles {
            count: self.count,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: self.max.as_secs_f64(),
            // Counts are far below 2^52.
            mean: self.sum.as_secs_f64() / self.count as f64,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(LONGEST).min(LONGEST)
}

/// The smallest value that is not below `quantile` of all.
fn nearest_rank(sorted: &[u64], quantile: f64) -> u64 {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(millis: impl IntoIterator<Item = u64>) -> Samples {
        let mut samples = Samples::new();
        millis.into_iter().for_each(|millis| samples.record(Duration::from_millis(millis)));
        samples
    }

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= expected * 0.011
    }

    #[test]
    fn empty() {
        let samples = Samples::new();
        assert_eq!(samples.percentiles(), Percentiles::default());
        assert_eq!(samples.few.capacity(), 0);
    }

    #[test]
    fn few_are_exact() {
        let one = samples([7]).percentiles();
        assert_eq!((one.count, one.p50, one.p99, one.max, one.mean), (1, 0.007, 0.007, 0.007, 0.007));
        assert_eq!(samples([7]).few.capacity(), 0);
        let two = samples([9, 7]).percentiles();
        assert_eq!((two.count, two.p50, two.p99, two.max, two.mean), (2, 0.007, 0.009, 0.009, 0.008));
        let hundred = samples((1..=100).rev()).percentiles();
        assert_eq!((hundred.p50, hundred.p90, hundred.p99, hundred.max), (0.05, 0.09, 0.099, 0.1));
        assert!(near(hundred.mean, 0.0505));
    }

    #[test]
    fn many_are_near_and_bounded() {
        let samples = samples(1..=10_000);
        assert_eq!(samples.few.capacity(), 0);
        assert!(samples.many.is_some());
        let percentiles = samples.percentiles();
        assert_eq!(percentiles.count, 10_000);
        assert!(near(percentiles.p50, 5.0) && near(percentiles.p90, 9.0) && near(percentiles.p99, 9.9));
        assert_eq!(percentiles.max, 10.0);
        assert!(near(percentiles.mean, 5.0005));
    }

    #[test]
    fn extremes_do_no_harm() {
        let mut samples = Samples::new();
        for _ in 0..1000 {
            samples.record(Duration::ZERO);
            samples.record(Duration::MAX);
        }
        let percentiles = samples.percentiles();
        assert_eq!(percentiles.count, 2000);
        assert!(near(percentiles.p99, 3600.0) && percentiles.p50 < 0.001, "{percentiles:?}");
    }
}
