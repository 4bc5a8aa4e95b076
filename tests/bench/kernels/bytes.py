"""Hashes and compression of pages as bytes."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from documents import Page
from kernels.common import Kernel, Run, Verdict, equal

GZIP, ZSTD, BROTLI = 6, 3, 5
LEVELS = {"gzip": GZIP, "zstd": ZSTD, "brotli": BROTLI}
GZIP_WINDOW = 31
MOST = 1 << 24


def encoded(items: list[Page]) -> list[bytes]:
    """The pages as received."""
    return [item.html.encode() for item in items]


def length(item: Page) -> int:
    """The size in characters, nearly all of them ASCII."""
    return len(item.html)


def _each(call: Callable[[bytes], Any]) -> Run:
    return lambda docs: [call(doc) for doc in docs]


def _hash(algorithm: str) -> Kernel:
    kernel = Kernel("Bytes", "hash", algorithm, "pages", equal(), encoded, length, stall=algorithm == "sha256")
    kernel.ours(f'`hash(docs, "{algorithm}")`', lambda parallel, docs: parallel.hash(docs, algorithm))
    return kernel


SHA256, MD5, BLAKE3, XXH3 = map(_hash, ("sha256", "md5", "blake3", "xxh3"))


@SHA256.by("hashlib", "`sha256(doc).hexdigest()`")
def _sha256() -> Run:
    sha256 = hashlib.sha256
    return lambda docs: [sha256(doc).hexdigest() for doc in docs]


@MD5.by("hashlib", "`md5(doc).hexdigest()`")
def _md5() -> Run:
    md5 = hashlib.md5
    return lambda docs: [md5(doc).hexdigest() for doc in docs]


@BLAKE3.by("blake3", "`blake3(doc).hexdigest()`")
def _blake3() -> Run:
    from blake3 import blake3

    return lambda docs: [blake3(doc).hexdigest() for doc in docs]


@XXH3.by("xxhash", "`xxh3_64_hexdigest(doc)`")
def _xxh3() -> Run:
    from xxhash import xxh3_64_hexdigest

    return _each(xxh3_64_hexdigest)


def unpack(name: str) -> Callable[[bytes], bytes]:
    """Decompresses with the standard tool."""
    if name == "gzip":
        return gzip.decompress
    if name == "brotli":
        import brotli

        return brotli.decompress
    import zstandard

    # Frames may lack their length.
    return lambda packed: zstandard.ZstdDecompressor().decompressobj().decompress(packed)


def _packs(name: str) -> Callable[..., Verdict]:
    """A check that decompressing returns the documents; the note has the ratio."""

    def check(items: Sequence[Page], result: Any, _counts: list[int]) -> Verdict:
        back = unpack(name)
        docs = encoded(list(items))
        for number, (doc, packed) in enumerate(zip(docs, result, strict=True)):
            if back(bytes(packed)) != doc:
                return Verdict(wrong=f"document {number} does not come back")
        share = sum(len(packed) for packed in result) / sum(map(len, docs))
        return Verdict(note=f"{share:.1%} of the size")

    return check


def _compress(name: str) -> Kernel:
    kernel = Kernel("Bytes", "compress", name, "pages", _packs(name), encoded, length, stall=name == "gzip")
    level = LEVELS[name]
    kernel.ours(
        f'`compress(docs, "{name}", level={level})`',
        lambda parallel, docs: parallel.compress(docs, name, level=level),
    )
    return kernel


def _decompress(name: str) -> Kernel:
    def inputs(items: list[Page]) -> list[bytes]:
        docs = encoded(items)
        if name == "gzip":
            return [gzip.compress(doc, GZIP) for doc in docs]
        if name == "brotli":
            import brotli

            return [brotli.compress(doc, quality=BROTLI) for doc in docs]
        import zstandard

        return list(map(zstandard.ZstdCompressor(ZSTD).compress, docs))

    kernel = Kernel("Bytes", "decompress", name, "pages", equal(), inputs, length, stall=name == "gzip")
    # Brotli has no magic number.
    how = "brotli" if name == "brotli" else "auto"
    kernel.ours(
        f'`decompress(docs, "{how}", max_size=…)`',
        lambda parallel, docs: parallel.decompress(docs, how, max_size=MOST),
    )
    return kernel


GZIPPED = _compress("gzip")


@GZIPPED.by("gzip", "`compress(doc, 6)`", share=0.5)
def _gzip() -> Run:
    return lambda docs: [gzip.compress(doc, GZIP) for doc in docs]


@GZIPPED.by("zlib", "`compress(doc, 6, wbits=31)`", share=0.5)
def _zlib() -> Run:
    def compress(doc: bytes) -> bytes:
        # `zlib.compress` has `wbits` since 3.11.
        state = zlib.compressobj(GZIP, wbits=GZIP_WINDOW)
        return state.compress(doc) + state.flush()

    return _each(compress)


@GZIPPED.by("isal", "`igzip.compress(doc)`, its level 2 of 3")
def _isal() -> Run:
    from isal import igzip

    return _each(igzip.compress)


ZSTD_PACKED = _compress("zstd")


@ZSTD_PACKED.by("zstandard", "`ZstdCompressor(3).compress(doc)`")
def _zstandard() -> Run:
    import zstandard

    return _each(zstandard.ZstdCompressor(ZSTD).compress)


@ZSTD_PACKED.by(
    "zstandard",
    "`ZstdCompressor(3).multi_compress_to_buffer(docs, threads=-1)`",
    label="zstandard, threads",
    threads=None,
)
def _zstandard_threads() -> Run:
    import zstandard

    compressor = zstandard.ZstdCompressor(ZSTD)
    return lambda docs: [part.tobytes() for part in compressor.multi_compress_to_buffer(docs, threads=-1)]


BROTLI_PACKED = _compress("brotli")


@BROTLI_PACKED.by("brotli", "`compress(doc, quality=5)`", share=0.25)
def _brotli() -> Run:
    import brotli

    return lambda docs: [brotli.compress(doc, quality=BROTLI) for doc in docs]


UNGZIPPED = _decompress("gzip")


@UNGZIPPED.by("gzip", "`decompress(doc)`")
def _gunzip() -> Run:
    return _each(gzip.decompress)


@UNGZIPPED.by("zlib", "`decompress(doc, wbits=31)`")
def _inflate() -> Run:
    decompress = zlib.decompress
    return lambda docs: [decompress(doc, GZIP_WINDOW) for doc in docs]


@UNGZIPPED.by("isal", "`igzip.decompress(doc)`")
def _igunzip() -> Run:
    from isal import igzip

    return _each(igzip.decompress)


UNZSTD = _decompress("zstd")


@UNZSTD.by("zstandard", "`ZstdDecompressor().decompress(doc)`")
def _unzstd() -> Run:
    import zstandard

    return _each(zstandard.ZstdDecompressor().decompress)


UNBROTLI = _decompress("brotli")


@UNBROTLI.by("brotli", "`decompress(doc)`")
def _unbrotli() -> Run:
    import brotli

    return _each(brotli.decompress)
