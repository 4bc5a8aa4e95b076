use super::*;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn times(queue: u64, connect: u64, first_byte: u64, body: u64) -> PhaseTimes {
    PhaseTimes { queue: ms(queue), connect: Some(ms(connect)), first_byte: Some(ms(first_byte)), body: Some(ms(body)) }
}

#[test]
fn an_empty_collector() {
    let stats = Collector::new().snapshot();
    assert_eq!(Stats { wall: Duration::ZERO, ..stats }, Stats::default());
}

#[test]
fn counts() {
    let collector = Collector::new();
    for status in [200, 200, 404, 200] {
        collector.record(RequestRecord { status: Some(status), bytes: 10, ..RequestRecord::default() });
    }
    collector.record(RequestRecord { error: Some(ErrorKind::ReadTimeout), ..RequestRecord::default() });
    collector.record(RequestRecord { error: Some(ErrorKind::Dns), bytes: 3, ..RequestRecord::default() });
    collector.record(RequestRecord {
        status: Some(500),
        error: Some(ErrorKind::HttpStatus),
        ..RequestRecord::default()
    });
    for cause in ["503", "ReadError", "503"] {
        collector.retry(cause.into());
    }
    collector.connection_opened();
    let stats = collector.snapshot();
    assert_eq!((stats.total, stats.ok, stats.failed, stats.bytes), (7, 4, 3, 43));
    assert_eq!(stats.by_status, BTreeMap::from([(200, 3), (404, 1), (500, 1)]));
    assert_eq!(stats.by_error, ["DNSError", "HTTPStatusError", "ReadTimeout"].map(|class| (class.into(), 1)).into());
    assert_eq!(stats.retries, 3);
    assert_eq!(stats.retries_by_cause, BTreeMap::from([("503".into(), 2), ("ReadError".into(), 1)]));
    assert_eq!(stats.connections_opened, 1);
    assert_eq!((stats.queue.count, stats.connect.count, stats.body.count), (7, 0, 0));
}

#[test]
fn the_clock_stops_once() {
    let collector = Collector::new();
    collector.finish();
    let wall = collector.snapshot().wall;
    std::thread::sleep(ms(2));
    collector.finish();
    assert_eq!(collector.snapshot().wall, wall);
    assert!(Collector::new().started.elapsed() < ms(1000));
}

#[test]
fn the_limit_of_a_batch() {
    for (times, limited_by, expected) in [
        (times(5000, 0, 100, 10), Some(Limit::Rate), LimitedBy::Rate),
        (times(5000, 0, 100, 10), Some(Limit::RetryAfter), LimitedBy::RetryAfter),
        (times(5000, 0, 100, 10), Some(Limit::PerHost), LimitedBy::PerHost),
        (times(5000, 0, 100, 10), Some(Limit::Concurrency), LimitedBy::Concurrency),
        (times(5000, 0, 100, 10), None, LimitedBy::Concurrency),
        (times(50, 10, 100, 10), Some(Limit::Rate), LimitedBy::Server),
        (times(0, 10, 100, 10), None, LimitedBy::Server),
        (times(0, 10, 100, 1000), None, LimitedBy::Bandwidth),
        (times(0, 0, 0, 0), None, LimitedBy::Nothing),
    ] {
        let collector = Collector::new();
        for _ in 0..10 {
            collector.record(RequestRecord { status: Some(200), times, limited_by, ..RequestRecord::default() });
        }
        assert_eq!(collector.snapshot().limited_by, expected, "{times:?} {limited_by:?}");
        assert!(!expected.as_str().is_empty());
    }
}

#[test]
fn records_from_threads_are_all_counted() {
    let collector = Collector::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..5000_u16 {
                    let status = Some(200 + number % 3);
                    collector.record(RequestRecord {
                        status,
                        bytes: 1,
                        times: times(1, 2, 3, 4),
                        ..RequestRecord::default()
                    });
                    collector.retry("ConnectError".into());
                }
            });
        }
    });
    let stats = collector.snapshot();
    assert_eq!((stats.total, stats.bytes, stats.retries, stats.body.count), (20_000, 20_000, 20_000, 20_000));
    assert_eq!(stats.by_status.values().sum::<u64>(), 20_000);
}
