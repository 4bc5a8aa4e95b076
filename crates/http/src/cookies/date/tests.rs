use super::*;

#[test]
fn reads_the_forms_that_servers_write() {
    // Checked against aiohttp's parser and, where it accepts the form, http.cookiejar's.
    for (text, expected) in [
        ("Thu, 01-Jan-70 00:00:10 UTC", 10),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 10),
        ("Thu, 01-Jan-1970 00:00:10 GMT", 10),
        ("Thursday, 01-Jan-70 00:00:10 GMT", 10),
        ("Thu Jan  1 00:00:10 1970", 10),
        ("Thu Jan 01 1970 00:00:10 GMT+0000 (UTC)", 10),
        ("01 Jan 1970 00:00:10", 10),
        ("1 January 1970 0:0:10", 10),
        ("Jan 1 1970 00:00:10", 10),
        ("1970 Jan 1 00:00:10", 10),
        ("Thu, 1 JAN 70 00:00:10", 10),
        ("00:00:10 01 jan 1970", 10),
        ("Thu, 01-Jan-1970 00:00:10.123 GMT", 10),
        ("Thu, 01 Jan 1970 00:00:10 -0700", 10),
        ("Wed, 09 Jun 2021 10:18:14 GMT", 1_623_233_894),
        ("Wed, 09-Jun-21 10:18:14 GMT", 1_623_233_894),
        ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
        ("Fri, 31-Dec-9999 23:59:59 GMT", 253_402_300_799),
        ("Mon, 01-Jan-69 00:00:00 GMT", 3_124_224_000),
        ("Mon, 01 Jan 1601 00:00:00 GMT", -11_644_473_600),
        ("Sat, 15-Apr-17 21:01:22 GMT", 1_492_290_082),
    ] {
        assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
    }
}

#[test]
fn rejects_other_text() {
    for text in [
        "",
        "0",
        "-1",
        "never",
        "Session",
        "1970-01-01T00:00:10Z",
        "Thu, 01 Jan 1970",
        "Thu, 01 Jan 1970 24:00:00 GMT",
        "Thu, 01 Jan 1970 00:60:00 GMT",
        "Thu, 01 Jan 1970 00:00:60 GMT",
        "Thu, 01 Jan 1970 00:00 GMT",
        "Thu, 32 Jan 1970 00:00:00 GMT",
        "Thu, 00 Jan 1970 00:00:00 GMT",
        "Sun, 29 Feb 2023 00:00:00 GMT",
        "Fri, 31 Apr 2021 00:00:00 GMT",
        "Mon, 01 Jan 1600 00:00:00 GMT",
        "Thu, 01 Jan 19700 00:00:00 GMT",
        "01 Foo 1970 00:00:00",
        "\u{e9}\u{0}",
    ] {
        assert_eq!(parse(text.as_bytes()), None, "{text}");
    }
}
