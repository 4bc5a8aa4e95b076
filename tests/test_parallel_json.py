"""`json_extract` and `json_rows` compared with json.loads, on real, random and broken documents."""

import json
import math
import random

import pytest

import shoal
from shoal import parallel

st = pytest.importorskip("hypothesis.strategies")
from hypothesis import example, given, settings  # noqa: E402 - after it is known to be there

HUGE = 2**64
NAMES = st.sampled_from(["a", "b", "c", "a/b", "m~n", "", "é", '"', "\\", "0", "1", "-", "日本"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text(alphabet='"\\/\b\f\n\r\t\x00\x1f\x7f€😀 {}[]:,', max_size=100)
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=30
)
WRITINGS = st.sampled_from(
    [{}, {"ensure_ascii": False}, {"indent": 3}, {"separators": (",", ":")}, {"separators": (" ,  ", " :\r\n\t")}]
)


def kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        # Integers beyond 64 bits are kept as text; those beyond the range of floats have no other form.
        return "int" if -(2**63) <= value < HUGE else "big" if abs(value) < 1.7e308 else "json"
    return {float: "float", str: "text"}.get(type(value), "json")


def text_of(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def unified(values: list) -> list:
    """The expected column for these values; containers are compared after parsing."""
    there = [value for value in values if value is not None]
    kinds = {kind(value) for value in there}
    whole = [value for value in there if kind(value) == "int"]
    if kinds == {"bool"} or not kinds:
        return values
    if kinds == {"int"} and (max(whole) < 2**63 or min(whole) >= 0):
        return values
    if kinds <= {"int", "big", "float"} and "float" in kinds:
        return [None if value is None else float(value) for value in values]
    return [None if value is None else text_of(value) for value in values]


def same(found: object, expected: object) -> bool:
    """Equal and of one type. JSON text may differ in spacing, escapes and the notation of floats."""
    if isinstance(expected, float):
        return isinstance(found, float) and found == expected and math.copysign(1, found) == math.copysign(1, expected)
    if found == expected and type(found) is type(expected):
        return True
    try:
        return isinstance(found, str) and isinstance(expected, str) and json.loads(found) == json.loads(expected)
    except ValueError:
        return False


def assert_same(found: list, expected: list) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert same(one, other), (one, other)


def places(value: object, pointer: str = "") -> dict:
    found = {pointer: value}
    if isinstance(value, dict):
        for name, inner in value.items():
            found |= places(inner, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= places(inner, f"{pointer}/{index}")
    return found


@pytest.mark.filterwarnings("ignore:the JSON pointer .* matched nothing")
@given(document=DOCUMENTS, writing=WRITINGS)
@settings(max_examples=300, deadline=None)
@example(document={"a": -0.0, "b": [1e300, 5e-324, 2**63, -(2**63) - 1]}, writing={})
@example(document=[10**400], writing={})
def test_every_pointer_of_a_random_document(document: object, writing: dict) -> None:
    text = json.dumps(document, **writing)
    expected = places(document)
    wanted = {pointer: pointer for pointer in expected} | {"missing": "/a/b/nothing", "dash": "/-/-/-"}
    table = parallel.json_extract([text, text.encode()], wanted).result()
    assert table.column_names == list(wanted)
    for pointer, value in expected.items():
        assert_same(table[pointer].to_pylist(), unified([value, value]))
    assert table["missing"].to_pylist() == [None, None]


@given(rows=st.lists(st.dictionaries(NAMES, SCALARS, max_size=5) | st.none(), max_size=20), writing=WRITINGS)
@settings(max_examples=300, deadline=None)
def test_rows_of_random_objects(rows: list, writing: dict) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row or ()))
    half = len(rows) // 2
    docs = [json.dumps({"rows": part}, **writing) for part in (rows[:half], rows[half:]) if any(part) or not names]
    rows = [row for part in (rows[:half], rows[half:]) if any(part) or not names for row in part]
    if not any(rows):
        return
    table = parallel.json_rows(docs, "/rows").result()
    assert table.column_names == names
    assert len(table) == len(rows)
    for name in names:
        assert_same(table[name].to_pylist(), unified([(row or {}).get(name) for row in rows]))
    chosen = parallel.json_rows(docs, "/rows", columns=["b", "nothing", "a"]).result()
    assert chosen.column_names == ["b", "nothing", "a"]
    for name in chosen.column_names:
        assert_same(chosen[name].to_pylist(), unified([(row or {}).get(name) for row in rows]))


@given(
    rows=st.lists(st.lists(SCALARS | st.lists(st.integers()), min_size=3, max_size=3), max_size=20), writing=WRITINGS
)
@settings(max_examples=200, deadline=None)
def test_rows_of_random_arrays(rows: list, writing: dict) -> None:
    columns = [[row[place] for row in rows] for place in range(3)]
    headed = json.dumps({"data": [{"headers": ["x", "y", "z"], "rows": rows}]}, **writing)
    behind = json.dumps({"data": [{"rows": rows, "headers": ["x", "y", "z"]}]}, **writing)
    for document in (headed, behind):
        table = parallel.json_rows([document], "/data/0/rows").result()
        assert table.column_names == ["x", "y", "z"]
        for name, values in zip("xyz", columns, strict=True):
            assert_same(table[name].to_pylist(), unified(values))
        chosen = parallel.json_rows([document], "/data/0/rows", columns=["z", "x"]).result()
        assert_same(chosen["z"].to_pylist(), unified(columns[2]))
    bare = json.dumps(rows, **writing)
    if rows:
        assert parallel.json_rows([bare], "").result().column_names == ["0", "1", "2"]
    assert parallel.json_rows([bare], "", columns=["p", "q", "r"]).result().column_names == ["p", "q", "r"]


@pytest.mark.filterwarnings("ignore:the JSON pointer .* matched nothing")
def test_orjson_refuses_the_same_documents() -> None:
    orjson = pytest.importorskip("orjson")
    generator = random.Random(3)
    base = json.dumps({"id": [1, -2.5e3, {"x": 'a"b\\é😀'}], "t": True, "n": None, "e": [[], {}, "", 0]}, indent=1)
    pieces = [
        *'{}[]:,"\\0-.eEu+ \n\x00\x1fé',
        "\\ud800",
        "\\udc00",
        "\\ud83d\\ude00",
        "null",
        "1234567890",
        "NaN",
        "//",
    ]
    docs = []
    for _ in range(20_000):
        text = " " * generator.randrange(70) + base
        for _ in range(generator.randrange(3)):
            at = generator.randrange(len(text) + 1)
            text = generator.choice(
                [text[:at] + text[at + 1 :], text[:at] + generator.choice(pieces) + text[at:], text[:at]]
            )
        data = bytearray(text.encode())
        if data and generator.random() < 0.1:
            data[generator.randrange(len(data))] = generator.randrange(256)
        docs.append(bytes(data))
    results = parallel.json_extract(docs, {"x": "/nowhere", "id": "/id/0"}, on_error="return").result()
    refused = {error.index: error.exception for error in results.errors}
    assert len(results) == len(docs)
    accepted = 0
    for index, document in enumerate(docs):
        try:
            orjson.loads(document)
        except orjson.JSONDecodeError as error:
            if "infinity" not in str(error):
                assert index in refused, document
                assert isinstance(refused[index], json.JSONDecodeError)
        else:
            assert index not in refused, (document, refused.get(index))
            accepted += 1
    assert 5_000 < accepted < 15_000


@pytest.mark.parametrize(
    ("document", "message", "position"),
    [
        ("", "Expecting value", 0),
        ('{"a": 1', "Expecting ',' delimiter", 7),
        ('{"a": 1}}', "Extra data", 8),
        ('{"a": "never ended', "Unterminated string starting at", 6),
        ('{"a": NaN}', "Expecting value", 6),
        ('{"a": 1e999}', "Number out of range", 6),
        ('{"a": 1, "b": "\\ud800"}', "Half of a surrogate pair", 15),
        (b'{"a": 1, "b": "\xff"}', "Invalid UTF-8", 15),
    ],
)
@pytest.mark.parametrize("rows", [False, True], ids=["extract", "rows"])
def test_a_broken_document(document: str | bytes, message: str, position: int, rows: bool) -> None:
    docs = ['{"a": 5}', document, '{"a": 6}']

    def call(**keywords) -> "parallel.Table":
        if rows:
            # The object itself is the row.
            return parallel.json_rows(docs, "", **keywords).result()
        return parallel.json_extract(docs, {"a": "/a"}, **keywords).result()

    with pytest.raises(shoal.ItemError) as raised:
        call(workers=1)
    assert raised.value.index == 1
    error = raised.value.exception
    assert isinstance(error, json.JSONDecodeError)
    assert (error.msg, error.pos) == (message, position)
    assert call(on_error="skip").to_pydict() == {"a": [5, 6]}
    kept = call(on_error="return")
    # A failed document that stands for one row leaves a null row; one with many rows leaves none.
    assert kept.to_pydict() == {"a": [5, 6] if rows else [5, None, 6]}
    assert [(error.index, error.exception.pos) for error in kept.errors] == [(1, position)]


def test_deep_documents() -> None:
    deep = "[" * 1_000_000 + "]" * 1_000_000
    assert parallel.json_extract([deep], {"all": ""}).result()["all"][0] == deep
    error = parallel.json_extract(["[" * 1_000_000], {"all": ""}, on_error="return").result().errors[0]
    assert error.exception.pos == 1_000_000
    objects = '{"a":' * 1_000_000 + "1" + "}" * 1_000_000
    assert parallel.json_extract([objects], {"x": "/a" * 1_000_000}).result()["x"][0] == 1


def test_column_types_consider_all_documents() -> None:
    docs = [json.dumps({"v": value}) for value in [1, None, 2.5, 3]]
    assert parallel.json_extract(docs, {"v": "/v"}).result()["v"].to_pylist() == [1.0, None, 2.5, 3.0]
    docs.append('{"v": "four"}')
    column = parallel.json_extract(docs, {"v": "/v"}).result()["v"]
    assert column.to_pylist() == ["1", None, "2.5", "3", "four"]
    ids = parallel.json_extract(['{"v": 18446744073709551615}', '{"v": 1}'], {"v": "/v"}).result()["v"]
    assert (ids.type, ids.to_pylist()) == ("uint64", [2**64 - 1, 1])
    ids = parallel.json_extract(['{"v": 18446744073709551616}', '{"v": 1}'], {"v": "/v"}).result()["v"]
    assert (ids.type, ids.to_pylist()) == ("large_utf8", [str(2**64), "1"])


def test_repeated_and_escaped_names() -> None:
    docs = ['{"a": {"b": 1}, "a": {"c": 2}}', '{"\\u0061": {"b": 3}}', "\ufeff" + '{"a": {"b": 4}}']
    table = parallel.json_extract(docs, {"b": "/a/b", "c": "/a/c"}).result()
    assert table.to_pydict() == {"b": [None, 3, 4], "c": [2, None, None]}
    rows = parallel.json_rows(['{"headers": ["x", "x", "x"], "r": [[1, 2, 3]]}'], "/r").result()
    assert rows.to_pydict() == {"x": [1], "x.1": [2], "x.2": [3]}


def test_the_error_names_the_pointer_without_rows() -> None:
    for document, pointer, columns, message in [
        ('{"a": 1}', "/b", None, 'nothing at "/b"'),
        ('{"a": 1}', "/a", None, '"/a" is not an array or object'),
        ("[[1], {}]", "", None, "row 1 is an object, those before it are arrays"),
        ("[[1, 2]]", "", ["a"], "row 0 has more cells than the 1 names"),
        ('{"headers": ["a"], "r": [[1]]}', "/r", ["b"], 'no column "b" among the headers'),
    ]:
        with pytest.raises(shoal.ItemError) as raised:
            parallel.json_rows([document], pointer, columns=columns).result()
        assert isinstance(raised.value.exception, ValueError)
        assert not isinstance(raised.value.exception, json.JSONDecodeError)
        assert message in str(raised.value.exception)


def test_a_bad_pointer_is_refused_at_the_call() -> None:
    with pytest.raises(ValueError, match="resultSets/0"):
        parallel.json_rows([], "resultSets/0")
    with pytest.raises(ValueError, match="'~' must be followed by 0 or 1"):
        parallel.json_extract([], {"x": "/a~2"})
    with pytest.raises(ValueError, match='"a" is there twice'):
        parallel.json_rows([], "", columns=["a", "a"])


def test_a_table_with_too_many_columns_is_refused() -> None:
    document = json.dumps([{f"k{number}": 1} for number in range(100_000)])
    with pytest.raises(shoal.ItemError, match="choose some with columns="):
        parallel.json_rows([document], "").result()
    table = parallel.json_rows([document], "", columns=["k7"]).result()
    assert (len(table), table["k7"].null_count) == (100_000, 99_999)


def test_the_statistics_service(server) -> None:
    ids = parallel.json_rows(
        [shoal.gather_fetch([server.url("/stats/commonallplayers?IsOnlyCurrentSeason=1")]).result()[0]],
        "/resultSets/0/rowSet",
        columns=["PERSON_ID", "DISPLAY_FIRST_LAST"],
    ).result()
    people = dict(zip(ids["PERSON_ID"], ids["DISPLAY_FIRST_LAST"], strict=True))
    assert len(people) == len(ids) > 100
    urls = [server.url(f"/stats/commonplayerinfo?PlayerID={person}") for person in list(people)[:50]]
    responses = shoal.gather_fetch(urls).result()
    facts = parallel.json_extract(responses, {"id": "/resultSets/0/rowSet/0/0", "name": "/resultSets/0/rowSet/0/3"})
    assert facts.result().to_pydict() == {"id": list(people)[:50], "name": list(people.values())[:50]}
    seasons = parallel.json_rows(responses, "/resultSets/3/rowSet").result()
    expected = [
        dict(zip(sets["headers"], row, strict=True))
        for sets in (response.json()["resultSets"][3] for response in responses)
        for row in sets["rowSet"]
    ]
    assert seasons.to_pylist() == expected


# Pointers that match nothing.


def extracted(docs, pointer, **options):
    return parallel.json_extract(docs, {"found": "/a", "column": pointer}, **options).result()


def rows(docs, pointer, **options):
    return parallel.json_rows(docs, pointer, **options).result()


@pytest.mark.parametrize("docs", [[b'{"a": []}'], [b'{"a": [1]}'] * 300])
@pytest.mark.parametrize("read", [extracted, rows])
def test_a_pointer_that_matches_nothing_warns(docs, read) -> None:
    with pytest.warns(UserWarning, match='^the JSON pointer "/aa/0" matched nothing in any document$') as caught:
        table = read(docs, "/aa/0", on_error="skip")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert table.num_rows == (len(docs) if read is extracted else 0)


@pytest.mark.parametrize(
    ("docs", "pointer"),
    [
        ([], "/a"),
        ([b'{"a": null}'], "/a"),
        ([b'{"a": []}', b"{}"], "/a"),
        ([b"{}", b'{"a": 1}'], "/a"),
        ([b"not JSON"], "/a"),
        ([b"{}"], ""),
    ],
)
@pytest.mark.parametrize(
    "read", [lambda docs, at, **options: parallel.json_extract(docs, {"a": at}, **options).result(), rows]
)
def test_a_pointer_that_matches_once_does_not_warn(docs, pointer, read) -> None:
    read(docs, pointer, on_error="skip")


def test_a_warning_turned_into_an_error_is_raised_by_result() -> None:
    job = parallel.json_extract([b"{}"], {"a": "/a"})
    with pytest.raises(UserWarning, match="matched nothing"):
        job.result()


def test_a_failed_batch_does_not_warn() -> None:
    with pytest.raises(shoal.ItemError):
        parallel.json_rows([b"{}"], "/a").result()
