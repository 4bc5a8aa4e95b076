use super::*;

#[test]
fn byte_order_marks_and_names() {
    assert_eq!(resolve(None, b"abc"), UTF_8);
    assert_eq!(resolve(None, b"\xff\xfea\0"), UTF_16LE);
    assert_eq!(resolve(Some(UTF_16LE), b"\xfe\xff\0a"), UTF_16BE);
    assert_eq!(resolve(Some(WINDOWS_1252), b"\xef\xbb\xbf"), UTF_8);
    assert_eq!(resolve(Some(UTF_8), b"\xff\xfea\0"), UTF_16LE);
    assert_eq!(resolve(Some(WINDOWS_1252), b"abc"), WINDOWS_1252);
}

#[test]
fn json_is_unicode() {
    let utf16 = |text: &str| text.encode_utf16().collect::<Vec<_>>();
    let utf32 = |text: &str| text.chars().map(u32::from).collect::<Vec<_>>();
    for text in ["1", "12", "123", "[]", "{\"a\":\"é漢😀\"}", "\"é\"", "\"漢\"", ""] {
        for mark in ["", "\u{feff}"] {
            let marked = mark.to_owned() + text;
            let all: [Vec<u8>; 5] = [
                marked.clone().into_bytes(),
                utf16(&marked).into_iter().flat_map(u16::to_le_bytes).collect(),
                utf16(&marked).into_iter().flat_map(u16::to_be_bytes).collect(),
                utf32(&marked).into_iter().flat_map(u32::to_le_bytes).collect(),
                utf32(&marked).into_iter().flat_map(u32::to_be_bytes).collect(),
            ];
            for bytes in &all {
                for named in [None, Some(UTF_8), Some(WINDOWS_1252), Some(UTF_16LE), Some(encoding_rs::SHIFT_JIS)] {
                    assert_eq!(&*json_text(named, bytes), text.as_bytes(), "{bytes:?} {named:?}");
                }
            }
        }
    }
}

#[test]
fn json_that_is_not_unicode_has_the_named_encoding() {
    assert_eq!(&*json_text(Some(WINDOWS_1252), b"\"caf\xe9\""), "\"café\"".as_bytes());
    assert_eq!(&*json_text(Some(WINDOWS_1252), "\"café\"".as_bytes()), "\"café\"".as_bytes());
    assert_eq!(&*json_text(Some(encoding_rs::SHIFT_JIS), b"\"\x83A\""), "\"ア\"".as_bytes());
    assert_eq!(&*json_text(Some(ISO_2022_JP), b"\"\x1b$B%\"\x1b(B\""), "\"ア\"".as_bytes());
    assert_eq!(&*json_text(None, b"\"\xff\""), b"\"\xff\"");
    // Zeros alone do not tell UTF-16 or UTF-32.
    for bytes in [b"\0null".as_slice(), b"\"\0bbbb\"", b"\0\0\xd8\0", b"\0", b"\0\0", b"\0\0\0\0"] {
        assert_eq!(&*json_text(None, bytes), bytes);
    }
    // Invalid characters are replaced.
    assert_eq!(&*json_text(None, b"\xff\xfe\0\0\0\xd8\0\0]"), "\u{fffd}\u{fffd}".as_bytes());
}

#[test]
fn pages_name_their_encoding() {
    for (html, name) in [
        ("<meta charset=koi8-r>", "KOI8-R"),
        ("<html><head><title>a < b</title><META CHARSET='Shift_JIS' />", "Shift_JIS"),
        ("<!-- <meta charset=koi8-r> --><meta charset=\"big5\">", "Big5"),
        ("<meta http-equiv=Content-Type content='text/html; charset=windows-1251'>", "windows-1251"),
        ("<meta content='text/html; charset = \"euc-kr\"' http-equiv=\"content-type\">", "EUC-KR"),
        ("<meta content='text/html; charset=euc-kr'>", "UTF-8"),
        ("<meta name=x><meta charset=gbk>", "GBK"),
        ("<div data-x='<meta charset=koi8-r>'><meta charset=gbk>", "GBK"),
        ("<meta charset=utf-16>", "UTF-8"),
        ("<meta charset=klingon>", "UTF-8"),
        ("<metadata charset=gbk>", "UTF-8"),
        ("<meta charset", "UTF-8"),
        ("<meta = = ='", "UTF-8"),
        ("<", "UTF-8"),
        ("", "UTF-8"),
    ] {
        assert_eq!(html_encoding(None, html.as_bytes()).name(), name, "{html}");
    }
    let spaces = " ".repeat(PRESCAN);
    for (html, name) in [
        ("<meta charset=gbk>\u{e4}", "GBK"),
        ("<script>'<meta charset=big5>'</SCRIPT><meta charset=gbk>\u{e4}", "GBK"),
        ("<title><meta charset=big5></title>\u{e4}", "UTF-8"),
        ("<!--><meta charset=gbk>\u{e4}", "GBK"),
        ("<!-- <meta charset=big5> --><p>\u{e4}", "UTF-8"),
        ("\u{1b}$B<meta charset=iso-2022-jp>", "ISO-2022-JP"),
        // The same in all encodings.
        ("<meta charset=gbk>a", "UTF-8"),
    ] {
        assert_eq!(html_encoding(None, (spaces.clone() + html).as_bytes()).name(), name, "{html}");
    }
    // One that goes over the limit.
    let cut = " ".repeat(PRESCAN - 24) + "<meta charset=iso-8859-15>\u{e4}";
    assert_eq!(html_encoding(None, cut.as_bytes()).name(), "ISO-8859-15");
    assert_eq!(html_encoding(Some(UTF_8), b"<meta charset=gbk>"), UTF_8);
    assert_eq!(html_encoding(None, b"\xef\xbb\xbf<meta charset=gbk>"), UTF_8);
    assert_eq!(html_encoding(Some(WINDOWS_1252), b"\xef\xbb\xbfx"), UTF_8);
}

#[test]
fn xhtml_may_declare_its_encoding() {
    for (html, name) in [
        ("<?xml version='1.0' encoding=\"Shift_JIS\"?><p>", "Shift_JIS"),
        ("<?xml encoding = 'koi8-r' ?>", "KOI8-R"),
        ("<?xml encoding='gbk'?><meta charset=big5>", "Big5"),
        ("<?xml encoding='utf-16'?>", "UTF-8"),
        ("<?xml version='1.0'?><p encoding='gbk'>", "UTF-8"),
        ("<?xml encoding='gbk?>", "UTF-8"),
        (" <?xml encoding='gbk'?>", "UTF-8"),
        ("<\0?\0x\0m\0l\0", "UTF-16LE"),
        ("\0<\0?\0x\0m\0l", "UTF-16BE"),
    ] {
        assert_eq!(html_encoding(None, html.as_bytes()).name(), name, "{html}");
    }
}
