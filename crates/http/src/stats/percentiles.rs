//! A distribution of durations: exact while it is small, a histogram of bounded size when it is large.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The number of durations that are kept exactly; more go into a histogram.
const MAX_EXACT: usize = 256;

/// One hour in microseconds; longer durations count as one hour in percentiles.
const MAX_MICROS: u64 = 3_600_000_000;

/// A distribution of durations, in seconds; all 0 without samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// The number of samples.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

/// Durations in microseconds. Without samples it allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Samples {
    exact: Vec<u64>,
    /// 13 KiB, with two significant digits. Boxed, because most batches have none.
    histogram: Option<Box<Histogram<u32>>>,
    count: u64,
    sum: Duration,
    max: Duration,
}

impl Samples {
    /// Adds a sample.
    pub(super) fn record(&mut self, duration: Duration) {
        self.count += 1;
        if self.count == 1 {
            // A single sample, as of a single request, is kept in `sum`: no allocation.
            (self.sum, self.max) = (duration, duration);
            return;
        }
        if self.count == 2 {
            self.exact.push(micros(self.sum));
        }
        self.sum = self.sum.saturating_add(duration);
        self.max = self.max.max(duration);
        let micros = micros(duration);
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(micros);
        } else if self.exact.len() < MAX_EXACT {
            self.exact.push(micros);
        } else if let Ok(mut histogram) = Histogram::new_with_bounds(1, MAX_MICROS, 2) {
            for micros in self.exact.drain(..).chain([micros]) {
                histogram.saturating_record(micros);
            }
            self.exact = Vec::new();
            self.histogram = Some(Box::new(histogram));
        }
    }

    /// The sum of all samples.
    pub(super) fn sum(&self) -> Duration {
        self.sum
    }

    /// The percentiles, within 1 % for more than [`MAX_EXACT`] samples. Maximum and mean are exact.
    pub(super) fn percentiles(&self) -> Percentiles {
        if self.count == 0 {
            return Percentiles::default();
        }
        let mut sorted = if self.count == 1 { vec![micros(self.sum)] } else { self.exact.clone() };
        sorted.sort_unstable();
        let quantile = |quantile: f64| {
            let micros = match &self.histogram {
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
    u64::try_from(duration.as_micros()).unwrap_or(MAX_MICROS).min(MAX_MICROS)
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
        let mut samples = Samples::default();
        millis.into_iter().for_each(|millis| samples.record(Duration::from_millis(millis)));
        samples
    }

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= expected * 0.011
    }

    #[test]
    fn empty() {
        let samples = Samples::default();
        assert_eq!(samples.percentiles(), Percentiles::default());
        assert_eq!(samples.exact.capacity(), 0);
    }

    #[test]
    fn small_distributions_are_exact() {
        let one = samples([7]).percentiles();
        assert_eq!((one.count, one.p50, one.p99, one.max, one.mean), (1, 0.007, 0.007, 0.007, 0.007));
        assert_eq!(samples([7]).exact.capacity(), 0);
        let two = samples([9, 7]).percentiles();
        assert_eq!((two.count, two.p50, two.p99, two.max, two.mean), (2, 0.007, 0.009, 0.009, 0.008));
        let hundred = samples((1..=100).rev()).percentiles();
        assert_eq!((hundred.p50, hundred.p90, hundred.p99, hundred.max), (0.05, 0.09, 0.099, 0.1));
        assert!(near(hundred.mean, 0.0505));
    }

    #[test]
    fn large_distributions_are_approximate_and_bounded() {
        let samples = samples(1..=10_000);
        assert_eq!(samples.exact.capacity(), 0);
        assert!(samples.histogram.is_some());
        let percentiles = samples.percentiles();
        assert_eq!(percentiles.count, 10_000);
        assert!(near(percentiles.p50, 5.0) && near(percentiles.p90, 9.0) && near(percentiles.p99, 9.9));
        assert_eq!(percentiles.max, 10.0);
        assert!(near(percentiles.mean, 5.0005));
    }

    #[test]
    fn extreme_durations() {
        let mut samples = Samples::default();
        for _ in 0..1000 {
            samples.record(Duration::ZERO);
            samples.record(Duration::MAX);
        }
        let percentiles = samples.percentiles();
        assert_eq!(percentiles.count, 2000);
        assert!(near(percentiles.p99, 3600.0) && percentiles.p50 < 0.001, "{percentiles:?}");
    }
}
