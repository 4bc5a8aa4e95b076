"""File names from arbitrary text: deterministic, and valid on every common file system."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

# Characters that Windows refuses, the strictest of the common systems, and all control characters.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff<>:"/\\|?*]')
_TRAILING = re.compile(r"[\s.]+\Z")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
# Bytes. Linux allows 255; the rest is for the suffix of a temporary name.
_MAX_NAME = 200
_MAX_EXTENSION = 16


def safe_name(text: str) -> str:
    """Turns any text into the name of a file in one folder.

    Letters of every script, spaces and apostrophes stay; separators and control characters become `_`, so the result
    never refers to another folder. A name that is too long keeps its extension and gets a checksum, so that two long
    names with the same beginning differ.
    """
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text)).lstrip()
    name = _TRAILING.sub("", name)
    if name.startswith("."):
        name = "_" + name[1:]
    if not name:
        name = "_"
    if _RESERVED.match(name):
        name = "_" + name
    if len(name.encode()) > _MAX_NAME:
        stem, dot, ending = name.rpartition(".")
        if not dot or len(ending.encode()) > _MAX_EXTENSION:
            stem, dot, ending = name, "", ""
        tail = f"-{_checksum(name)}{dot}{ending}"
        name = stem.encode()[: _MAX_NAME - len(tail.encode())].decode(errors="ignore") + tail
    return name


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
