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
