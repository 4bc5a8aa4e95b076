use super::*;

/// The wait that `Retry-After: value` asks for, if it is received `now` seconds after the Unix epoch.
fn after(value: &'static str, now: u64) -> Option<Duration> {
    parse_retry_after(&HeaderValue::from_static(value), SystemTime::UNIX_EPOCH + Duration::from_secs(now))
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let retry = Retry::new(3);
    assert_eq!((retry.total, retry.backoff_factor, retry.backoff_jitter), (3, 0.2, 1.0));
    assert_eq!(retry.backoff_max, Duration::from_secs(30));
    assert_eq!(retry.retry_after_max, Duration::from_secs(120));
    assert!(retry.respect_retry_after);
    assert_eq!(retry.status_forcelist.iter().copied().collect::<Vec<_>>(), DEFAULT_STATUS_FORCELIST);
    assert_eq!(retry.allowed_methods, RetryMethods::Idempotent);
    assert_eq!(Retry::none().total, 0);
}

#[test]
fn methods() {
    for (method, idempotent) in [
        (Method::GET, true),
        (Method::HEAD, true),
        (Method::PUT, true),
        (Method::DELETE, true),
        (Method::OPTIONS, true),
        (Method::TRACE, true),
        (Method::POST, false),
        (Method::PATCH, false),
        (Method::CONNECT, false),
        (Method::from_bytes(b"PURGE").unwrap(), false),
    ] {
        assert_eq!(RetryMethods::Idempotent.allow(&method, || false), idempotent, "{method}");
        assert!(RetryMethods::Any.allow(&method, || false));
        assert_eq!(RetryMethods::Listed(vec![Method::POST]).allow(&method, || true), method == Method::POST);
    }
}

#[test]
fn statuses() {
    let retry = Retry::new(1);
    let status = |code| StatusCode::from_u16(code).unwrap();
    for code in DEFAULT_STATUS_FORCELIST {
        assert!(retry.allows_status(&Method::GET, || false, status(code)));
        assert!(!retry.allows_status(&Method::POST, || false, status(code)));
    }
    for code in [200, 304, 400, 404, 501, 505] {
        assert!(!retry.allows_status(&Method::GET, || false, status(code)));
    }
    let all = Retry { allowed_methods: RetryMethods::Any, ..Retry::new(1) };
    assert!(all.allows_status(&Method::POST, || false, status(503)));
}

#[test]
fn an_idempotency_key_makes_any_method_idempotent() {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let retry = Retry::new(1);
    assert!(retry.allows_status(&Method::POST, || true, status));
    assert!(retry.allows_error(&Method::PATCH, || true, ErrorKind::Read));
    assert!(!retry.allows_error(&Method::POST, || true, ErrorKind::Tls));
    let listed = Retry { allowed_methods: RetryMethods::Listed(vec![Method::GET]), ..Retry::new(1) };
    assert!(!listed.allows_status(&Method::POST, || true, status), "a list is exhaustive");
}

#[test]
fn errors() {
    let retry = Retry::new(1);
    for kind in [ErrorKind::Connect, ErrorKind::ConnectTimeout, ErrorKind::Dns, ErrorKind::Proxy] {
        assert!(retry.allows_error(&Method::POST, || false, kind), "{kind:?}");
    }
    for kind in [
        ErrorKind::Read,
        ErrorKind::ReadTimeout,
        ErrorKind::TotalTimeout,
        ErrorKind::Protocol,
        ErrorKind::IncompleteBody,
        ErrorKind::Write,
    ] {
        assert!(retry.allows_error(&Method::GET, || false, kind), "{kind:?}");
        assert!(!retry.allows_error(&Method::POST, || false, kind), "{kind:?}");
    }
    for kind in [
        ErrorKind::Tls,
        ErrorKind::InvalidUrl,
        ErrorKind::BodyTooLarge,
        ErrorKind::Decoding,
        ErrorKind::TooManyRedirects,
        ErrorKind::DeadlineExceeded,
        ErrorKind::PoolTimeout,
        ErrorKind::Memory,
        ErrorKind::Save,
        ErrorKind::Internal,
    ] {
        assert!(!retry.allows_error(&Method::GET, || false, kind), "{kind:?}");
    }
}

#[test]
fn backoff_equals_urllib3() {
    let retry = Retry { backoff_jitter: 0.0, ..Retry::new(9) };
    let seconds: Vec<f64> = (0..10).map(|done| retry.backoff(done, 0.9).as_secs_f64()).collect();
    assert_eq!(seconds, [0.0, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]);
    assert_eq!(retry.backoff(u32::MAX, 0.0), Duration::from_secs(30));
    let jitter = Retry::new(9);
    assert_eq!(jitter.backoff(0, 0.5), Duration::ZERO);
    assert_eq!(jitter.backoff(1, 0.5), Duration::from_secs_f64(0.9));
    assert_eq!(jitter.backoff(50, 0.5), Duration::from_secs(30));
}

#[test]
fn extreme_backoffs_are_bounded() {
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX] {
        for done in [0, 1, 5, 2000] {
            let retry = Retry { backoff_factor: factor, ..Retry::new(1) };
            assert!(retry.backoff(done, 1.0) <= retry.backoff_max);
        }
    }
    let endless = Retry { backoff_max: Duration::MAX, backoff_factor: f64::MAX, ..Retry::new(1) };
    assert_eq!(endless.backoff(5, 0.0), Duration::MAX);
}

#[test]
fn retry_after_in_seconds() {
    assert_eq!(after("0", 0), Some(Duration::ZERO));
    assert_eq!(after("120", 0), Some(Duration::from_secs(120)));
    assert_eq!(after("  7 ", 0), Some(Duration::from_secs(7)));
    assert_eq!(after("99999999999999999999999999", 0), Some(Duration::from_secs(u32::MAX.into())));
}

#[test]
fn retry_after_as_a_date() {
    // 784111777 is 1994-11-06 08:49:37 UTC, the example of RFC 9110.
    for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
        assert_eq!(after(date, 784_111_770), Some(Duration::from_secs(7)), "{date}");
        assert_eq!(after(date, 784_111_800), Some(Duration::ZERO), "{date}");
    }
}

#[test]
fn invalid_retry_after() {
    for value in ["", " ", "soon", "-1", "1.5", "1e3", "0x10", "12 s", "Sun, 99 Nov 1994 08:49:37 GMT", "+5"] {
        assert_eq!(after(value, 0), None, "{value:?}");
    }
    let binary = HeaderValue::from_bytes(b"\xff1").unwrap();
    assert_eq!(parse_retry_after(&binary, SystemTime::now()), None);
}
