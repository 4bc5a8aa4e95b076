use super::*;

#[test]
fn the_mark_then_the_header_then_utf_8() {
    for (content_type, body, name) in [
        ("", &b"abc"[..], "UTF-8"),
        ("", b"\xff\xfea\0", "UTF-16LE"),
        ("text/html; charset=shift_jis", b"\xef\xbb\xbfa", "UTF-8"),
        ("text/html; charset=shift_jis", b"a", "Shift_JIS"),
        ("application/json; charset=iso-8859-1", "é".as_bytes(), "UTF-8"),
        ("Application/Problem+JSON ;charset=iso-8859-1", "é".as_bytes(), "UTF-8"),
        ("application/json; charset=iso-8859-1", b"\xe9", "windows-1252"),
        ("application/jsonx; charset=iso-8859-1", "é".as_bytes(), "windows-1252"),
        ("text/html; Charset = \"ISO-8859-1\"; x=y", b"", "windows-1252"),
        ("text/html; boundary=charset; charset='koi8-r'", b"", "KOI8-R"),
        ("text/html; charset=klingon", b"\xfe\xff\0a", "UTF-16BE"),
        ("text/html; charset=utf-16", b"\xfe\xff\0a", "UTF-16BE"),
        ("text/html; charset", b"a", "UTF-8"),
        ("text/html; charset=latin-1", b"a", "windows-1252"),
        ("text/html; charset=iso_8859_2", b"a", "ISO-8859-2"),
        // The standard knows this name only to refuse it.
        ("text/html; charset=iso-2022-kr", b"a", "UTF-8"),
    ] {
        assert_eq!(encoding_of(content_type.as_bytes(), body).name(), name, "{content_type}");
    }
}
