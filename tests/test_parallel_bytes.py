"""`hash`, `compress`, `decompress` compared with hashlib, gzip, zlib and the zstd, brotli, xxhash, blake3 packages."""

import gzip
import hashlib
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from conftest import resident
from shoal import parallel

MIB = 1 << 20
TEXT = "".join(random.Random(3).choice("etaoin shrdlu\n<p></p>") for _ in range(20_000)).encode()
DOCS = [b"", b"a", b"abc" * 1000, TEXT, bytes(range(256)) * 300, random.Random(4).randbytes(50_000), bytes(3 * MIB + 7)]
FORMATS = ["gzip", "zstd", "brotli"]


def packed(kind: str, doc: bytes) -> bytes:
    return parallel.compress([doc], kind).result()[0]


def unpacked(doc: bytes, kind: str = "auto", **options) -> bytes:
    return parallel.decompress([doc], kind, **options).result()[0]


def refused(doc: bytes, kind: str = "auto", **options) -> str:
    with pytest.raises(shoal.ItemError) as raised:
        unpacked(doc, kind, **options)
    assert type(raised.value.exception) is ValueError
    return str(raised.value.exception)


def test_hashes_equal_hashlib() -> None:
    for name in ("sha256", "md5"):
        assert parallel.hash(DOCS, name).result() == [hashlib.new(name, doc).hexdigest() for doc in DOCS]


def test_hashes_equal_xxhash_and_blake3() -> None:
    xxhash = pytest.importorskip("xxhash")
    blake3 = pytest.importorskip("blake3")
    # XXH3 has a different algorithm for each range of lengths; inputs from 1 MiB on are hashed in steps.
    docs = [*DOCS, *(TEXT[:length] for length in range(1100)), *(bytes(MIB + more) for more in (-1, 0, 1))]
    assert parallel.hash(docs, "xxh3").result() == [xxhash.xxh3_64_hexdigest(doc) for doc in docs]
    assert parallel.hash(DOCS, "blake3").result() == [blake3.blake3(doc).hexdigest() for doc in DOCS]


def test_texts_are_hashed_as_utf_8() -> None:
    assert parallel.hash(["é😀"]).result() == [hashlib.sha256("é😀".encode()).hexdigest()]
    with pytest.raises(ValueError, match='"sha256", "blake3", "xxh3" or "md5"'):
        parallel.hash([b""], "sha1")


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_random_bytes(docs: list[bytes]) -> None:
    assert parallel.hash(docs).result() == [hashlib.sha256(doc).hexdigest() for doc in docs]
    for kind in FORMATS:
        assert parallel.decompress(parallel.compress(docs, kind).result(), kind).result() == docs


@pytest.mark.parametrize("level", [None, 0, 1, 6, 9])
def test_gzip_output_is_read_by_gzip(level: int | None) -> None:
    docs = [*DOCS, TEXT * 300]
    for doc, one in zip(docs, parallel.compress(docs, "gzip", level=level).result(), strict=True):
        assert gzip.decompress(one) == doc
        if level != 0 and len(doc) > 1000:
            assert len(one) < 1.15 * len(gzip.compress(doc, 6 if level is None else level)) + 100


@pytest.mark.parametrize("level", [None, -5, 1, 3, 19])
def test_zstd_output_is_read_by_zstandard(level: int | None) -> None:
    zstandard = pytest.importorskip("zstandard")
    for doc, one in zip(DOCS, parallel.compress(DOCS, "zstd", level=level).result(), strict=True):
        assert zstandard.decompress(one) == doc
        assert zstandard.get_frame_parameters(one).content_size == len(doc)


@pytest.mark.parametrize("level", [None, 0, 4, 11])
def test_brotli_output_is_read_by_brotli(level: int | None) -> None:
    brotli = pytest.importorskip("brotli")
    docs = DOCS if level != 11 else DOCS[:4]
    for doc, one in zip(docs, parallel.compress(docs, "brotli", level=level).result(), strict=True):
        assert brotli.decompress(one) == doc


@pytest.mark.parametrize(
    ("kind", "level", "words"),
    [
        ("gzip", 10, "gzip has 0 to 9"),
        ("zstd", 23, "zstd has -131072 to 22"),
        ("brotli", -1, "brotli has 0 to 11"),
        ("brotli", 12, "brotli has 0 to 11"),
    ],
)
def test_levels_are_checked(kind: str, level: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parallel.compress([b""], kind, level=level)


def test_format_names_are_checked() -> None:
    with pytest.raises(ValueError, match='"gzip", "zstd" or "brotli"'):
        parallel.compress([b""], "zip")
    with pytest.raises(ValueError, match='"auto", "gzip", "zlib", "zstd" or "brotli"'):
        parallel.decompress([b""], "zip")


def test_output_of_other_compressors_is_decompressed() -> None:
    zstandard = pytest.importorskip("zstandard")
    brotli = pytest.importorskip("brotli")
    docs = [doc for doc in DOCS for _ in range(3)]
    mixed = [
        pack(doc)
        for doc, pack in zip(docs, [gzip.compress, zlib.compress, zstandard.compress] * len(DOCS), strict=True)
    ]
    assert parallel.decompress(mixed).result() == docs
    assert parallel.decompress([brotli.compress(doc, quality=3) for doc in DOCS], "brotli").result() == DOCS
    # Frames without a content size.
    stream = zstandard.ZstdCompressor(write_content_size=False)
    assert parallel.decompress([stream.compress(doc) for doc in DOCS], "zstd").result() == DOCS


def test_concatenated_members_and_frames() -> None:
    zstandard = pytest.importorskip("zstandard")
    assert unpacked(gzip.compress(b"one, ") + gzip.compress(b"") + gzip.compress(b"two") * 2) == b"one, twotwo"
    assert unpacked(zstandard.compress(b"one, ") + zstandard.compress(b"two")) == b"one, two"
    assert unpacked(gzip.compress(b"one") + bytes(1000)) == b"one"


def test_trailing_data_and_other_formats_are_refused() -> None:
    assert "after the gzip data" in refused(gzip.compress(b"one") + b"two")
    assert "after the zlib data" in refused(zlib.compress(b"one") + b"two")
    assert "brotli" in refused(packed("brotli", b"one") + b"two", "brotli")
    assert "first bytes" in refused(b"plain text")
    assert "not gzip" in refused(b"plain text, not packed", "gzip")
    assert "empty" in refused(b"")
    assert "zstd" in refused(packed("zstd", b"one") + b"two")


@pytest.mark.parametrize("kind", [*FORMATS, "zlib"])
def test_truncated_data_is_refused(kind: str) -> None:
    whole = zlib.compress(TEXT) if kind == "zlib" else packed(kind, TEXT)
    for end in (1, 2, 10, len(whole) // 2, len(whole) - 1):
        assert "ends too early" in refused(whole[:end], kind)


@pytest.mark.parametrize("kind", ["gzip", "zlib"])
def test_damage_is_detected(kind: str) -> None:
    whole = gzip.compress(TEXT, mtime=0) if kind == "gzip" else zlib.compress(TEXT)
    for place in range(10, len(whole), 97):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        result = parallel.decompress([damaged], kind, on_error="return").result()[0]
        assert isinstance(result, shoal.ItemError) or result == TEXT


@pytest.mark.parametrize("kind", [*FORMATS, "zlib"])
def test_bombs_are_bounded(kind: str) -> None:
    size = 300 * MIB
    if kind == "zlib":
        state = zlib.compressobj(9)
        bomb = b"".join(state.compress(bytes(MIB)) for _ in range(300)) + state.flush()
    else:
        bomb = packed(kind, bytes(size))
    assert len(bomb) < 400_000
    before = resident()
    assert "more than max_size=67108864" in refused(bomb, kind)
    assert "more than max_size=1000" in refused(bomb, kind, max_size=1000)
    assert resident() - before < 100 * MIB
    assert len(unpacked(bomb, kind, max_size=size)) == size
    assert len(unpacked(bomb, kind, max_size=None)) == size


def test_max_size_is_exact() -> None:
    for kind in FORMATS:
        one = packed(kind, TEXT)
        assert unpacked(one, kind, max_size=len(TEXT)) == TEXT
        assert "max_size" in refused(one, kind, max_size=len(TEXT) - 1)
        assert unpacked(packed(kind, b""), kind, max_size=0) == b""


def test_false_sizes_in_headers_allocate_nothing() -> None:
    # A zstd frame that claims 2^40 bytes and has one block of 3; a gzip file that claims 2^32 - 1.
    frame = bytes.fromhex("28b52ffde0") + (1 << 40).to_bytes(8, "little") + bytes([3 << 3 | 1, 0, 0]) + b"abc"
    before = resident()
    refused(frame, max_size=None)
    assert "incorrect length check" in refused(gzip.compress(b"one")[:-4] + b"\xff" * 4, max_size=None)
    assert resident() - before < 32 * MIB


@settings(deadline=None)
@given(st.sampled_from([*FORMATS, "zlib", "auto"]), st.binary(max_size=60), st.integers(0, 40), st.binary(max_size=3))
def test_random_bytes_are_decompressed_or_refused(kind: str, doc: bytes, place: int, spoiled: bytes) -> None:
    name = "gzip" if kind in {"auto", "zlib"} else kind
    whole = zlib.compress(doc) if kind == "zlib" else packed(name, doc)
    broken = whole[:place] + spoiled + whole[place + len(spoiled) :]
    result = parallel.decompress([broken, doc], kind, on_error="return", max_size="1MiB").result()
    assert all(isinstance(one, bytes | shoal.ItemError) for one in result)
