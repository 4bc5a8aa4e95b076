"""The parts of `parallel.map`: payloads, channels, inline safety, the backend "auto", and others."""

import hashlib
import math
import os
import pickle
import threading
import time
import zlib
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mapped
from shoal import _shoal, parallel
from shoal._map import auto, channel, cores, payload
from shoal._map.chunk_sizer import ChunkSizer
from shoal._map.inline_safety import is_inline_safe, is_plain
from shoal._map.payload import PayloadReader, PayloadWriter
from shoal._map.result_collector import ResultCollector
from shoal._map.source import Source

MIB = 1 << 20


# Payloads


def round_trip(values: list, times: int = 1) -> list:
    writer, reader = PayloadWriter(), PayloadReader()
    try:
        for _ in range(times):
            packed, files, _ = writer.pack(values)
            descriptors = deque(os.dup(file) for file in files)
            result = reader.unpack(packed, descriptors)
            assert not descriptors
            if not isinstance(packed, bytes):
                writer.release(packed[0])
        return result
    finally:
        writer.close()
        reader.close()


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1, "a", None, b"", bytearray()],
        [b"x" * MIB, bytearray(b"y" * MIB), "z" * MIB],
        [(b"x" * MIB, 1), [bytearray(MIB)], {"a": b"z" * MIB, "b": 2}],
        [[[b"deep" * MIB]]],
        [b"x" * (payload._OUT_OF_BAND - 1), b"x" * payload._OUT_OF_BAND, b"x" * (payload._OUT_OF_BAND + 1)],
        ["x" * 100] * 10_000,
        [list(range(100_000))],
        [bytes(20 * MIB)] * 2,
    ],
    ids=range(9),
)
def test_values_survive_a_round_trip(values: list) -> None:
    result = round_trip(values, times=3)
    assert result == values
    assert [type(value) for value in result] == [type(value) for value in values]


def test_repeated_bytes_are_sent_once() -> None:
    block = os.urandom(MIB)
    writer = PayloadWriter()
    _, _, size = writer.pack([block] * 10)
    writer.close()
    assert size < 1.1 * MIB
    result = round_trip([block] * 3)
    assert result[0] is result[1] is result[2]


plain = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=40_000),
    lambda inner: st.lists(inner, max_size=5) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(plain, max_size=10))
def test_random_values_survive_a_round_trip(values: list) -> None:
    assert round_trip(values) == values


def test_arrays_survive_a_round_trip() -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(MIB, dtype=np.float64)
    frozen = array.copy()
    frozen.flags.writeable = False
    fortran = np.asfortranarray(np.arange(MIB, dtype=np.int32).reshape(1024, -1))
    strided = array[::3]
    for each in (array, fortran, strided, np.arange(3), np.array(["a", None], dtype=object)):
        (again,) = round_trip([each])
        assert np.array_equal(again, each)
        assert again.flags.writeable
    (again,) = round_trip([frozen])
    assert not again.flags.writeable
    done = parallel.map(mapped.scribble, [array.copy() for _ in range(6)], backend="processes").result(30)
    assert all(each[0] == 7 and np.array_equal(each[1:], array[1:]) and each.flags.writeable for each in done)
    done[0][1] = 3
    assert done[1][1] == 1


def test_an_array_outlives_its_chunk() -> None:
    np = pytest.importorskip("numpy")

    def keep(array, kept=[]):  # noqa: B006 - state of a worker
        kept.append(array)
        return [float(each[0]) for each in kept]

    arrays = [np.full(MIB // 8, float(number)) for number in range(12)]
    results = parallel.map(keep, arrays, backend="processes", workers=1).result(30)
    assert results[-1] == [float(number) for number in range(12)]


def test_arrow_data() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": list(range(200_000)), "b": [str(number) for number in range(200_000)]})
    results = parallel.map(lambda part: part.slice(1), [table, table], backend="processes").result(30)
    assert all(result.equals(table.slice(1)) for result in results)


def test_large_buffers_are_sent_out_of_band() -> None:
    np = pytest.importorskip("numpy")
    for values in ([b"x" * MIB], [bytearray(MIB)], [(b"x" * MIB,)], [{"k": b"x" * MIB}], [np.zeros(MIB)]):
        stream, buffers = payload.dump(payload._with_out_of_band_bytes(values))
        assert len(stream) < 1000
        assert len(buffers) == 1


def test_segments_are_reused_and_large_ones_shrink() -> None:
    writer = PayloadWriter()
    for _ in range(5):
        packed, files, _ = writer.pack([bytes(MIB)])
        writer.release(packed[0])
    assert packed[0] == 0
    assert not files
    packed, _, _ = writer.pack([bytes(40 * MIB)])
    assert os.fstat(writer._files[0]).st_size >= 40 * MIB
    writer.release(packed[0])
    assert os.fstat(writer._files[0]).st_size == 0
    writer.close()


# Channels


def test_messages_arrive_complete_and_in_order() -> None:
    here, there = (channel.Channel(end) for end in channel.channel_pair())
    messages = [("a",), ("b", b"x" * 300_000, None), ("c", 1, (2, 3), [4.5], "text")]
    sender = threading.Thread(target=lambda: [here.send(message) for message in messages])
    sender.start()
    assert [there.receive(5) for _ in messages] == messages
    sender.join()
    assert there.available() == []
    assert there.receive(0.01) is None
    assert not there.closed
    file = os.open(os.devnull, os.O_RDONLY)
    here.send(("with",), [file, file])
    assert there.receive(5) == ("with",)
    received = [there.descriptors.popleft() for _ in range(2)]
    assert all(os.fstat(each).st_rdev == os.fstat(file).st_rdev for each in received)
    assert not any(os.get_inheritable(each) for each in received)
    for each in (file, *received):
        os.close(each)
    here.send(("last",))
    here.close()
    assert there.available() == [("last",)]
    assert there.closed
    assert there.receive(5) is None
    there.close()


# Inline safety

shift = 3
table = {"a": 1}


def first_byte(block):
    return block[0]


def head(block):
    if len(block) > 10:
        return sum(block[:10])
    return None


def calls_other(block):
    return first_byte(block)


def loops(block):
    total = 0
    for byte in block:
        total += byte
    return total


def exits(block):
    os._exit(1)


def recursive(block):
    return recursive(block)


INLINE_SAFE = [
    len,
    abs,
    hash,
    sum,
    str,
    math.sqrt,
    zlib.crc32,
    zlib.compress,
    hashlib.sha256,
    first_byte,
    head,
    lambda block: len(block),  # noqa: PLW0108 - not `len` itself
    lambda block: block[:100],
    lambda text: text.upper().strip(),
    lambda block: hashlib.sha256(block).hexdigest(),
    lambda block: zlib.crc32(block) & 0xFF,
    lambda number: (number + 1) / 3 - 2,
    lambda text: text.count("a") > 3 and text.startswith("b"),
]
NOT_INLINE_SAFE = [
    exits,
    loops,
    calls_other,
    recursive,
    time.sleep,
    os.kill,
    exec,
    eval,
    print,
    input,
    open,
    bytes,
    bytearray,
    pow,
    range,
    list,
    pickle.loads,
    zlib.decompress,
    threading.Lock,
    "a".join,
    mapped.square,
    lambda number: number**number,
    lambda number: 1 << number,
    lambda number: "x" * number,
    lambda number: f"{number:>999999999}",
    lambda number: "%999999999d" % number,  # noqa: UP031 - tests the operator
    lambda number: [0 for _ in range(number)],
    lambda number: sum(range(number)),
    lambda number: shift + number,
    lambda number: table["a"],
    lambda _: __import__("os"),
    lambda block: block.__class__,
    lambda block: block.tofile("/tmp/x"),
    lambda block, other=3: len(block),
    lambda *blocks: len(blocks),
    lambda block: (yield block),
    lambda block: [0].append(block),  # noqa: PLW0108 - not a bound method
    lambda block: os.getpid(),
    lambda b: b + b + b + b + b + b + b + b + b + b + b,
]


@pytest.mark.parametrize("fn", INLINE_SAFE, ids=range(len(INLINE_SAFE)))
def test_inline_safe_functions(fn) -> None:
    assert is_inline_safe(fn)


@pytest.mark.parametrize("fn", NOT_INLINE_SAFE, ids=range(len(NOT_INLINE_SAFE)))
def test_functions_that_are_not_inline_safe(fn) -> None:
    assert not is_inline_safe(fn)


def test_objects_named_like_builtins_are_not_inline_safe(monkeypatch) -> None:
    def len(block):  # noqa: A001 - the shadowed name is tested
        os._exit(1)

    assert not is_inline_safe(len)
    monkeypatch.setitem(globals(), "sum", os._exit)
    assert not is_inline_safe(head)
    liar = type("liar", (), {"__module__": "builtins", "__call__": lambda self, _: os._exit(1)})
    assert not is_inline_safe(liar())
    liar.__name__ = "int"
    assert not is_inline_safe(liar)


def test_is_plain() -> None:
    class Sneaky(bytes):
        def __len__(self) -> int:  # noqa: PLE0303 - never called
            os._exit(1)

    assert is_plain([1, 1.5, "a", b"b", None, True, bytearray()])
    assert not is_plain([1, [2]])
    assert not is_plain([Sneaky()])
    np = pytest.importorskip("numpy")
    assert is_plain([np.zeros(3), 1])
    assert not is_plain([np.array([Sneaky()], dtype=object)])


# The backend "auto"


def test_cheap_inline_safe_items_run_in_this_process() -> None:
    blocks = [bytes(MIB)] * 500
    parallel.map(len, blocks[:1]).result(10)
    assert wait_for_quick(lambda: parallel.map(len, blocks).result(10), 0.05)


def wait_for_quick(work, seconds: float) -> bool:
    """Whether `work` takes less than `seconds` in one of 20 tries: other work on the machine may delay it."""
    for _ in range(20):
        start = time.perf_counter()
        work()
        if time.perf_counter() - start < seconds:
            return True
    return False


def test_an_item_that_is_not_plain_runs_in_a_worker() -> None:
    class Where:
        def __len__(self) -> int:
            return os.getpid()

    for position in (0, 3, 5000):
        items = ["abc"] * 6000
        items[position] = Where()
        results = parallel.map(len, items).result(30)
        assert results[position] != os.getpid()
        assert results[:position] + results[position + 1 :] == [3] * 5999
        assert parallel.map(len, iter(items), on_error="return").result(30)[position + 1 :] == [3] * (5999 - position)


@pytest.mark.parametrize("count", [3, 400])
def test_expensive_inline_safe_items(count: int) -> None:
    blocks = [os.urandom(300_000) for _ in range(20)]
    items = [blocks[number % 20] for number in range(count)]
    expected = [zlib.compress(item, 1) == zlib.compress(item, 1) and zlib.crc32(item) for item in items]
    assert parallel.map(zlib.crc32, items).result(30) == expected
    digests = parallel.map(lambda block: hashlib.sha256(block).hexdigest(), items, on_error="return").result(30)
    assert digests == [hashlib.sha256(item).hexdigest() for item in items]


def test_errors_of_inline_items() -> None:
    results = parallel.map(abs, [1, "a", -2, None], on_error="return").result(10)
    assert (results[0], results[2]) == (1, 2)
    assert [type(each.exception) for each in (results[1], results[3])] == [TypeError, TypeError]
    assert parallel.map(abs, ["a"] * 10_000, on_error="skip").result(10) == []


def test_auto_chooses_a_backend(monkeypatch) -> None:
    def chosen(fn, timeout=None) -> str:
        from shoal._map.call import Call

        return auto.resolve(Call(fn, "auto", 2, None, "raise", timeout, True, None))

    monkeypatch.setattr(auto, "has_gil", lambda: True)
    assert chosen(mapped.square) == "processes"
    assert chosen(len) == "auto"
    assert chosen(len, 3) == "processes"
    monkeypatch.setattr(auto, "has_gil", lambda: False)
    assert chosen(mapped.square) == "threads"
    assert chosen(mapped.square, 3) == "processes"
    monkeypatch.setattr(cores, "inside_worker", True)
    assert chosen(mapped.square) == "serial"


# Other parts


def test_chunks_take_30_ms_and_shrink_at_the_end() -> None:
    chunk_sizer = ChunkSizer(None, 2)
    assert chunk_sizer.size(1000) == 1
    assert chunk_sizer.depth() == 1
    chunk_sizer.learn(1, 0.001, 0)
    assert chunk_sizer.size(10_000) == 16
    chunk_sizer.learn(16, 0.016, 0)
    assert chunk_sizer.size(10_000) == 30
    assert chunk_sizer.size(None) == 30
    assert chunk_sizer.depth() == 2
    assert chunk_sizer.size(20) == 5
    assert chunk_sizer.size(1) == 1
    chunk_sizer.learn(30, 6.0, 0)
    assert chunk_sizer.size(10_000) == 1
    assert chunk_sizer.depth() == 1
    chunk_sizer = ChunkSizer(None, 2)
    chunk_sizer.learn(1, 1e-6, 8 * MIB)
    assert chunk_sizer.size(1000) == 1
    assert ChunkSizer(7, 2).size(3) == 7
    chunk_sizer = ChunkSizer(None, 2)
    chunk_sizer.learn(1, 0.0, 0)
    assert chunk_sizer.size(10**9) == 16
    assert chunk_sizer.stride() == 256


def test_the_collector_counts_each_result_once() -> None:
    collector = ResultCollector(4, ordered=True, on_error="return")
    assert collector.reserve(4) == 0
    assert collector.put(range(1, 3), ["b", "c"]) == 2
    assert collector.put(range(3), ["A", "B", "C"]) == 1
    assert collector.partial() == ["A", "b", "c", None]
    error = parallel.map(abs, ["x"]).exception(10)
    assert collector.put_error(3, error)
    assert not collector.put_error(3, error)
    assert collector.put([3], ["d"]) == 0
    assert collector.final() == ["A", "b", "c", error]
    unordered = ResultCollector(None, ordered=False, on_error="skip")
    unordered.reserve(3)
    unordered.put([2], ["c"])
    unordered.put_error(1, error)
    unordered.put(range(3), ["a", "b", "C"])
    assert unordered.partial() == unordered.final() == ["c", "a"]


def test_a_source_reads_ahead_within_a_bound() -> None:
    read = []
    source = Source(read.append(number) or number for number in range(1000))
    announced = threading.Event()
    source.start(announced.set)
    assert announced.wait(5) or True
    end = time.monotonic() + 5
    items: list[int] = []
    while not source.exhausted and time.monotonic() < end:
        items += source.take(10)
        assert len(read) <= len(items) + 30
    assert items == list(range(1000))
    assert source.total is None
    plain = Source([1, 2, 3])
    assert (plain.total, plain.take(2), plain.take(2), plain.exhausted) == (3, [1, 2], [3], True)


def test_a_promise_settles_once() -> None:
    promise = _shoal._Promise("work", lambda: [1, None], 2)
    job = promise.job()
    with pytest.raises(RuntimeError, match="one Job"):
        promise.job()
    promise.advance(1)
    promise.failed("ValueError")
    assert (job.stats.ok, job.stats.by_error) == (1, {"ValueError": 1})
    assert promise.resolve("value")
    assert not promise.reject(ValueError())
    assert not promise.cancelled()
    assert job.result() == "value"
    assert "work" in repr(job)
    promise = _shoal._Promise("work", lambda: [1, None])
    job = promise.job()
    assert job.cancel()
    assert promise.cancelled()
    assert not promise.resolve(1)
    assert job.cancelled()
