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
    /// Nanoseconds, as is `max`: 584 years at most.
    sum: u64,
    max: u64,
}

impl Samples {
    pub(super) fn record(&mut self, duration: Duration) {
        let nanos = duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into());
        let before = self.sum;
        self.sum = before.saturating_add(nanos);
        self.max = self.max.max(nanos);
        self.count += 1;
        // A single sample, as of a single request, is kept in `sum`: no allocation.
        match self.count {
            1 => return,
            2 => self.exact.push(micros(before)),
            _ => {}
        }
        let micros = micros(nanos);
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
        Duration::from_nanos(self.sum)
    }

    /// The percentiles, within 1 % for more than [`MAX_EXACT`] samples. Maximum and mean are exact.
    pub(super) fn percentiles(&self) -> Percentiles {
        if self.count == 0 {
            return Percentiles::default();
        }
        let mut sorted = if self.count == 1 { vec![micros(self.sum)] } else { self.exact.clone() };
        sorted.sort_unstable();
        let max = Duration::from_nanos(self.max);
        let quantile = |quantile: f64| {
            let micros = match &self.histogram {
                Some(histogram) => histogram.value_at_quantile(quantile),
                None => nearest_rank(&sorted, quantile),
            };
            // A bucket's upper edge may lie above the maximum.
            Duration::from_micros(micros).min(max).as_secs_f64()
        };
        Percentiles {
            count: self.count,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: max.as_secs_f64(),
            // Counts are far below 2^52.
            mean: self.sum().as_secs_f64() / self.count as f64,
        }
    }
}

fn micros(nanos: u64) -> u64 {
    (nanos / 1000).min(MAX_MICROS)
}

/// The smallest value that is not below `quantile` of all.
fn nearest_rank(sorted: &[u64], quantile: f64) -> u64 {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}
