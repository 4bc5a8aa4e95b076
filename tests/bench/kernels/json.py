"""Values and rows from JSON records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kernels.common import Kernel, Run, equal

POINTERS = {
    "resource": "/resource",
    "player": "/parameters/PlayerID",
    "height": "/parameters/Height",
    "first": "/resultSets/0/name",
    "last": "/resultSets/1/name",
}
ROWS = "/resultSets/0/rowSet"
ROWS_EACH = 85


def _tuples(result: Any) -> list[tuple[Any, ...]]:
    return list(zip(*result.values(), strict=True)) if isinstance(result, dict) else result


EXTRACT = Kernel("JSON", "json_extract", "", "records", equal(_tuples))
EXTRACT.ours(
    "`json_extract(docs, pointers)`, `.to_pydict()`",
    lambda parallel, docs: parallel.json_extract(docs, POINTERS),
    after=lambda table: table.to_pydict(),
)


def _subscripts(loads: Callable[[bytes], Any]) -> Run:
    def extract(doc: bytes) -> tuple[Any, ...]:
        value = loads(doc)
        parameters, tables = value["parameters"], value["resultSets"]
        return value["resource"], parameters["PlayerID"], parameters["Height"], tables[0]["name"], tables[1]["name"]

    return lambda docs: [extract(doc) for doc in docs]


@EXTRACT.by("json", "`loads(doc)[…]`", share=0.25)
def _extract_json() -> Run:
    import json

    return _subscripts(json.loads)


@EXTRACT.by("orjson", "`loads(doc)[…]`", share=0.5)
def _extract_orjson() -> Run:
    import orjson

    return _subscripts(orjson.loads)


@EXTRACT.by("msgspec", "`Decoder(Struct).decode(doc)`, only the fields wanted")
def _extract_msgspec() -> Run:
    import msgspec

    # Defined here, because the package may be missing.
    table = msgspec.defstruct("Table", [("name", str)])
    parameters = msgspec.defstruct("Parameters", [("PlayerID", int), ("Height", float)])
    record = msgspec.defstruct("Record", [("resource", str), ("parameters", parameters), ("resultSets", list[table])])
    decode = msgspec.json.Decoder(record).decode

    def extract(doc: bytes) -> tuple[Any, ...]:
        value = decode(doc)
        inner, tables = value.parameters, value.resultSets
        return value.resource, inner.PlayerID, inner.Height, tables[0].name, tables[1].name

    return lambda docs: [extract(doc) for doc in docs]


@EXTRACT.by("pysimdjson", "`parser.parse(doc).at_pointer(…)`")
def _extract_simdjson() -> Run:
    import simdjson

    parser = simdjson.Parser()
    pointers = list(POINTERS.values())

    def extract(doc: bytes) -> tuple[Any, ...]:
        at = parser.parse(doc).at_pointer
        return tuple([at(pointer) for pointer in pointers])

    return lambda docs: [extract(doc) for doc in docs]


def _slices(result: Any) -> list[list[tuple[Any, ...]]]:
    """The rows of each document."""
    import pyarrow as pa

    if not isinstance(result, pa.Table):
        # A data frame has floats where integers have gaps.
        result = pa.Table.from_pandas(result.astype({"MIN": "Int64"}), preserve_index=False)
    rows = list(zip(*[column.to_pylist() for column in result.columns], strict=True))
    return [rows[start : start + ROWS_EACH] for start in range(0, len(rows), ROWS_EACH)]


def _to_arrow(table: Any) -> Any:
    import pyarrow as pa

    return pa.table(table)


TABLE = Kernel("JSON", "json_rows", "", "records", equal(_slices))
TABLE.ours(
    f'`json_rows(docs, "{ROWS}")`, `pyarrow.table(…)`',
    lambda parallel, docs: parallel.json_rows(docs, ROWS),
    after=_to_arrow,
)


def _all_rows(docs: Sequence[bytes]) -> tuple[list[str], list[list[Any]]]:
    import orjson

    rows: list[list[Any]] = []
    headers: list[str] = []
    for doc in docs:
        table = orjson.loads(doc)["resultSets"][0]
        headers = table["headers"]
        rows += table["rowSet"]
    return headers, rows


@TABLE.by("pyarrow", "`orjson.loads`, `zip(*rows)`, `pyarrow.table`", label="orjson + pyarrow", share=0.25)
def _rows_arrow() -> Run:
    import pyarrow as pa

    def run(docs: Sequence[bytes]) -> Any:
        headers, rows = _all_rows(docs)
        return pa.table(list(map(pa.array, zip(*rows, strict=True))), names=headers)

    return run


@TABLE.by("pandas", "`orjson.loads`, `DataFrame(rows, columns=…)`", label="orjson + pandas", share=0.25)
def _rows_pandas() -> Run:
    import pandas as pd

    def run(docs: Sequence[bytes]) -> Any:
        headers, rows = _all_rows(docs)
        return pd.DataFrame(rows, columns=headers)

    return run
