"""The argument `docs`: every kind of document in every kind of container, borrowed and released."""

import gc
import hashlib
import mmap
import pickle
import sys
from array import array
from collections import deque
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from conftest import wait_until
from shoal import parallel


def digests(docs) -> list[str]:
    return [hashlib.sha256(doc).hexdigest() for doc in docs]


BYTES = [b"", b"abc", b"\x00\xff" * 1000, "é中😀".encode()]
CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "iterator": iter,
    "generator": lambda docs: (doc for doc in docs),
    "dict keys": lambda docs: dict.fromkeys(docs).keys(),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers(container: str) -> None:
    assert parallel.hash(CONTAINERS[container](BYTES)).result() == digests(BYTES)


def test_bytes_like_documents(tmp_path: Path) -> None:
    path = tmp_path / "mapped"
    path.write_bytes(b"mapped" * 1000)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        docs = [
            bytearray(b"changeable"),
            memoryview(b"read-only"),
            memoryview(bytearray(b"writable")),
            memoryview(b"0123456789")[2:5],
            array("d", [1.5, 2.5]),
            bytearray(),
            mapped,
        ]
        expected = digests([bytes(memoryview(doc)) for doc in docs])
        job = parallel.hash(docs)
        assert job.result() == expected
        del docs, job
        gc.collect()
        assert wait_until(lambda: released(mapped))


def released(mapped: mmap.mmap) -> bool:
    try:
        mapped.close()
    except BufferError:  # pointers are still exported
        return False
    return True


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), max_size=30))
def test_strings_of_every_width(texts: list[str]) -> None:
    assert parallel.hash(texts).result() == digests(text.encode() for text in texts)
    assert parallel.regex_findall(texts, "(?s).+").result() == [[text] if text else [] for text in texts]


def test_a_lone_surrogate_is_reported() -> None:
    with pytest.raises(shoal.ItemError, match="lone surrogate") as raised:
        parallel.hash(["fine", "\ud800"]).result()
    assert raised.value.index == 1
    assert isinstance(raised.value.exception, ValueError)


def test_paths(tmp_path: Path) -> None:
    path = tmp_path / "doc"
    path.write_bytes(b"of a file")
    assert parallel.hash([path]).result() == digests([b"of a file"])
    missing = tmp_path / "missing"
    with pytest.raises(shoal.ItemError) as raised:
        parallel.hash([path, missing]).result()
    assert isinstance(raised.value.exception, FileNotFoundError)
    assert raised.value.index == 1
    assert str(missing) in str(raised.value)
    kept = parallel.hash([missing, path, tmp_path], on_error="return").result()
    assert kept[1] == digests([b"of a file"])[0]
    assert isinstance(kept[0].exception, FileNotFoundError)
    assert isinstance(kept[2].exception, IsADirectoryError)


def test_responses(server, tmp_path: Path) -> None:
    urls = [server.url(f"/bytes/{n}") for n in range(20)]
    responses = shoal.gather_fetch(urls).result()
    expected = digests([bytes(i % 251 for i in range(n)) for n in range(20)])
    assert parallel.hash(responses).result() == expected
    contents = [response.content for response in responses]  # from here on, Python owns the bytes
    assert parallel.hash(responses).result() == expected == digests(contents)
    assert parallel.hash(pickle.loads(pickle.dumps(responses))).result() == expected
    saved = shoal.gather_fetch(urls, save_to=str(tmp_path / "{index}")).result()
    assert parallel.hash(saved).result() == expected


def test_a_response_is_decoded_with_its_encoding(server) -> None:
    url = server.url("/charset?name=latin-1&text=caf%C3%A9&declare=1&html=0")
    response = shoal.gather_fetch([url]).result()[0]
    assert "café" in response.text
    assert parallel.regex_findall([response], "caf.").result() == [["café"]]


def test_numpy_arrays() -> None:
    np = pytest.importorskip("numpy")
    matrix = np.arange(300, dtype=np.uint8).reshape(3, 100)
    assert parallel.hash(matrix).result() == digests(row.tobytes() for row in matrix)
    assert parallel.hash([matrix]).result() == digests([matrix.tobytes()])
    read_only = np.frombuffer(b"read-only", dtype=np.uint8)
    assert parallel.hash([read_only]).result() == digests([b"read-only"])
    assert parallel.hash(np.array(["a", "é", ""])).result() == digests([b"a", "é".encode(), b""])
    assert parallel.hash(np.array([b"a", b"bc"])).result() == digests([b"a", b"bc"])
    assert parallel.hash(np.array(["a", b"b"], dtype=object)).result() == digests([b"a", b"b"])
    with pytest.raises(TypeError, match=r"docs\[0\] must be .*not int64"):
        parallel.hash(np.arange(3, dtype=np.int64))
    with pytest.raises(ValueError, match=r"docs\[1\] must be contiguous"):
        parallel.hash([b"", matrix[:, ::2]])


def test_arrow_arrays() -> None:
    pa = pytest.importorskip("pyarrow")
    texts = ["a", "é", "", "a longer text that is no view's inline value"]
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        array_of = pa.array(texts, kind)
        assert parallel.hash(array_of).result() == digests(text.encode() for text in texts)
        assert parallel.hash(array_of[1:3]).result() == digests(text.encode() for text in texts[1:3])
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        chunked = pa.chunked_array([pa.array(BYTES, kind), pa.array(BYTES[:2], kind)])
        assert parallel.hash(chunked).result() == digests(BYTES + BYTES[:2])
    with pytest.raises(TypeError, match="array of strings or bytes, not of Int64"):
        parallel.hash(pa.array([1, 2]))
    with pytest.raises(TypeError, match=r"docs\[1\] must be .*not null"):
        parallel.hash(pa.array(["a", None]))


def test_data_frames() -> None:
    pl = pytest.importorskip("polars")
    pd = pytest.importorskip("pandas")
    expected = digests([b"a", "é".encode()])
    assert parallel.hash(pl.Series(["a", "é"])).result() == expected
    assert parallel.hash(pl.DataFrame({"text": ["a", "é"]})["text"]).result() == expected
    assert parallel.hash(pd.Series(["a", "é"])).result() == expected


@pytest.mark.parametrize(
    ("docs", "message"),
    [
        ("text", "docs must be an iterable of documents, not a single str"),
        (b"bytes", "not a single bytes"),
        (bytearray(b"x"), "not a single bytearray"),
        (memoryview(b"x"), "not a single memoryview"),
        (Path("x"), r"not a single \w*Path"),
        ({"url": b"doc"}, "not a single dict"),
        (None, "docs must be an iterable of documents, not NoneType"),
        (7, "docs must be an iterable of documents, not int"),
        ([b"", None], r"docs\[1\] must be str, bytes, .*not NoneType"),
        ([1.5], r"docs\[0\] must be .*not float"),
        ([b"", [b"nested"]], r"docs\[1\] must be .*not list"),
    ],
)
def test_an_invalid_document_is_named(docs, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        parallel.hash(docs)


def test_errors_of_an_iterator_are_raised() -> None:
    def docs():
        yield b"one"
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        parallel.hash(docs())

    async def later():
        yield b"one"

    with pytest.raises(TypeError, match="async iterable"):
        parallel.hash(later())


def test_documents_are_released() -> None:
    document = b"x" * 1000 + b"unique"
    before = sys.getrefcount(document)
    job = parallel.hash([document] * 5000)
    job.result()
    del job
    assert wait_until(lambda: sys.getrefcount(document) == before)
    job = parallel.compress([document] * 50_000, "brotli")
    with pytest.warns(RuntimeWarning, match="a Job of compress was dropped before its end"):
        del job
    assert wait_until(lambda: sys.getrefcount(document) == before)


def test_a_list_may_change_during_the_job() -> None:
    docs = [str(number).encode() * 100 for number in range(20_000)]
    expected = digests(docs)
    job = parallel.hash(docs)
    docs.clear()
    gc.collect()
    assert job.result() == expected


def test_html_is_decoded_as_in_browsers(server, tmp_path: Path) -> None:
    page = '<html><head><meta charset="windows-1251"></head><body><p>Привет</p></body></html>'
    path = tmp_path / "page.html"
    path.write_bytes(page.encode("cp1251"))
    docs = [page.encode("cp1251"), path, bytearray(page.encode("cp1251")), page, b"\xef\xbb\xbf" + page.encode()]
    assert parallel.html_select(docs, "p").result() == [["Привет"]] * 5
    url = server.url("/charset?name=latin-1&text=caf%C3%A9&declare=1&html=0")
    response = shoal.gather_fetch([url]).result()[0]
    assert "café" in parallel.html_text([response]).result()[0]
