"""`Table` and `Column` in Python, NumPy, pyarrow, pandas, polars and DuckDB."""

import gc
import json
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import shoal
from shoal import parallel

DOCS = [
    {"id": 1, "ratio": 0.5, "name": "Ann", "ok": True, "tags": ["x", "y"], "gap": 1},
    {"id": 2, "ratio": 1, "name": "Zoë", "ok": False, "tags": [], "gap": None},
    {"id": 3, "ratio": -2.25, "name": "", "ok": True, "tags": None},
]
TYPES = {
    "id": "int64", "ratio": "float64", "name": "large_utf8", "ok": "bool", "tags": "large_utf8", "gap": "int64",
    "no": "null",
}  # fmt: skip
VALUES = {
    "id": [1, 2, 3],
    "ratio": [0.5, 1.0, -2.25],
    "name": ["Ann", "Zoë", ""],
    "ok": [True, False, True],
    "tags": ['["x", "y"]', "[]", None],
    "gap": [1, None, None],
    "no": [None, None, None],
}


@pytest.fixture(scope="module")
def table() -> "parallel.Table":
    docs = [json.dumps(document) for document in DOCS]
    with pytest.warns(UserWarning, match='"/no" matched nothing'):
        return parallel.json_extract(docs, {name: f"/{name}" for name in TYPES}).result()


def test_conversion_to_python_objects(table) -> None:
    assert table.to_pydict() == VALUES
    assert table.to_pylist() == [{name: VALUES[name][row] for name in VALUES} for row in range(3)]
    assert [type(value) for value in table["id"].to_pylist()] == [int] * 3
    assert table["ok"][0] is True


def test_shape_types_and_names(table) -> None:
    assert (table.num_rows, table.num_columns, table.shape, len(table)) == (3, 7, (3, 7), 3)
    assert table.column_names == list(TYPES)
    assert {column.name: column.type for column in table} == TYPES
    assert [column.null_count for column in table] == [0, 0, 0, 0, 1, 2, 3]
    assert table.errors == []


def test_selecting_a_column(table) -> None:
    assert table["id"].to_pylist() == table[0].to_pylist() == table[-7].to_pylist() == [1, 2, 3]
    assert "id" in table
    assert "nothing" not in table
    assert 0 not in table
    with pytest.raises(KeyError, match="nothing"):
        table["nothing"]
    for index in (7, -8, 10**12):
        with pytest.raises(IndexError, match="7"):
            table[index]
    for key in (1.5, None, b"id", slice(1)):
        with pytest.raises(TypeError, match="str or int"):
            table[key]


def test_a_column_is_a_sequence(table) -> None:
    column = table["name"]
    assert (len(column), list(column), column[0], column[-1]) == (3, VALUES["name"], "Ann", "")
    assert column.index("Zoë") == 1 if hasattr(column, "index") else "Zoë" in column
    assert list(reversed(column)) == VALUES["name"][::-1]
    for index in (3, -4, -7):
        with pytest.raises(IndexError, match="3"):
            column[index]
    with pytest.raises(TypeError):
        column["name"]


def test_reprs(table) -> None:
    assert repr(table).startswith("<Table 3 rows × 7 columns: id int64, ratio float64, name large_utf8")
    assert repr(table["name"]) == "<Column \"name\" large_utf8, 3 values: ['Ann', 'Zoë', '']>"
    page = parallel.json_extract(['{"a": "<script>"}'] * 30, {"<b>": "/a"}).result()._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
    assert page.count("&lt;script&gt;") == 10
    assert "30 rows" in page
    wide = parallel.json_rows([json.dumps({f"c{n}": "x" * 1000 for n in range(1000)})], "").result()
    assert len(repr(wide)) < 300
    assert len(wide._repr_html_()) < 300_000
    assert len(repr(wide[0])) < 300


def test_tables_are_immutable_and_cannot_be_constructed(table) -> None:
    with pytest.raises(AttributeError):
        table.errors = [1]
    with pytest.raises(TypeError):
        table["id"][0] = 1
    for kind in (parallel.Table, parallel.Column):
        with pytest.raises(TypeError):
            kind()
        assert kind.__module__ == "shoal.parallel"
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(table)


def test_numpy_views_numbers() -> None:
    np = pytest.importorskip("numpy")
    docs = [f'{{"i": {n}, "f": {n}.5, "u": {2**63 + n}, "s": "{n}", "g": {"null" if n else 1}}}' for n in range(1000)]
    table = parallel.json_extract(docs, {name: f"/{name}" for name in "ifusg"}).result()
    for name, kind in [("i", np.int64), ("f", np.float64), ("u", np.uint64)]:
        array = np.asarray(table[name])
        assert array.dtype == kind
        assert array.tolist() == table[name].to_pylist()
        assert not array.flags.writeable
        assert array.__array_interface__["data"] == np.asarray(table[name]).__array_interface__["data"]
    view = memoryview(table["i"])
    assert (view.format, view.shape, view.strides, view.readonly) == ("q", (1000,), (8,), True)
    # A view keeps the memory alive.
    array = np.asarray(table["i"])
    del table, view
    gc.collect()
    assert array.sum() == sum(range(1000))


def test_columns_without_a_buffer(table) -> None:
    for name in ("name", "ok", "gap", "no"):
        with pytest.raises(BufferError, match="to_pylist"):
            memoryview(table[name])
    np = pytest.importorskip("numpy")
    assert np.asarray(table["name"]).tolist() == VALUES["name"]
    assert np.asarray(table["gap"]).tolist() == VALUES["gap"]


def test_signatures_are_a_matrix() -> None:
    np = pytest.importorskip("numpy")
    column = parallel.minhash(["one two three four five", "six seven eight nine ten"], num_perm=64).result()
    if not isinstance(column, parallel.Column):
        pytest.skip("minhash makes no column")
    matrix = np.asarray(column)
    assert matrix.shape == (2, 64)
    assert matrix.tolist() == column.to_pylist() == [column[0], column[1]]
    assert memoryview(column).ndim == 2


def test_pyarrow_accepts_a_table(table) -> None:
    pa = pytest.importorskip("pyarrow")
    taken = pa.table(table)
    taken.validate(full=True)
    assert taken.to_pydict() == VALUES
    assert [str(kind) for kind in taken.schema.types][:4] == ["int64", "double", "large_string", "bool"]
    assert pa.schema(table) == taken.schema
    assert pa.array(table["name"]).to_pylist() == VALUES["name"]
    assert pa.chunked_array(table["id"]).to_pylist() == [1, 2, 3]
    assert pa.RecordBatchReader.from_stream(table).read_all() == taken
    wanted = pa.schema([("id", pa.int32())])
    narrow = parallel.json_extract(['{"id": 1}'], {"id": "/id"}).result()
    assert pa.RecordBatchReader.from_stream(narrow, schema=wanted).read_all().schema == wanted


def test_pandas_accepts_a_table(table) -> None:
    pd = pytest.importorskip("pandas")
    if not hasattr(pd.DataFrame, "from_arrow"):
        pytest.skip("this pandas is older than 3")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame.from_arrow(table)
    assert list(frame.columns) == list(TYPES)
    assert frame["id"].tolist() == [1, 2, 3]
    assert frame["name"].tolist() == VALUES["name"]
    assert frame["gap"].isna().tolist() == [False, True, True]


def test_polars_accepts_a_table(table) -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(table)
    assert frame.to_dict(as_series=False) == VALUES
    assert pl.Series(table["name"]).to_list() == VALUES["name"]


def test_duckdb_accepts_a_table(table) -> None:
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    local = table  # noqa: F841 - DuckDB finds it by its name
    assert duckdb.sql("select sum(id), max(name), count(gap) from local").fetchall() == [(6, "Zoë", 1)]
    # A second query of the same table.
    assert duckdb.sql("select name from local order by id").fetchall() == [("Ann",), ("Zoë",), ("",)]


def test_tables_without_rows_or_columns() -> None:
    pa = pytest.importorskip("pyarrow")
    for made, shape in [
        (parallel.json_extract([], {"a": "/a"}), (0, 1)),
        (parallel.json_rows([], "/a"), (0, 0)),
        (parallel.json_rows([], "/a", columns=["x"]), (0, 1)),
        (parallel.json_rows(["[]", "[]"], ""), (0, 0)),
        (parallel.json_rows(["[{}, {}]"], ""), (2, 0)),
    ]:
        table = made.result()
        assert table.shape == shape
        taken = pa.table(table)
        assert (taken.num_rows, taken.num_columns) == shape
        assert len(table.to_pylist()) == shape[0]
        assert table._repr_html_()


def test_many_rows_of_many_documents() -> None:
    pa = pytest.importorskip("pyarrow")
    rows = [[n, f"name {n}", n / 7, None if n % 3 else n, n % 2 == 0] for n in range(3000)]
    docs = [json.dumps({"headers": ["n", "name", "part", "gap", "even"], "rows": rows})] * 50
    taken = pa.table(parallel.json_rows(docs, "/rows").result())
    taken.validate(full=True)
    for place, name in enumerate(taken.column_names):
        assert taken[name].to_pylist() == [row[place] for row in rows] * 50


def test_errors_are_available() -> None:
    table = parallel.json_extract(['{"a": 1}', "broken"], {"a": "/a"}, on_error="return").result()
    assert table.to_pydict() == {"a": [1, None]}
    assert [type(error) for error in table.errors] == [shoal.ItemError]
    assert table.errors[0].index == 1
    assert table.errors is not table.errors


def test_threads_share_a_table(table) -> None:
    pa = pytest.importorskip("pyarrow")

    def look(_: int) -> bool:
        one = bytes(memoryview(table["id"]))[:1]
        return table.to_pydict() == VALUES and pa.table(table).num_rows == 3 and one == b"\1"

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(look, range(200)))


@pytest.mark.parametrize("kind", ["Table", "Column"])
def test_every_member_is_documented(kind: str) -> None:
    for name, member in vars(getattr(parallel, kind)).items():
        if not name.startswith("_") or name.startswith("__arrow"):
            assert len(member.__doc__ or "") > 10, name


def test_tens_of_thousands_of_columns() -> None:
    """Takes linear time, and releases the GIL in between."""
    count = 60_000
    columns = {f"column {i}": f"/rows/{i % 2}/key {i}" for i in range(count)}
    document = json.dumps({"rows": [{f"key {i}": i for i in range(half, count, 2)} for half in range(2)]})
    pauses, ended = [], threading.Event()

    def look() -> None:
        last = time.monotonic()
        while not ended.is_set():
            time.sleep(0.001)
            pauses.append(time.monotonic() - last)
            last = time.monotonic()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        table = parallel.json_extract([document], columns).result(20)
        assert [column.to_pylist() for column in table] == [[i] for i in range(count)]
        assert [table[name].name for name in columns] == list(columns)
        assert table.to_pydict() == {name: [i] for i, name in enumerate(columns)}
        assert "column 0" in table
        assert "column" not in table
    finally:
        ended.set()
        looking.join()
    assert max(pauses) < 1


def test_pandas_and_numpy_refuse_a_table_with_advice() -> None:
    pandas = pytest.importorskip("pandas")
    numpy = pytest.importorskip("numpy")
    table = parallel.json_extract([b'{"a": 1, "b": 2}', b'{"a": 3, "b": 4}'], {"a": "/a", "b": "/b"}).result()
    for refused in (pandas.DataFrame, numpy.asarray, numpy.array):
        with pytest.raises(TypeError, match=r"a Table is no array: use pandas\.DataFrame\.from_arrow\(table\)"):
            refused(table)
    frame = pandas.DataFrame(table.to_pydict())
    assert (list(frame.columns), frame.shape, frame["b"].tolist()) == (["a", "b"], (2, 2), [2, 4])
    assert numpy.asarray(table["a"]).tolist() == [1, 3]
