//! Which characters bytes stand for, when that must be told from the bytes: a byte order mark, or what an HTML page says
//! of itself.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// How far browsers look for the `<meta>` that names the encoding before they begin to parse.
const PRESCAN: usize = 1024;

/// With it ISO-2022-JP, which has no other bytes than ASCII, begins what is none.
const ESCAPE: u8 = 0x1b;

/// Elements whose content is no markup.
const RAW: [&[u8]; 8] = [b"script", b"style", b"title", b"textarea", b"iframe", b"xmp", b"noembed", b"noframes"];

/// The encoding that somebody named (the headers of a response, say), else that of the byte order mark, else UTF-8.
pub fn resolve(named: Option<&'static Encoding>, bytes: &[u8]) -> &'static Encoding {
    let mark = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    match named {
        // "utf-16" leaves the order of the bytes to the mark.
        Some(named) if named == UTF_16LE && mark == Some(UTF_16BE) => UTF_16BE,
        Some(named) => named,
        None => mark.unwrap_or(UTF_8),
    }
}

/// The same for an HTML page: its mark, what somebody named, what the page says itself, else UTF-8.
pub fn of_html(named: Option<&'static Encoding>, html: &[u8]) -> &'static Encoding {
    let mark = Encoding::for_bom(html).map(|(encoding, _)| encoding);
    mark.or(named).or_else(|| prescan(html)).or_else(|| late(html)).or_else(|| declared(html)).unwrap_or(UTF_8)
}

/// What a page says at its start (HTML standard, "prescan a byte stream to determine its encoding").
fn prescan(html: &[u8]) -> Option<&'static Encoding> {
    match html {
        [b'<', 0, b'?', 0, b'x', 0, ..] => Some(UTF_16LE),
        [0, b'<', 0, b'?', 0, b'x', ..] => Some(UTF_16BE),
        _ => find_meta(html.get(..PRESCAN).unwrap_or(html), false),
    }
}

/// What a `<meta>` further down says (HTML standard, "changing the encoding while parsing"). A page that is the same in
/// all encodings is not searched.
fn late(html: &[u8]) -> Option<&'static Encoding> {
    let same = html.is_ascii() && !html.contains(&ESCAPE);
    if same { None } else { find_meta(html, true) }
}

/// What the XML declaration says that XHTML begins with (HTML standard, "get an XML encoding").
fn declared(html: &[u8]) -> Option<&'static Encoding> {
    let rest = html.strip_prefix(b"<?xml")?;
    let rest = rest.get(..rest.iter().position(|byte| *byte == b'>')?)?;
    let at = rest.windows(8).position(|window| window == b"encoding")?;
    let rest = rest.get(at + 8..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = rest.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    of_label(rest.get(..rest.iter().position(|byte| byte == quote)?)?)
}

/// The first `<meta>` that names an encoding. With `parsed`, one that a parser would come to: not in a script, say.
fn find_meta(html: &[u8], parsed: bool) -> Option<&'static Encoding> {
    let mut rest = html;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        rest = rest.get(at + 1..)?;
        if rest.starts_with(b"!--") {
            // The dashes of `<!-->` are both.
            let end = rest.windows(3).position(|window| window == b"-->")?;
            rest = rest.get(end + 3..)?;
            continue;
        }
        let length =
            rest.iter().position(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        if name.eq_ignore_ascii_case(b"meta") {
            rest = after;
            if let Some(found) = meta(&mut rest) {
                return Some(found);
            }
        } else if rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'/') {
            // Past the attributes, in which a `<` means nothing.
            while attribute(&mut rest).is_some() {}
            if parsed && RAW.iter().any(|raw| name.eq_ignore_ascii_case(raw)) {
                let end = |window: &[u8]| window.strip_prefix(b"</").is_some_and(|end| end.eq_ignore_ascii_case(name));
                rest = rest.get(rest.windows(name.len() + 2).position(end)?..)?;
            }
        }
    }
    None
}

/// What the attributes of a `<meta>` say; leaves `rest` behind them.
fn meta(rest: &mut &[u8]) -> Option<&'static Encoding> {
    let (mut named, mut content, mut is_type) = (None, None, false);
    let tag = *rest;
    while let Some((name, value)) = attribute(rest) {
        match name.as_slice() {
            b"charset" if named.is_none() => named = Some(value),
            b"content" if content.is_none() => content = in_content(&value),
            b"http-equiv" => is_type |= value == b"content-type",
            _ => {}
        }
    }
    // One that is cut off may be short of a part of the name.
    let ended = tag.get(..tag.len() - rest.len()).is_some_and(|tag| tag.ends_with(b">"));
    let label = named.or(content.filter(|_| is_type)).filter(|_| ended)?;
    of_label(&label)
}

/// The encoding that a page calls so.
fn of_label(label: &[u8]) -> Option<&'static Encoding> {
    let found = Encoding::for_label(label)?;
    // The page was read as ASCII to get here, so it is not in UTF-16.
    Some(match found {
        found if found == UTF_16LE || found == UTF_16BE => UTF_8,
        found if found == X_USER_DEFINED => WINDOWS_1252,
        found => found,
    })
}

/// The label in `text/html; charset=utf-8`.
fn in_content(content: &[u8]) -> Option<Vec<u8>> {
    let mut rest = content;
    loop {
        let at = rest.windows(7).position(|window| window == b"charset")?;
        rest = rest.get(at + 7..)?.trim_ascii_start();
        if let Some(value) = rest.strip_prefix(b"=") {
            let value = value.trim_ascii_start();
            let (value, end): (_, fn(&u8) -> bool) = match value.first()? {
                b'"' => (value.get(1..)?, |byte| *byte == b'"'),
                b'\'' => (value.get(1..)?, |byte| *byte == b'\''),
                _ => (value, |byte| byte.is_ascii_whitespace() || *byte == b';'),
            };
            return Some(value.iter().copied().take_while(|byte| !end(byte)).collect());
        }
    }
}

/// The next attribute of a tag, in lower case; `None` at its end, which it takes.
fn attribute(rest: &mut &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let skip = |rest: &mut &[u8], also: u8| {
        while let Some((first, after)) = rest.split_first()
            && (first.is_ascii_whitespace() || *first == also)
        {
            *rest = after;
        }
    };
    let take = |rest: &mut &[u8], end: &dyn Fn(u8) -> bool| {
        let length = rest.iter().position(|byte| end(*byte)).unwrap_or(rest.len());
        let (taken, after) = rest.split_at(length);
        *rest = after;
        taken.to_ascii_lowercase()
    };
    skip(rest, b'/');
    if let (b'>', after) = rest.split_first()? {
        *rest = after;
        return None;
    }
    let name = take(rest, &|byte| byte.is_ascii_whitespace() || b"/>=".contains(&byte));
    skip(rest, b' ');
    let Some(after) = rest.strip_prefix(b"=") else {
        // `=` alone begins a name; skipped, so that this goes on.
        return Some((name, Vec::new()));
    };
    *rest = after;
    skip(rest, b' ');
    let value = match rest.first() {
        Some(quote @ (b'"' | b'\'')) => {
            let quote = *quote;
            *rest = rest.get(1..)?;
            let value = take(rest, &|byte| byte == quote);
            *rest = rest.get(1..).unwrap_or_default();
            value
        }
        _ => take(rest, &|byte| byte.is_ascii_whitespace() || byte == b'>'),
    };
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_names() {
        assert_eq!(resolve(None, b"abc"), UTF_8);
        assert_eq!(resolve(None, b"\xff\xfea\0"), UTF_16LE);
        assert_eq!(resolve(Some(UTF_16LE), b"\xfe\xff\0a"), UTF_16BE);
        assert_eq!(resolve(Some(WINDOWS_1252), b"\xef\xbb\xbf"), WINDOWS_1252);
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
            assert_eq!(of_html(None, html.as_bytes()).name(), name, "{html}");
        }
        let spaces = " ".repeat(PRESCAN);
        for (html, name) in [
            ("<meta charset=gbk>\u{e4}", "GBK"),
            ("<script>'<meta charset=big5>'</SCRIPT><meta charset=gbk>\u{e4}", "GBK"),
            ("<title><meta charset=big5></title>\u{e4}", "UTF-8"),
            ("<!--><meta charset=gbk>\u{e4}", "GBK"),
            ("<!-- <meta charset=big5> --><p>\u{e4}", "UTF-8"),
            ("\u{1b}$B<meta charset=iso-2022-jp>", "ISO-2022-JP"),
            // The same in all of them.
            ("<meta charset=gbk>a", "UTF-8"),
        ] {
            assert_eq!(of_html(None, (spaces.clone() + html).as_bytes()).name(), name, "{html}");
        }
        // One that goes over the limit.
        let cut = " ".repeat(PRESCAN - 24) + "<meta charset=iso-8859-15>\u{e4}";
        assert_eq!(of_html(None, cut.as_bytes()).name(), "ISO-8859-15");
        assert_eq!(of_html(Some(UTF_8), b"<meta charset=gbk>"), UTF_8);
        assert_eq!(of_html(None, b"\xef\xbb\xbf<meta charset=gbk>"), UTF_8);
        assert_eq!(of_html(Some(WINDOWS_1252), b"\xef\xbb\xbfx"), UTF_8);
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
            assert_eq!(of_html(None, html.as_bytes()).name(), name, "{html}");
        }
    }
}
