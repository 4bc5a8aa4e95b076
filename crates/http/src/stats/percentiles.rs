//! A distribution of durations: exact while it is small, a histogram of bounded size when it is large.

#[cfg(test)]
mod tests;

use std::time::Duration;

use hdrhistogram::Histogram;

/// The number of durations that are kept exactly; more go into a histogram.
const MAX_EXACT: usize = 256;

/// One hour in microseconds; longer durations count as one hour in percentiles.
const MAX_MICROS: u64 = 3_600_000_000;

/// A distribution of durations, in seconds; all 0 without samples.
#[allow(missing_docs, reason = "each is named after its figure")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    pub count: u64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
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
