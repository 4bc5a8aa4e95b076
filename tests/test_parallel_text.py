"""`regex_*` compared with `re`; `minhash` and `dedupe` compared with exact Jaccard indices and datasketch."""

import re
import string
import unicodedata

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import shoal
from shoal import parallel

PAGE = """<!DOCTYPE html><html><head><title>Zoë’s “café” – prices</title></head><body>
<p class="text">Write to anna.smith@example.com or bob@example.org. Frank Miller said so on 2024-03-17.</p>
<ul><li><a href="https://example.com/a?b=1&amp;c=2" title="x">One</a></li><li><a href="/two">Zwölf</a></li></ul>
<p>It costs $1,234.50 (was $2,000), says André Müller; 日本語 and 😀 too. Größe: 3½ m², naïve co-operation…</p>
</body></html>
"""
DOCS = [PAGE, PAGE.upper(), "", "a", "\n", "one two\n", "é", "2024-01-02", PAGE * 50]
PATTERNS = [
    r"[\w.+-]+@[\w-]+\.[\w.-]+",
    r"\b[A-Z][a-z]+ [A-Z][a-z]+\b",
    r"\b[^\W\d_]+ [^\W\d_]+\b",
    r'href="([^"]+)"',
    r"\b\d{4}-\d{2}-\d{2}\b",
    r"(\d{4})-(\d{2})-(\d{2})",
    r"(?P<year>\d{4})-(?P<month>\d{2})",
    r"\$\d{1,3}(?:,\d{3})*(?:\.\d{2})?",
    r"<(\w+)[^>]*>(.*?)</\1>",
    r"\w+(?=@)",
    r"(?<=\$)\d+",
    r"(?<!\w)\d+(?!\w)",
    r"(?i)FRANK|größe",
    r"(?s)<ul>.*?</ul>",
    r"(?m)^<\w+",
    r"(?m)>$",
    r"\w+$",
    r"\Z",
    "(?x) [0-9]+ # a number\n",
    r"(?a)\w+",
    r"[^\x00-\x7f]+",
    r"\s+|\S",
    r"(a)|(b)|c",
    r"(a)?b",
    r"",
    r"|a",
    r"a*?",
    r"\b|\w+",
    r"😀|\u20ac|[‘-”]",
    r"\bé\w*|\bZ\w+",
]


def of(pattern: str | bytes, doc: str | bytes) -> list:
    return parallel.regex_findall([doc], pattern).result()[0]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_findall_equals_re(pattern: str) -> None:
    # A pattern of bare word edges uses the Unicode definition of `\w`, which differs from Python's for ½ and ².
    docs = [doc.replace("½", "").replace("²", "") for doc in DOCS] if pattern == r"\b|\w+" else DOCS
    expected = [re.findall(pattern, doc) for doc in docs]
    assert parallel.regex_findall(docs, pattern).result() == expected
    assert parallel.regex_count(docs, pattern).result() == [len(found) for found in expected]
    assert parallel.regex_findall(docs, re.compile(pattern)).result() == expected


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if pattern.isascii() and "\\u" not in pattern])
def test_findall_in_bytes_equals_re(pattern: str) -> None:
    if pattern.startswith("(?a)"):
        pytest.skip("bytes are ASCII anyway")
    raw = pattern.encode()
    docs = [doc.encode() for doc in DOCS] + [bytes(range(256)) * 3]
    expected = [re.findall(raw, doc) for doc in docs]
    assert parallel.regex_findall(docs, raw).result() == expected
    assert parallel.regex_count(docs, raw).result() == [len(found) for found in expected]


def test_the_pattern_type_decides_the_result_type() -> None:
    assert parallel.regex_findall([b"a\xffb", "né"], r"\w").result() == [["a", "b"], ["n", "é"]]
    assert parallel.regex_findall([b"a\xffb", "né"], rb"[^a-z]").result() == [[b"\xff"], [b"\xc3", b"\xa9"]]
    assert of("\ufffd", b"a\xffb") == ["\ufffd"]


@pytest.mark.parametrize(
    ("pattern", "repl"),
    [
        ("a", "b"),
        (r"(\w+)@(\w+)", r"\2 at \1"),
        (r"(?P<year>\d{4})-(\d\d)", r"\g<2>/\g<year>\g<0>"),
        ("", "-"),
        ("x*", "-"),
        (r"\b", "|"),
        ("é|(z)", r"[\1]"),
        (r"$", "!"),
        (r"\s+", r" \n\t\\\."),
        ("a", "$1 ${name} \\101 \\0"),
    ],
)
def test_replace_equals_re(pattern: str, repl: str) -> None:
    docs = [doc.replace("½", "").replace("²", "") for doc in DOCS]
    assert parallel.regex_replace(docs, pattern, repl).result() == [re.sub(pattern, repl, doc) for doc in docs]
    raw = [doc.encode() for doc in docs]
    if pattern != "é|(z)":
        expected = [re.sub(pattern.encode(), repl.encode(), doc) for doc in raw]
        assert parallel.regex_replace(raw, pattern.encode(), repl.encode()).result() == expected


@pytest.mark.parametrize(
    "pattern",
    ["(", "a)", "[a", "*", "a**", "[z-a]", r"\q", r"\1", "(?P<a>x)(?P<a>y)", "(?P=no)", "a{3,1}", "(?%)", "(?#", "a\\"],
)
def test_an_invalid_pattern_has_the_message_of_re(pattern: str) -> None:
    with pytest.raises(re.error) as known:
        re.compile(pattern)
    with pytest.raises(ValueError) as raised:
        parallel.regex_findall([""], pattern)
    assert str(known.value) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("repl", [r"\2", r"\g<no>", r"\g<1", r"\q", "\\", r"\777"])
def test_an_invalid_template_has_the_message_of_re(repl: str) -> None:
    with pytest.raises((re.error, IndexError)) as known:
        re.sub("(a)", repl, "a")
    words = str(known.value)
    with pytest.raises(ValueError) as raised:
        parallel.regex_replace([""], "(a)", repl)
    assert words in str(raised.value)


def test_backtracking_is_bounded() -> None:
    assert of(r"(x+x+)+y", "x" * 5000) == []
    job = parallel.regex_findall(["a" * 64, "ab"], r"(a|a)*(?=b)\1c", on_error="return")
    failed, fine = job.result()
    assert isinstance(failed, shoal.ItemError)
    assert isinstance(failed.exception, ValueError)
    assert "backtracking" in str(failed)
    assert fine == []


def test_deep_and_long_patterns() -> None:
    for pattern in ("(" * 5000 + ")" * 5000, "(?=" + "(?:" * 5000 + ")" * 5001, "(?:a{1000}){1000000}"):
        with pytest.raises(ValueError):
            parallel.regex_count([""], pattern)
    many = "|".join(f"word{number}" for number in range(5000))
    assert of(many, "word77 word4999x") == ["word7", "word4"]
    assert of(rf"\b(?:{many})\b", "word77 “word4999” word4999x") == ["word77", "word4999"]


# Parts of patterns that mean the same in both engines. The documentation of the kernel lists the others.
ALPHABET = "ab1_ é日😀\n.-"
CASED = "".join(c for c in map(chr, range(0x110000)) if len({c, *c.lower(), *c.upper(), *c.casefold()}) > 1)


@pytest.mark.parametrize("form", ["(?i){}", "(?i)[{}]", "(?ai){}"])
def test_case_folding_equals_re(form: str) -> None:
    """For every cased letter, against all cased letters."""
    for letter in CASED:
        pattern = form.format(letter)
        assert of(pattern, CASED) == re.findall(pattern, CASED), (pattern, hex(ord(letter)))


@pytest.mark.parametrize(
    "pattern",
    [
        "(?i)istanbul",
        "(?i)[a-z]+",
        "(?i)[^a-z]",
        "(?i)[h-jX]",
        "(?i)[^İ]",
        "(?i)ı|S",
        r"(?i)\w",
        r"(?i)\W",
        r"(?i)[\W_i]",
        r"(?i)[^\WI]",
        r"(?i)[\d\s]",
        "(?i)[\u03b1-\u03c9]+",
        "(?i)[\U00010400-\U00010410]",
        "(?i)[\ufb00-\U00010410]",
        "(?i)[\x00-\U0010ffff]",
        "(?ai)[a-zé]",
        "(?ai)[^k]",
        r"(?ai)\w",
        "(?i:i)I(?-i:i)",
        r"(?i)(?<=i)s",
        r"(?i)(?=[i-k])\w",
    ],
)
def test_case_folding_of_classes_equals_re(pattern: str) -> None:
    # Characters that only a newer Unicode version than Python's assigns are not compared.
    known = "".join(char for char in map(chr, range(0x3000)) if unicodedata.category(char) != "Cn")
    for doc in ("İstanbul ıstanbul ISTANBUL iIi", CASED, known):
        assert of(pattern, doc) == re.findall(pattern, doc)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from(CASED), st.integers(0, 300)), min_size=1, max_size=3), st.sampled_from(["", "^"])
)
def test_case_folding_of_random_classes_equals_re(ranges: list[tuple[str, int]], opposite: str) -> None:
    members = "".join(f"{low}-{chr(min(ord(low) + length, 0x1FFFF))}" for low, length in ranges)
    assume(not any(0xD800 <= ord(char) < 0xE000 for char in members))
    pattern = f"(?i)[{opposite}{members}]"
    assert of(pattern, CASED) == re.findall(pattern, CASED)


ATOMS = [*"ab1é.^", r"\w", r"\W", r"\d", r"\s", r"\S", "[ab]", "[^a]", "[é-日]", r"\Z", r"\b", "(?i:A)"]
HARD = ["(?=a)", "(?!b)", "(?<=a)", "(?<!b)", "$"]


def patterns(atoms: list[str]) -> st.SearchStrategy[str]:
    def more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        repeated = st.tuples(inner, st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{1,2}", "{2}"]))
        return (
            st.lists(inner, min_size=1, max_size=3).map("".join)
            | st.tuples(inner, inner).map("|".join)
            | inner.map("({})".format)
            | inner.map("(?:{})".format)
            | repeated.map(lambda pair: f"(?:{pair[0]}){pair[1]}")
        )

    return st.recursive(st.sampled_from(atoms), more, max_leaves=6)


def is_odd(pattern: str) -> bool:
    """Whether a repeated group can match without width: engines differ there."""
    for found in re.finditer(r"\)(?:[*+?]|\{)", pattern):
        depth, start = 0, found.start()
        while True:
            depth += {")": 1, "(": -1}.get(pattern[start], 0)
            if depth == 0:
                break
            start -= 1
        part = pattern[start : found.start() + 1]
        if re.fullmatch(part, "") or ("(" in part[3:] and any(mark in part for mark in "?*^Zb$")):
            return True
    return False


@settings(deadline=None, max_examples=300)
@given(patterns(ATOMS) | patterns(ATOMS + HARD), st.text(ALPHABET, max_size=15))
@example(r"\b|\w+", "ab é")
@example("a$", "a\na\n")
def test_random_patterns_equal_re(pattern: str, doc: str) -> None:
    assume(not is_odd(pattern))
    assert of(pattern, doc) == re.findall(pattern, doc)
    assert parallel.regex_replace([doc], pattern, r"<\g<0>>").result() == [re.sub(pattern, r"<\g<0>>", doc)]


@settings(deadline=None, max_examples=100)
@given(patterns([atom for atom in ATOMS if atom.isascii()]), st.binary(max_size=15))
def test_random_patterns_in_bytes_equal_re(pattern: str, doc: bytes) -> None:
    assume(not is_odd(pattern))
    assert of(pattern.encode(), doc) == re.findall(pattern.encode(), doc)


# Where matches start with few distinct bytes, a prefilter skips the others as long as that is faster.
STARTS = ["[A-Z]", "-?[A-B]", "(?i:a)", r"(?a:\d)", "(?:A|AB)", "(A)?B", "[A-Z]|1", "[-A]*?B", r"(?:\bA|\BB)"]
PIECES = [*"aAB1-é日😀_\n. ", "AB", "É", "Aa Bb", "Ab-", "-A.", "." * 20, "é" * 9, "abc " * 8]


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["", r"\b", r"\B", "(?m:^)"]),
    st.sampled_from(STARTS),
    st.just("") | st.sampled_from(["B", r"\w", " "]) | patterns(ATOMS),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
)
@example(r"\b", "[A-Z]", "[a-z]+ [A-Z][a-z]+", "éAa Aa Bb Aa BbéAa Bb, Aa Bb")
def test_random_first_bytes_equal_re(before: str, start: str, rest: str, doc: str) -> None:
    pattern = f"{before}(?:{start}){rest}"
    assume(not is_odd(pattern))
    expected = re.findall(pattern, doc)
    assert of(pattern, doc) == expected
    assert of(pattern, doc.encode()) == expected
    assert parallel.regex_count([doc], pattern).result() == [len(expected)]
    assert parallel.regex_replace([doc], pattern, r"<\g<0>>").result() == [re.sub(pattern, r"<\g<0>>", doc)]
    if pattern.isascii():
        assert of(pattern.encode(), doc.encode()) == re.findall(pattern.encode(), doc.encode())


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 31, 32, 33, 500])
def test_a_match_may_start_anywhere(length: int) -> None:
    for mark in (".", "é", "日"):
        for start in range(length):
            doc = mark * start + "Ab" + mark * (length - start)
            assert of(r"\B[A-Z][a-z]\b|[A-Z][a-z]", doc) == ["Ab"]
            assert of(r"\b[A-Z][a-z]+\b", doc) == re.findall(r"\b[A-Z][a-z]+\b", doc)


def test_failing_starts_do_not_take_quadratic_time() -> None:
    # A search from each start to the end would take five minutes.
    doc = "A" * 1_000_000
    assert of(r"[A-Z]+!|[A-Z][^!?]*\?", doc + "B" * 1000) == []
    assert of(r"\b(?:[A-Z]\w* )+!", "Aa " * 300_000) == []


@settings(deadline=None)
@given(st.text(string.printable + "é“", max_size=30))
def test_any_text_is_a_valid_pattern_or_an_error(pattern: str) -> None:
    try:
        parallel.regex_count(["abc é"], pattern).result()
    except ValueError as error:
        assert str(error)  # noqa: PT017 - also none is fine


def shingles(text: str, size: int = 5) -> set[tuple[str, ...]]:
    words = text.split()
    if not words:
        return set()
    return {tuple(words[start : start + size]) for start in range(max(len(words) - size, 0) + 1)}


def jaccard(one: str, other: str) -> float:
    return len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))


def variants(count: int = 40) -> list[str]:
    """A text of 600 words, and copies with more and more words replaced."""
    words = [f"word{number % 577}-{number}" for number in range(600)]
    made = []
    for number in range(count):
        changed = list(words)
        for place in range(number):
            changed[place * 13 % 600] = f"new{number}-{place}"
        made.append(" ".join(changed))
    return made


def test_signatures_estimate_jaccard() -> None:
    numpy = pytest.importorskip("numpy")
    docs = variants()
    signatures = numpy.asarray(parallel.minhash(docs, num_perm=1024).result())
    assert signatures.shape == (len(docs), 1024)
    assert signatures.dtype == numpy.uint32
    for number, doc in enumerate(docs):
        exact = jaccard(docs[0], doc)
        estimate = (signatures[0] == signatures[number]).mean()
        assert abs(estimate - exact) <= 4 * (exact * (1 - exact) / 1024) ** 0.5 + 1e-9


def test_estimates_are_about_as_good_as_datasketch() -> None:
    numpy = pytest.importorskip("numpy")
    datasketch = pytest.importorskip("datasketch")
    docs = variants()
    signatures = numpy.asarray(parallel.minhash(docs).result())
    theirs = []
    for doc in docs:
        theirs.append(datasketch.MinHash(128))
        theirs[-1].update_batch(" ".join(shingle).encode() for shingle in shingles(doc))
    exact = numpy.array([jaccard(docs[0], doc) for doc in docs])
    our_error = numpy.abs((signatures == signatures[0]).mean(axis=1) - exact).mean()
    their_error = numpy.abs(numpy.array([theirs[0].jaccard(one) for one in theirs]) - exact).mean()
    assert our_error < 2 * their_error + 0.01


def test_signature_options() -> None:
    numpy = pytest.importorskip("numpy")

    def of(docs: list, **options) -> "numpy.ndarray":
        return numpy.asarray(parallel.minhash(docs, **options).result())

    one, other = of(["a  b\nc", b"a b c"], ngram=2, num_perm=64)
    assert (one == other).all()
    assert (of(["a b"], seed=1) != of(["a b"], seed=2)).mean() > 0.9
    assert (of(["", " \n"]) == 2**32 - 1).all()
    texts = of(["abcdef", "abcdxx"], by="characters", ngram=2, num_perm=2048)
    assert abs((texts[0] == texts[1]).mean() - 3 / 7) < 0.06
    for options in ({"num_perm": 0}, {"ngram": 0}, {"by": "lines"}, {"num_perm": 10**6}):
        with pytest.raises(ValueError):
            parallel.minhash([""], **options)


def test_dedupe_keeps_the_first_of_each_group() -> None:
    docs = variants()
    other = " ".join(f"other{number}" for number in range(500))
    many = [docs[0], other, docs[1], other + " more", docs[-1], "", docs[0], " ", b"\n"]
    assert parallel.dedupe(many, threshold=0.8).result() == [0, 1, 4, 5]
    assert parallel.dedupe(many).result() == [0, 1, 4, 5]
    assert parallel.dedupe(many, threshold=1.0, num_perm=1024).result() == [0, 1, 2, 3, 4, 5]
    assert parallel.dedupe([]).result() == []
    for threshold in (0, -1, 1.5, float("nan")):
        with pytest.raises(ValueError):
            parallel.dedupe([""], threshold=threshold)


def test_dedupe_follows_the_threshold() -> None:
    docs = variants()
    for threshold in (0.3, 0.5, 0.8):
        near = [number for number, doc in enumerate(docs) if jaccard(docs[0], doc) >= threshold + 0.08]
        far = [number for number, doc in enumerate(docs) if jaccard(docs[0], doc) < threshold - 0.08]
        for number in near[1:]:
            assert parallel.dedupe([docs[0], docs[number]], threshold, num_perm=512).result() == [0]
        for number in far:
            assert parallel.dedupe([docs[0], docs[number]], threshold, num_perm=512).result() == [0, 1]


def test_many_equal_documents_are_deduplicated() -> None:
    assert parallel.dedupe(["the same words again and again"] * 100_000).result() == [0]
