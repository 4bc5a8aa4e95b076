#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::error::ErrorKind;

#[test]
fn all_representations_of_text() {
    for (source, text) in [
        (Source::Latin1(b"plain"), "plain"),
        (Source::Latin1(b"caf\xe9"), "café"),
        (Source::Ucs2(&[0x4e2d, 0x20]), "中 "),
        (Source::Ucs2(&[]), ""),
        (
            Source::Ucs2(&[0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff]),
            "\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}",
        ),
        (Source::Ucs4(&[0x1f600]), "😀"),
        (Source::Ucs4(&[0x61, 0xe9, 0x4e2d, 0x10_ffff]), "aé中\u{10ffff}"),
        (Source::Bytes("\u{feff}é".as_bytes()), "é"),
        (Source::Bytes(b"a\xff"), "a\u{fffd}"),
        (Source::Shared(Bytes::from_static(b"abc")), "abc"),
    ] {
        let document = Document::new(source);
        assert_eq!(document.text().unwrap(), text);
    }
    let url = Url::parse("https://example.com/").unwrap();
    let greek = Document::from_response(Source::Bytes(b"\xe1"), Some(encoding_rs::WINDOWS_1253), Some(url.clone()));
    assert_eq!(greek.url(), Some(&url));
    assert_eq!(greek.text().unwrap(), "α");
    assert_eq!(&*greek.json().unwrap(), "α".as_bytes());
    assert_eq!(&*greek.bytes().unwrap(), b"\xe1");
}

#[test]
fn long_texts_are_converted_in_pieces() {
    for length in [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
        let units: Vec<u16> = "a\u{e9}\u{4e2d}".encode_utf16().cycle().take(length).collect();
        let units: &'static [u16] = units.leak();
        let document = Document::new(Source::Ucs2(units));
        assert_eq!(document.text().unwrap(), String::from_utf16(units).unwrap());
        let halves: Vec<u16> = units.iter().copied().chain([0xdc00]).collect();
        assert_eq!(Document::new(Source::Ucs2(halves.leak())).text().unwrap_err().kind, ErrorKind::Value);
    }
}

#[test]
fn html_may_name_its_encoding() {
    let page = Document::new(Source::Bytes(b"<meta charset=windows-1253>\xe1"));
    assert!(page.html().unwrap().ends_with('α'));
    assert!(page.text().unwrap().ends_with('\u{fffd}'));
}

#[test]
fn bytes_are_not_changed() {
    let marked = Document::new(Source::Bytes(b"\xef\xbb\xbfa\xff"));
    assert_eq!(&*marked.bytes().unwrap(), b"\xef\xbb\xbfa\xff");
    assert_eq!(&*marked.json().unwrap(), b"a\xff");
    assert_eq!(&*Document::new(Source::Latin1(b"\xe9")).bytes().unwrap(), "é".as_bytes());
}

#[test]
fn documents_that_cannot_be_read() {
    for source in [Source::Ucs2(&[0xd800]), Source::Ucs2(&[0xd83d, 0xde00]), Source::Ucs4(&[0x1f600, 0xdfff])] {
        assert_eq!(Document::new(source).text().unwrap_err().kind, ErrorKind::Value);
    }
    let missing = Document::new(Source::File("/nowhere/at/all".into()));
    let kind = ErrorKind::File { number: Some(libc::ENOENT), path: "/nowhere/at/all".into() };
    assert_eq!(missing.bytes().unwrap_err().kind, kind);
}

#[test]
fn writable_memory_is_copied() {
    let array = *b"\xef\xbb\xbfabc";
    // SAFETY: `array` lives longer than the document.
    let writable = unsafe { Writable::new(array.as_ptr(), array.len()) };
    let document = Document::new(Source::Writable(writable));
    assert_eq!(document.text().unwrap(), "abc");
    assert!(matches!(document.bytes().unwrap(), Cow::Owned(_)));
    assert_eq!(&*document.json().unwrap(), b"abc");
}

#[test]
fn more_than_there_is() {
    assert!(check_room(0, 4).is_ok());
    assert!(check_room(SMALL, 2).is_ok());
    for (bytes, factor) in [(usize::MAX, 1), (usize::MAX / 2, 4), (1 << 62, 1)] {
        assert!(check_room(bytes, factor).is_err());
    }
}
