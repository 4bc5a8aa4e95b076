"""Documents in other libraries' memory: changeable memory is copied, invalid arrays are refused."""

import ctypes
import hashlib
import mmap
import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shoal import parallel

TEXTS = ["a", "é", "", "a longer text that is no view's inline value"]


def digests(texts: list[str]) -> list[str]:
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


# --- memory that may change during the job


@contextmanager
def changing(memory: memoryview | mmap.mmap, states: list[bytes]) -> Iterator[None]:
    """Writes the states into the memory in turn, as fast as possible."""
    ended = threading.Event()

    def change() -> None:
        while not ended.is_set():
            for state in states:
                memory[:] = state

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def kinds_of_memory(path: Path, size: int) -> dict[str, tuple[object, object]]:
    """By name: a document, and a view that writes to its memory."""
    np = pytest.importorskip("numpy")
    plain, viewed = bytearray(size), bytearray(size)
    own = np.zeros(size, dtype=np.uint8)
    frozen = own[:]
    frozen.flags.writeable = False
    path.write_bytes(bytes(size))
    with path.open("r+b") as file:
        written = mmap.mmap(file.fileno(), 0)
    with path.open("rb") as file:
        read = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return {
        "bytearray": (plain, memoryview(plain)),
        "read-only view": (memoryview(viewed).toreadonly(), memoryview(viewed)),
        "a view of a view": (memoryview(memoryview(viewed).toreadonly())[:], memoryview(viewed)),
        "read-only array": (frozen, memoryview(own)),
        "a view of an array": (memoryview(frozen), memoryview(own)),
        "read-only map": (read, written),
    }


@pytest.mark.parametrize(
    "kind",
    ["bytearray", "read-only view", "a view of a view", "read-only array", "a view of an array", "read-only map"],
)
def test_text_that_changes_during_the_job(kind: str, tmp_path: Path) -> None:
    """Without a copy, the text could become invalid after it was checked."""
    size = 60_000
    document, writer = kinds_of_memory(tmp_path / "mapped", size)[kind]
    states = ["é".encode() * (size // 2), b"\xff" * size, b"a" * size]
    with changing(writer, states):
        for _ in range(30):
            for [found] in parallel.regex_findall([document] * 4, "(?s).+").result(20):
                assert found.encode().decode() == found
            assert len(parallel.html_text([document] * 4).result(20)) == 4


def test_constant_memory_is_read() -> None:
    documents = [
        memoryview(b"constant")[3:],
        memoryview(memoryview(b"constant")),
        memoryview(bytearray(b"x")).toreadonly(),
    ]
    assert parallel.hash(documents).result() == digests(["stant", "constant", "x"])


# --- memory that is not text


def unfit_arrays() -> dict[str, Callable[[], object]]:
    np = pytest.importorskip("numpy")
    record = np.dtype([("name", "S3"), ("size", "i4")])
    return {
        "rows of texts": lambda: np.array([["ab", "c"], ["d", "e"]]),
        "an array of texts": lambda: [np.array(["ab", "c"])],
        "an array of objects": lambda: [np.array([object(), None])],
        "an array of padded bytes": lambda: [np.array([b"ab", b"c"])],
        "records": lambda: [np.zeros(2, dtype=record)],
        "unicode array": lambda: [array("u", "text")],
        "pointers": lambda: [memoryview((ctypes.c_void_p * 2)())],
    }


@pytest.mark.parametrize(
    "kind",
    [
        "rows of texts",
        "an array of texts",
        "an array of objects",
        "an array of padded bytes",
        "records",
        "unicode array",
        "pointers",
    ],
)
def test_arrays_of_texts_objects_or_pointers_are_refused(kind: str) -> None:
    docs = unfit_arrays()[kind]()
    with pytest.raises(TypeError, match=r"docs\[0\] must be .* with items of format"):
        parallel.hash(docs)
    with pytest.raises(TypeError, match=r"docs\[0\] must be .* with items of format"):
        parallel.regex_findall(docs, ".")


def test_contiguous_numbers_are_read_as_bytes() -> None:
    np = pytest.importorskip("numpy")
    for numbers in (
        np.arange(6.0),
        np.arange(6, dtype=">i2"),
        np.ones(2, dtype=complex),
        memoryview((ctypes.c_int * 3)(1, 2)),
    ):
        assert parallel.hash([numbers]).result() == [hashlib.sha256(bytes(numbers)).hexdigest()]
    matrix = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for docs in (matrix.T, [matrix.T], [matrix[:, ::2]], [matrix[::-1]], [memoryview(b"abcd")[::2]]):
        with pytest.raises(ValueError, match="contiguous"):
            parallel.hash(docs)


# --- Arrow arrays


class Exported:
    """An array that offers only Arrow's C interface, like those of libraries other than pyarrow."""

    def __init__(self, wrapped) -> None:
        self.wrapped = wrapped

    def __arrow_c_array__(self, requested_schema=None):
        return self.wrapped.__arrow_c_array__(requested_schema)


class ArrowArray(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("length", "null_count", "offset", "n_buffers", "n_children")),
        *((name, ctypes.c_void_p) for name in ("buffers", "children", "dictionary", "release", "private_data")),
    ]


class ArrowArrayStream(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("get_schema", "get_next", "get_last_error", "release", "private_data"))
    ]


def pointer(capsule, name: bytes) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return get(capsule, name)


class Edited(Exported):
    """An array whose exported structure has some fields changed."""

    def __init__(self, wrapped, **fields: int) -> None:
        super().__init__(wrapped)
        self.fields = fields

    def __arrow_c_array__(self, requested_schema=None):
        schema, exported = super().__arrow_c_array__(requested_schema)
        structure = ArrowArray.from_address(pointer(exported, b"arrow_array"))
        for name, value in self.fields.items():
            setattr(structure, name, value)
        return schema, exported


def from_buffers(kind, length: int, *buffers: bytes | None, offset: int = 0):
    pa = pytest.importorskip("pyarrow")
    made = [None if buffer is None else pa.py_buffer(buffer) for buffer in buffers]
    return pa.Array.from_buffers(kind, length, made, offset=offset)


def offsets(*values: int, size: int = 4) -> bytes:
    return b"".join(value.to_bytes(size, "little", signed=True) for value in values)


def view(length: int, index: int, offset: int) -> bytes:
    return offsets(length) + b"abcd" + offsets(index, offset)


def test_every_array_type_through_the_c_interface() -> None:
    pa = pytest.importorskip("pyarrow")
    kinds = (pa.string, pa.large_string, pa.string_view, pa.binary, pa.large_binary, pa.binary_view)
    for kind in (kind() for kind in kinds):
        whole = pa.array(TEXTS, pa.string()).cast(kind)
        for docs, texts in ((whole, TEXTS), (whole[1:], TEXTS[1:]), (whole[2:3], TEXTS[2:3]), (whole[:0], [])):
            assert parallel.hash(Exported(docs)).result() == digests(texts)
            assert parallel.hash(docs).result() == digests(texts)
            assert parallel.hash(pa.chunked_array([docs, whole, docs])).result() == digests(texts + TEXTS + texts)
        with_null = pa.array([*TEXTS, None], pa.string()).cast(kind)
        assert parallel.hash(Exported(with_null[:4])).result() == digests(TEXTS)
        assert parallel.hash(Edited(with_null[:4], null_count=-1)).result() == digests(TEXTS)
        for docs in (Exported(with_null[1:]), Edited(with_null[1:], null_count=-1)):
            with pytest.raises(TypeError, match=r"docs\[3\] must be .*not null"):
                parallel.hash(docs)
        with pytest.raises(TypeError, match=r"docs\[8\] must be .*not null"):
            parallel.hash(pa.chunked_array([whole, with_null]))


def test_invalid_offsets_are_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    small, large = pa.binary(), pa.large_binary()
    data = b"abcdef"
    backwards = [
        from_buffers(small, 2, None, offsets(0, 6, 3), data),
        from_buffers(large, 2, None, offsets(0, 6, 3, size=8), data),
        from_buffers(small, 3, None, offsets(0, 2_000_000_000, 0, 6), data),
        from_buffers(small, 3, None, offsets(0, 4, 2, 6), data).slice(1, 1),
    ]
    below = [
        from_buffers(large, 2, None, offsets(0, -(2**63), 3, size=8), data),
    ]
    for docs in backwards:
        with pytest.raises(ValueError, match="go backwards"):
            parallel.hash(Exported(docs))
    for docs in below:
        with pytest.raises(ValueError, match="below zero"):
            parallel.hash(Exported(docs))
    for docs in (*backwards, *below):
        with pytest.raises(ValueError, match="offset"):
            parallel.hash(docs)


def test_data_shorter_than_the_last_offset() -> None:
    """The interface has no buffer lengths; pyarrow's `validate()` checks them."""
    pa = pytest.importorskip("pyarrow")
    shared = bytearray(offsets(0, 3, 6))
    docs = from_buffers(pa.binary(), 2, None, shared, b"abcdef")
    assert parallel.hash(docs).result() == digests(["abc", "def"])
    shared[8:] = offsets(2_000_000_000)
    with pytest.raises(ValueError, match=r"(?i)offset|length|buffer"):
        parallel.hash(docs)
    with pytest.raises(ValueError, match=r"(?i)offset|length|buffer"):
        parallel.hash(pa.chunked_array([docs]))


def test_invalid_views_are_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    data = b"x" * 100
    good = from_buffers(pa.binary_view(), 1, None, view(100, 0, 0), data)
    assert parallel.hash(Exported(good)).result() == digests(["x" * 100])
    for bad in (view(100, 1, 0), view(100, -1, 0), view(100, 0, 1), view(101, 0, 0), view(20, 0, -1), view(-1, 0, 0)):
        with pytest.raises(ValueError, match="a view is outside"):
            parallel.hash(Exported(from_buffers(pa.binary_view(), 1, None, bad, data)))


def test_invalid_fields_are_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    texts, views = pa.array(TEXTS), pa.array(TEXTS, pa.string_view())
    for fields in (
        {"length": -1},
        {"length": 2**63 - 1},
        {"length": 2**60},
        {"offset": -1},
        {"offset": 2**63 - 1},
        {"n_buffers": 0},
        {"n_buffers": 1},
        {"n_buffers": -1},
        {"buffers": 0},
    ):
        for docs in (texts, views):
            with pytest.raises(ValueError, match="not a valid Arrow array"):
                parallel.hash(Edited(docs, **fields))


def test_invalid_utf_8_is_handled_when_it_is_read() -> None:
    pa = pytest.importorskip("pyarrow")
    docs = Exported(from_buffers(pa.string(), 2, None, offsets(0, 2, 4), b"\xff\xfdab"))
    assert parallel.regex_findall(docs, ".+").result() == [["\ufffd\ufffd"], ["ab"]]


def test_arrays_of_other_types_are_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    for docs, kind in (
        (pa.array([1]), "Int64"),
        (pa.array(["a", "b"]).dictionary_encode(), "Dictionary"),
        (pa.array([["a"]]), "List"),
        (pa.table({"a": ["b"]}), "Struct"),
    ):
        with pytest.raises(TypeError, match=f"docs must be an array of strings or bytes, not of {kind}"):
            parallel.hash(docs)


def test_consumed_capsules_are_refused() -> None:
    pa = pytest.importorskip("pyarrow")

    class Kept:
        capsules = pa.array(TEXTS).__arrow_c_array__()

        def __arrow_c_array__(self, requested_schema=None):
            return self.capsules

    class KeptStream:
        capsule = pa.chunked_array([TEXTS]).__arrow_c_stream__()

        def __arrow_c_stream__(self, requested_schema=None):
            return self.capsule

    for docs in (Kept(), KeptStream()):
        assert parallel.hash(docs).result() == digests(TEXTS)
        with pytest.raises(ValueError, match="already"):
            parallel.hash(docs)


def test_other_objects_than_capsules_are_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    right = pa.array(TEXTS).__arrow_c_array__()

    class Wrong:
        def __init__(self, given) -> None:
            self.given = given

        def __arrow_c_array__(self, requested_schema=None):
            return self.given

    for given in (None, (), (1, 2), right[:1], right[::-1], (right[0], right[0]), list(right)):
        with pytest.raises(TypeError):
            parallel.hash(Wrong(given))


def test_a_stream_that_fails_after_some_arrays() -> None:
    pa = pytest.importorskip("pyarrow")
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    words = ctypes.create_string_buffer(b"the disk is gone")

    class Stream:
        """Two arrays, then an error."""

        def __init__(self, schema_code: int, arrays: int) -> None:
            self.left = arrays
            self.released = 0
            new = ctypes.pythonapi.PyCapsule_New
            new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

            @callback
            def get_schema(_stream, out):
                if schema_code == 0:
                    pa.string()._export_to_c(out)
                return schema_code

            @callback
            def get_next(_stream, out):
                if self.left == 0:
                    return 5
                self.left -= 1
                pa.array(TEXTS)._export_to_c(out)
                return 0

            @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
            def get_last_error(_stream):
                return ctypes.addressof(words)

            @ctypes.CFUNCTYPE(None, ctypes.c_void_p)
            def release(stream):
                self.released += 1
                ArrowArrayStream.from_address(stream).release = None

            self.kept = get_schema, get_next, get_last_error, release
            self.structure = ArrowArrayStream(*(ctypes.cast(each, ctypes.c_void_p) for each in self.kept), None)
            self.capsule = new(ctypes.addressof(self.structure), b"arrow_array_stream", None)

        def __arrow_c_stream__(self, requested_schema=None):
            return self.capsule

    for stream in (Stream(22, 0), Stream(0, 0), Stream(0, 2)):
        with pytest.raises(ValueError, match="the Arrow stream failed: the disk is gone"):
            parallel.hash(stream)
        assert stream.released == 1


# --- Python code that runs while the documents are read


def test_a_list_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "document"
    path.write_bytes(b"file")
    docs: list = []

    class Shrinks:
        def __fspath__(self) -> str:
            del docs[1:]
            return str(path)

    docs += [Shrinks(), *[b"gone"] * 100]
    assert parallel.hash(docs).result() == digests(["file"])
    docs[:] = [b"first", Shrinks(), *[b"gone"] * 100]
    assert parallel.hash(docs).result() in (digests(["first", "file"]), digests(["first"]))
