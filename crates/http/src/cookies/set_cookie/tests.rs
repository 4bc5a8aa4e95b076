use super::*;

const NOW: i64 = 1_700_000_000;

fn read(header: &str) -> SetCookie<'_> {
    parse(header.as_bytes(), NOW).unwrap()
}

#[test]
fn names_and_values() {
    for (header, name, value) in [
        ("a=1", "a", "1"),
        ("  a\t = 1 2 ", "a", "1 2"),
        ("a=", "a", ""),
        ("a=b=c; x", "a", "b=c"),
        ("a=\"x;y\"", "a", "\"x"),
        ("a=\"x y\"; Path=/", "a", "\"x y\""),
        ("a b=1", "a b", "1"),
        ("a,b=1,2", "a,b", "1,2"),
        ("ü=ü", "ü", "ü"),
    ] {
        let cookie = read(header);
        assert_eq!((cookie.name, cookie.value), (name.as_bytes(), value.as_bytes()), "{header}");
    }
    for header in ["", ";", "a", "a; b=1", "=1", " = ", "; Path=/"] {
        assert_eq!(parse(header.as_bytes(), NOW), None, "{header}");
    }
}

#[test]
fn attributes() {
    let cookie = read("a=1; DOMAIN=.Example.com;Path=/x ; secure=no; HttpOnly; SameSite=Lax; ; =; Unknown=1");
    assert_eq!(cookie.domain.unwrap(), b"Example.com");
    assert_eq!(cookie.path.unwrap(), b"/x");
    assert!(cookie.secure && cookie.expires.is_none());
    assert_eq!(read("a=1; Domain=a.com; Domain=").domain, None);
    assert_eq!(read("a=1; Path=/x; Path=y").path, None);
    assert_eq!(read(&format!("a=1; Path=/{}", "x".repeat(1024))).path, None);
}

#[test]
fn expiry() {
    for (attributes, expected) in [
        ("Max-Age=60", Some(NOW + 60)),
        ("max-age = 60", Some(NOW + 60)),
        ("Max-Age=0060", Some(NOW + 60)),
        ("Max-Age=0", Some(i64::MIN)),
        ("Max-Age=-1", Some(i64::MIN)),
        ("Max-Age=99999999999999999999999", Some(i64::MAX)),
        ("Max-Age=-99999999999999999999999", Some(i64::MIN)),
        ("Max-Age=+60", None),
        ("Max-Age=60.5", None),
        ("Max-Age=60s", None),
        ("Max-Age=\"60\"", None),
        ("Max-Age=-", None),
        ("Max-Age=", None),
        ("Max-Age", None),
        ("Max-Age=60; Max-Age=x", Some(NOW + 60)),
        ("Max-Age=60; Max-Age=120", Some(NOW + 120)),
        ("Expires=Thu, 01-Jan-70 00:00:10 UTC", Some(10)),
        ("Expires=0", None),
        ("Expires=Thu, 01 Jan 1970 00:00:10 GMT; Expires=never", Some(10)),
        ("Expires=Thu, 01 Jan 1970 00:00:10 GMT; Max-Age=60", Some(NOW + 60)),
        ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:10 GMT", Some(NOW + 60)),
        ("Max-Age=x; Expires=Thu, 01 Jan 1970 00:00:10 GMT", Some(10)),
    ] {
        let header = format!("a=1; {attributes}");
        let cookie = read(&header);
        assert_eq!(cookie.expires, expected, "{attributes}");
        assert_eq!(cookie.is_deletion(NOW), expected.is_some_and(|expires| expires <= NOW), "{attributes}");
    }
}
