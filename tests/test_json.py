"""`Response.json` compared with `json.loads`, for valid and invalid text."""

import asyncio
import contextlib
import gc
import json
import math
import pickle
import sys
import threading
import time
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import shoal
from shoal import Response, _shoal, parallel


def response(content: bytes, *headers: tuple[str, str], **more) -> Response:
    state = {"status": 200, "url": "http://host/path", "headers": list(headers), "content": content} | more
    return _shoal._restore_response(state)


def equal(one: object, other: object) -> bool:
    """Equal in value and type; NaN equals NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(equal, one.values(), other.values()))
    return one == other


def check_json(text: str) -> None:
    """`Response.json()` has the same result or error as `json.loads`."""
    r = response(text.encode())
    if json.detect_encoding(text.encode()) != "utf-8":
        # Text with a NUL among its first characters is detected as UTF-16 or UTF-32.
        try:
            assert equal(r.json(), json.loads(text.encode()))
        except shoal.JSONDecodeError:
            with pytest.raises(ValueError):
                json.loads(text.encode())
            with pytest.raises(ValueError):
                json.loads(text)
        return
    standard = None
    try:
        expected = json.loads(text)
    except json.JSONDecodeError as error:
        standard = error
    if standard:
        with pytest.raises(shoal.JSONDecodeError) as raised:
            r.json()
        assert (raised.value.msg, raised.value.doc, raised.value.pos) == (standard.msg, standard.doc, standard.pos)
        assert raised.value.url == "http://host/path"
        return
    assert equal(r.json(), expected)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


@settings(deadline=None)  # the deadline would fail on a busy machine
@given(documents, st.booleans(), st.none() | st.integers(0, 4))
def test_json_equals_the_standard_library(document: object, ascii_only: bool, indent: int | None) -> None:
    check_json(json.dumps(document, ensure_ascii=ascii_only, indent=indent))


@settings(max_examples=500, deadline=None)
@given(documents, st.data())
def test_broken_json_has_the_standard_librarys_error(document: object, data: st.DataObject) -> None:
    text = json.dumps(document, ensure_ascii=False)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    middle = data.draw(st.text('{}[],:"\\u0123eE+-.NaInfty \n\t\x00\x0b\u00a0', max_size=4))
    check_json((text[:start] + middle + text[end:]).removeprefix("\ufeff"))


@settings(deadline=None)  # the deadline would fail on a busy machine
@given(st.text('0123456789.eE+-nNaInfity"\\ud8{}[]:, \n', max_size=16))
@example("1e999")
@example("-0")
@example("-0.0")
@example("0123")
@example("1.")
@example("-")
@example("-NaN")
@example("nan")
@example("-Infinity")
@example("Infinit")
@example('"\\ud800"')
@example('"\\ud83d\\ude00"')
@example('{"a":1,"a":2}')
@example("[1,]")
@example("[1]]")
@example("123456789012345678901234567890")
@example("1e-400")
@example("0.1e1")
@example("9007199254740993")
@example("179769313486231580793728971405301e276")
def test_json_of_random_text(text: str) -> None:
    check_json(text)


@pytest.mark.parametrize("special", ["", '"', "\\", "\n", "\x7f", "é", "ÿ", "Ā", "я", "漢", "\uffff", "😀", "é漢😀"])
def test_json_strings_of_any_length(special: str) -> None:
    """Strings are read in blocks. A special character must be seen at every position of a block."""
    texts = ["a" * before + special + "b" * after for before in range(35) for after in (0, 1, 14, 15, 16, 17)]
    for ascii_only in (True, False):
        document = json.dumps(texts, ensure_ascii=ascii_only)
        values = response(document.encode()).json()
        assert values == texts
        assert [sys.getsizeof(value) for value in values] == [sys.getsizeof(text) for text in json.loads(document)]
        keys = dict.fromkeys(texts)
        assert response(json.dumps(keys, ensure_ascii=ascii_only).encode()).json() == keys
        for text in texts[::7]:
            # A document that ends with the string.
            check_json(json.dumps(text, ensure_ascii=ascii_only))
            check_json(json.dumps(text, ensure_ascii=ascii_only)[:-1])


# Characters of every UTF-8 length and escapes of every kind, with paired and unpaired surrogates.
pieces = st.sampled_from(
    ["a", " ", "word ", "0123456789abcdef", "é", "ü ", "я", "Съешь ", "漢", "漢字仮名交じり文", "\uffff", "😀",
     "e\u0301", r"\"", r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t", r"\u0041", r"\u0000", r"\u00e9", r"\u044F",
     r"\u6f22", r"\uFFFF", r"\ud83d\ude00", r"\uD83D", r"\udE00", r"\u12g4", r"\u123", r"\x", "\n"]
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(st.tuples(pieces, st.sampled_from([1, 1, 1, 2, 3, 5, 9, 17, 33])), max_size=12), st.sampled_from([0, 100])
)
def test_json_strings_of_repeated_pieces(parts: list[tuple[str, int]], after: int) -> None:
    """Pieces, repeated, at any distance from the end of the text and of blocks of 16, 32 and 64 bytes."""
    check_json('"' + "".join(piece * times for piece, times in parts) + '"' + " " * after)


@pytest.mark.parametrize("escape", [r"\n", r"\u0041", r"\u00e9", r"\u6f22", r"\ud83d\ude00", r"\ud83d", r"\u00g0"])
@pytest.mark.parametrize("other", ["", r"\t", "é", "я", "漢", "😀"])
def test_json_escapes_at_any_place(escape: str, other: str) -> None:
    long = json.dumps("d" * 100)
    for before in range(70):
        for between in (0, 1, 15, 31, 32, 33, 64):
            text = "a" * before + other + "b" * between + escape + "c" * 5
            check_json(f'"{text}"')
            check_json(f'["{text}", {long}]')


@pytest.mark.parametrize("byte", [*range(0x20), *range(0x7F, 0x100, 16)])
def test_json_refuses_other_characters_in_numbers(byte: int) -> None:
    # U+000E has the lower bits of the decimal point.
    for number in ("1{}5", "123712{}34567824", "1.5{}5", "1{}5e3"):
        check_json("[" + number.format(chr(byte)) + ", 1, 2, 3, 4, 5, 6, 7, 8, 9]")


@pytest.mark.parametrize("control", ["\x00", "\x1f", "\n"])
def test_json_strings_reject_control_characters(control: str) -> None:
    for before in range(35):
        check_json('"' + "a" * before + control + "b" * 20 + '"')


@settings(max_examples=1000, deadline=None)
@given(st.from_regex(r"-?[0-9]{1,22}(\.[0-9]{1,22})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
@example("9007199254740993.0")  # halfway between two floats
@example("9007199254740992.9999")
@example("0.30000000000000004")
@example("1234567890123456789e-19")
@example("18446744073709551615e19")
@example("0.0000000000000000000")
@example("-0e5")
@example("1e99999999999999999999")
@example("123456789012345678")
@example("1234567890123456789")
@example("-9223372036854775808")
@example("18446744073709551616")
@example("999999999999999")  # as many digits as are read in one step
@example("9999999999999999")
@example("1234567.8901234")
@example("12345678.9012345")
@example("0.00000000000000000000012345678901234567")
@example("5e-324")
@example("2.4703282292062327e-324")  # halfway between 0 and the smallest float
@example("2.4703282292062328e-324")
@example("2.2250738585072011e-308")  # the largest subnormal float
@example("1.7976931348623157e308")
@example("1.7976931348623159e308")
@example("9007199254740993e0")
@example("9007199254740992.99999999999")
@example("4503599627370497.5")
@example("1448997445238699e-340")
def test_json_numbers(text: str) -> None:
    check_json(text)


@settings(max_examples=1000, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_json_floats_round_trip(number: float) -> None:
    assert response(repr(number).encode()).json() == number
    for text in (f"{number:.16e}", f"{number:.17e}", f"{number:.18e}", f"{number:.25e}"):
        check_json(text)


@settings(max_examples=1000, deadline=None)
@given(st.floats(1e-300, 1e300), st.integers(-1, 1))
def test_json_between_two_floats(number: float, off: int) -> None:
    """The midpoint of two floats, which needs all its digits, and its neighbours."""
    middle = (Fraction(number) + Fraction(math.nextafter(number, math.inf))) / 2
    with localcontext() as context:
        context.prec = 1200
        exact = Decimal(middle.numerator) / Decimal(middle.denominator)
        for digits in (17, 18, 19, 20, 40, 800):
            near = exact + off * exact.scaleb(1 - digits)
            check_json(f"{near:.{digits - 1}e}")


@given(st.lists(st.from_regex(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?(e-?[0-9]{1,2})?", fullmatch=True)))
def test_json_number_sequences(texts: list[str]) -> None:
    check_json(f"[{','.join(texts)}]")


def test_json_keys_are_shared() -> None:
    """Within a document and between documents, with any hash collisions."""
    names = [f"key {i}" for i in range(10_000)]
    document = json.dumps(dict.fromkeys(names, 0)).encode()
    for _ in range(3):
        assert list(response(document).json()) == names
    # A key is cached when it is seen for the second time.
    _, [second], [third] = (response(b'{"some_key": %d}' % i).json() for i in range(3))
    assert second is third


def test_json_in_many_threads() -> None:
    documents = [json.dumps([{f"key {i % n}": [i, str(i)]} for i in range(2000)]) for n in (1, 7, 300, 5000)]
    wrong: list[str] = []

    def parse(document: str) -> None:
        expected = json.loads(document)
        r = response(document.encode())
        wrong.extend(document for _ in range(20) if r.json() != expected)

    threads = [threading.Thread(target=parse, args=(document,)) for document in documents * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_json_leaves_the_collector_unchanged() -> None:
    good, bad = response(b'[{"a": [1]}]'), response(b'[{"a": [1')
    for enabled in (True, False):
        try:
            (gc.enable if enabled else gc.disable)()
            good.json()
            with pytest.raises(shoal.JSONDecodeError):
                bad.json()
            assert gc.isenabled() is enabled
        finally:
            gc.enable()


def large_document() -> bytes:
    """About 30 MB."""
    row = [1, "Player", None, *range(100, 130), 0.25, 17.5, {"a": [1, 2], "ü": "я"}]
    return json.dumps({"rows": [row] * 150_000}, ensure_ascii=False).encode()


def test_json_in_a_thread_does_not_block_the_loop() -> None:
    """`json.loads` would hold the GIL, and so the loop, to the end. The garbage collector is off: its own pauses are
    not measured."""
    document = large_document()
    r = response(document)

    async def main() -> tuple[object, float, list[float]]:
        gaps = []

        async def tick() -> None:
            last = time.perf_counter()
            while True:
                await asyncio.sleep(0.001)
                now = time.perf_counter()
                gaps.append(now - last)
                last = now

        ticker = asyncio.create_task(tick())
        await asyncio.sleep(0.01)
        gaps.clear()
        start = time.perf_counter()
        value = await asyncio.to_thread(r.json)
        took = time.perf_counter() - start
        ticker.cancel()
        return value, took, gaps

    gc.disable()
    try:
        value, took, gaps = asyncio.run(main())
    finally:
        gc.enable()
    assert len(gaps) > 15
    assert max(gaps) < max(0.1, took / 2)
    assert value == json.loads(document)


def test_large_json_in_two_threads() -> None:
    document = large_document()
    expected = json.loads(document)
    results: list[object] = []

    def parse(content: bytes) -> None:
        try:
            results.append(response(content).json() == expected)
        except shoal.JSONDecodeError as error:
            results.append(error.pos)

    threads = [threading.Thread(target=parse, args=(content,)) for content in (document, document[:-1], document)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(results) == [True, True, len(document.decode()) - 1]
    assert gc.isenabled()


@pytest.mark.parametrize("enabled", [True, False])
def test_large_json_in_a_thread_leaves_the_collector_unchanged(enabled: bool) -> None:
    """Other threads see it unchanged during the call, and may change it."""
    document = large_document()
    seen: set[bool] = set()

    def parse(content: bytes) -> None:
        with contextlib.suppress(shoal.JSONDecodeError):
            response(content).json()

    for content, change in ((document, False), (document[:-1], False), (document, True)):
        wanted = enabled
        (gc.enable if wanted else gc.disable)()
        try:
            thread = threading.Thread(target=parse, args=(content,))
            thread.start()
            while thread.is_alive():
                if change:
                    wanted = not wanted
                    (gc.enable if wanted else gc.disable)()
                time.sleep(0.001)
                seen.add(gc.isenabled() is wanted)
            thread.join()
            assert gc.isenabled() is wanted
        finally:
            gc.enable()
    assert seen == {True}


@pytest.mark.skipif(not hasattr(sys, "getallocatedblocks"), reason="CPython counts them")
@pytest.mark.parametrize("end", ['"]}', '"]', '"', "\\", ""])
def test_json_leaks_nothing(end: str) -> None:
    r = response(('{"list": [1.5, 12345678901234567890, {"a": "é"}, ["\\u00e9", "text' + end).encode())

    def parse() -> int:
        for _ in range(200):
            with contextlib.suppress(shoal.JSONDecodeError):
                r.json()
        gc.collect()
        return sys.getallocatedblocks()

    parse()
    before = parse()
    assert parse() - before < 100


def test_json_values() -> None:
    big = "9" * 4000
    assert response(big.encode()).json() == int(big)
    assert math.isnan(response(b"NaN").json())
    assert response(b"\xef\xbb\xbf[1]").json() == [1]
    for depth in (1, 199, 200, 201, 400):
        for deep in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
            assert response(deep.encode()).json() == json.loads(deep)
    r = response('{"ü": 1}'.encode("latin-1"), ("Content-Type", "application/json; charset=latin-1"))
    assert r.json() == {"ü": 1}
    assert response("[1]".encode("utf-16")).json() == [1]


@pytest.mark.parametrize(
    ("content", "message", "position"),
    [
        (b"", "Expecting value", 0),
        (b"<html>", "Expecting value", 0),
        (b'["\xc3\xbc\xff"]', "Invalid UTF-8", 3),
        (b"[" * 100_000, None, None),
        (b"9" * 10_000, None, None),
    ],
)
def test_invalid_json(content: bytes, message: str | None, position: int | None) -> None:
    if content[:1] == b"9" and not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python reads any number of digits")
    with pytest.raises(shoal.JSONDecodeError) as raised:
        response(content, index=5, attempts=2).json()
    error = raised.value
    assert isinstance(error, ValueError)
    assert message is None or (error.msg, error.pos) == (message, position)
    assert (error.index, error.attempts, error.method, error.request.url) == (5, 2, "GET", "http://host/path")
    assert pickle.loads(pickle.dumps(error)).pos == error.pos


DOCUMENTS = ["{}", "[]", "1", "12", '"é漢😀"', '{"ключ": ["значение", 1.5, null]}', '"漢"', '[\n"\\ud83d\\ude00"]']


@pytest.mark.parametrize("text", DOCUMENTS)
@pytest.mark.parametrize("charset", [None, "utf-8", "ISO-8859-1", "utf-16", "windows-1251", "nonsense"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_json_in_any_unicode_encoding(text: str, charset: str | None, encoding: str) -> None:
    """Whatever the charset says, with or without byte order mark, as in `json.loads`."""
    content = text.encode(encoding)
    headers = [("Content-Type", f"application/json; charset={charset}")] if charset else []
    assert response(content, *headers).json() == json.loads(content) == json.loads(text)
    columns = {"all": ""}
    (row,) = parallel.json_extract([response(content, *headers)], columns).result().to_pylist()
    (expected,) = parallel.json_extract([text], columns).result().to_pylist()
    assert row == expected


def test_json_outside_unicode_follows_the_charset() -> None:
    for encoding in ("latin-1", "windows-1251", "shift_jis", "gb18030", "euc-kr", "iso2022_jp"):
        text = {"latin-1": '["é"]', "windows-1251": '["привет"]', "euc-kr": '["한글"]'}.get(encoding, '["日本"]')
        name = "iso-2022-jp" if encoding == "iso2022_jp" else encoding
        content = text.encode(encoding)
        r = response(content, ("Content-Type", f"application/json; charset={name}"))
        assert r.json() == json.loads(text), encoding


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=12), st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]))
def test_json_of_random_bytes_returns_or_raises(content: bytes, encoding: str) -> None:
    for document in (content, '["'.encode(encoding) + content, "[1]".encode(encoding) + content):
        with contextlib.suppress(shoal.JSONDecodeError):
            response(document).json()


def test_the_error_describes_the_response() -> None:
    page = b"<!DOCTYPE html>\n<title>Log in</title>" + b"x" * 10_000
    url = "https://user:very-secret@host/path?token=very-secret&a=1"
    r = response(page, ("Content-Type", "text/html; charset=utf-8"), status=403, url=url, method="POST")
    with pytest.raises(json.JSONDecodeError) as raised:
        r.json()
    error = raised.value
    assert str(error).startswith(
        'POST https://host/path?token=***&a=1: status 403, "text/html; charset=utf-8", body beginning with '
        '"<!DOCTYPE html>\\n<title>Log in</title>xxx'
    )
    assert str(error).endswith("Expecting value: line 1 column 1 (char 0)")
    assert len(str(error)) < 600
    assert (error.msg, error.doc, error.pos, error.lineno, error.colno) == ("Expecting value", page.decode(), 0, 1, 1)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.msg, again.doc, again.pos) == (str(error), error.msg, error.doc, error.pos)
    # An error that no response raised describes none.
    assert str(shoal.JSONDecodeError("Bad", "[", 1)) == "Bad: line 1 column 2 (char 1)"


def test_the_error_redacts_secrets_and_is_bounded() -> None:
    body = b'see https://u:very-secret@host/?api_key=very-secret \x00\xff"'
    r = response(body, ("Content-Type", "x/" + "y" * 100_000), url="http://host/" + "z" * 100_000)
    with pytest.raises(shoal.JSONDecodeError) as raised:
        r.json()
    assert "very-secret" not in str(raised.value)
    assert len(str(raised.value)) < 1500


def test_the_error_redacts_the_secrets_of_a_form() -> None:
    with pytest.raises(shoal.JSONDecodeError, match=r'"access_token=\*\*\*&scope=x"'):
        response(b"access_token=very-secret&scope=x").json()


def test_the_error_of_a_body_in_a_file(server, tmp_path) -> None:
    url = server.url("/bytes/5")
    (r,) = shoal.gather_fetch([url], save_to=str(tmp_path / "body")).result()
    with pytest.raises(shoal.JSONDecodeError) as raised:
        r.json()
    message = str(raised.value)
    assert message.startswith(f"GET {url}: status 200, ")
    assert f'body saved to "{tmp_path / "body"}" beginning with "' in message
    (tmp_path / "body").unlink()
    with pytest.raises(shoal.JSONDecodeError, match=r'body saved to "[^"]*": Expecting value'):
        r.json()
    assert pickle.loads(pickle.dumps(raised.value)).doc == ""
