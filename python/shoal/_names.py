"""File names from arbitrary text: deterministic, and valid on every common file system."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from shoal._shoal import _safe_name

if TYPE_CHECKING:
    from collections.abc import Sequence

# Bytes. Linux allows 255; the rest is for the suffix of a temporary name.
_MAX_NAME = 200
_TRAILING = re.compile(r"[\s.]+\Z")


def safe_name(text: str) -> str:
    """Turns any text into the name of a file in one folder.

    Letters of every script, spaces and apostrophes stay; separators and control characters become `_`, so the result
    never refers to another folder. A name that is too long keeps its extension and gets a checksum, so that two long
    names with the same beginning differ.
    """
    # A lone surrogate becomes `?`, which the extension replaces by `_`.
    name = unicodedata.normalize("NFC", text).encode(errors="replace").decode().lstrip()
    name = _TRAILING.sub("", name)
    return _safe_name(f"_{name[1:]}" if name.startswith(".") else name, _MAX_NAME)


def name_of_url(url: str) -> str:
    """The file name for a URL: its last path segment and its query, or its host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # invalid; fetching it raises the error
        return safe_name(url)
    name = unquote(parts.path).rstrip("/").rpartition("/")[2] or host
    if parts.query:
        stem, dot, ending = name.rpartition(".")
        query = "_" + unquote(parts.query)
        name = f"{stem}{query}.{ending}" if dot and stem else name + query
    return safe_name(name)


def distinct_names(names: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Makes equal names distinct by their keys, independent of their order.

    Each of several equal names gets its key before the extension: `Tony_Jones.json` for 1 and 2 becomes
    `Tony_Jones_1.json` and `Tony_Jones_2.json`. Names that differ only in case count as equal, as on the file systems
    of macOS and Windows.
    """
    counts = Counter(name.casefold() for name in names)
    pairs = list(zip(names, keys, strict=True))
    result = [name if counts[name.casefold()] == 1 else _with_key(name, key) for name, key in pairs]
    if len({name.casefold() for name in result}) < len(result):
        # A name equals another one with its key: then all get their keys.
        result = [_with_key(name, key) for name, key in pairs]
    return result


def url_key(url: str) -> str:
    """A short key for a URL."""
    return _checksum(url)


def _with_key(name: str, key: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return safe_name(f"{stem}_{key}.{ending}" if dot and stem else f"{name}_{key}")


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode(errors='surrogatepass')):08x}"
