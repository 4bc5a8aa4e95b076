"""Patterns and near duplicates in plain texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from kernels.common import Kernel, Run, Verdict, equal

EMAIL = r"[\w.+-]+@[\w-]+\.[\w.-]+"
DATE = r"\b\d{4}-\d{2}-\d{2}\b"
PARTS = r"(\d{4})-(\d{2})-(\d{2})"
NAME = r"\b[A-Z][a-z]+ [A-Z][a-z]+\b"
GERMAN = r"\3.\2.\1"

NUM_PERM = 128
THRESHOLD = 0.8
WIDTH = 5

PREPARE = Callable[[], Run]


def _re_findall(pattern: str) -> PREPARE:
    def prepare() -> Run:
        find = re.compile(pattern).findall
        return lambda docs: [find(doc) for doc in docs]

    return prepare


def _re2_findall(pattern: str) -> PREPARE:
    def prepare() -> Run:
        import re2

        find = re2.compile(pattern).findall
        return lambda docs: [find(doc) for doc in docs]

    return prepare


def _findall(case: str, pattern: str, share: float, differs: str = "") -> None:
    kernel = Kernel("Text", "regex_findall", case, "texts", equal(), stall=case == "e-mails")
    kernel.ours("`regex_findall(docs, pattern)`", lambda parallel, docs: parallel.regex_findall(docs, pattern))
    kernel.by("re", "`pattern.findall(doc)`", share=share)(_re_findall(pattern))
    call = f"`pattern.findall(doc)`; {differs}" if differs else "`pattern.findall(doc)`"
    kernel.by("google-re2", call, share=0.25, exact=not differs)(_re2_findall(pattern))


# Fewer documents for `re`, which is slow here.
_findall("e-mails", EMAIL, 0.1, differs="`\\w` is ASCII's")
_findall("dates", DATE, 0.25)
_findall("names", NAME, 0.25, differs="`\\b` is ASCII's")

COUNT = Kernel("Text", "regex_count", "dates", "texts", equal())
COUNT.ours("`regex_count(docs, pattern)`", lambda parallel, docs: parallel.regex_count(docs, DATE))


@COUNT.by("re", "`len(pattern.findall(doc))`", share=0.25)
def _count_re() -> Run:
    find = re.compile(DATE).findall
    return lambda docs: [len(find(doc)) for doc in docs]


@COUNT.by("google-re2", "`len(pattern.findall(doc))`", share=0.25)
def _count_re2() -> Run:
    import re2

    find = re2.compile(DATE).findall
    return lambda docs: [len(find(doc)) for doc in docs]


REPLACE = Kernel("Text", "regex_replace", "dates", "texts", equal())
REPLACE.ours("`regex_replace(docs, pattern, repl)`", lambda parallel, docs: parallel.regex_replace(docs, PARTS, GERMAN))


@REPLACE.by("re", "`pattern.sub(repl, doc)`", share=0.25)
def _replace_re() -> Run:
    replace = re.compile(PARTS).sub
    return lambda docs: [replace(GERMAN, doc) for doc in docs]


@REPLACE.by("google-re2", "`pattern.sub(repl, doc)`", share=0.25)
def _replace_re2() -> Run:
    import re2

    replace = re2.compile(PARTS).sub
    return lambda docs: [replace(GERMAN, doc) for doc in docs]


def shingles(doc: str) -> list[bytes]:
    """Shingles of five words."""
    words = doc.encode().split()
    return [b" ".join(words[start : start + WIDTH]) for start in range(len(words) - WIDTH + 1)]


def estimates(items: Sequence[str], result: Any, _counts: list[int]) -> Verdict:
    """The mean error of estimated Jaccard indexes over pairs with common shingles."""
    import numpy as np

    rows = [signature.hashvalues for signature in result] if isinstance(result, list) else np.asarray(result)
    if len(rows) != len(items) or len(rows[0]) != NUM_PERM:
        return Verdict(wrong=f"{len(rows)} signatures of {len(rows[0])} numbers")
    sets = [set(shingles(doc)) for doc in items[:400]]
    errors = []
    for copy in range(4, len(sets), 5):
        for source in range(copy - 4, copy):
            truth = len(sets[copy] & sets[source]) / len(sets[copy] | sets[source])
            if truth > 0.1:
                errors.append(abs(float(np.mean(rows[copy] == rows[source])) - truth))
    if not errors:
        return Verdict(wrong="no pair to compare")
    error = sum(errors) / len(errors)
    # The standard error of an estimate from 128 numbers is at most 0.044, so the mean absolute error is at most 0.035.
    limit = 0.035 + 0.11 / len(errors) ** 0.5
    return Verdict(note=f"error {error:.3f}", wrong="" if error < limit else f"mean error of the estimates {error:.3f}")


MINHASH = Kernel("Text", "minhash", "", "copies", estimates)
MINHASH.ours("`minhash(docs, num_perm=128)`", lambda parallel, docs: parallel.minhash(docs, num_perm=NUM_PERM))


@MINHASH.by("datasketch", "`MinHash(128).update_batch(shingles)`", share=0.1)
def _minhash_datasketch() -> Run:
    return _signatures()


@MINHASH.by("datasketch", "the same with `hashfunc=xxh32_intdigest`", label="datasketch + xxhash", share=0.1)
def _minhash_xxhash() -> Run:
    from xxhash import xxh32_intdigest

    return _signatures(hashfunc=xxh32_intdigest)


def _signatures(**options: Any) -> Run:
    from datasketch import MinHash

    def run(docs: Sequence[str]) -> list[Any]:
        out = []
        for doc in docs:
            signature = MinHash(num_perm=NUM_PERM, **options)
            signature.update_batch(shingles(doc))
            out.append(signature)
        return out

    return run


def kept(items: Sequence[str], result: Any, _counts: list[int]) -> Verdict:
    """Every tenth document nearly equals another; others share sentences only (see `documents.copied`)."""
    dropped = set(range(len(items))) - {int(index) for index in result}
    near = set(range(4, len(items), 10))
    note = f"{len(near & dropped)} of {len(near)} duplicates"
    if dropped - near:
        return Verdict(wrong=f"{len(dropped - near)} documents are no duplicates, such as {min(dropped - near)}")
    # Two in a hundred may be missed, because candidates are found by chance.
    return Verdict(note=note, wrong="" if len(near & dropped) >= 0.98 * len(near) else f"found {note}")


DEDUPE = Kernel("Text", "dedupe", "", "copies", kept)
DEDUPE.ours("`dedupe(docs, threshold=0.8)`", lambda parallel, docs: parallel.dedupe(docs, threshold=THRESHOLD))


@DEDUPE.by("datasketch", "`MinHash`, `MinHashLSH(0.8).query`, `.insert`", share=0.1)
def _dedupe_datasketch() -> Run:
    from datasketch import MinHashLSH

    sign = _signatures()

    def run(docs: Sequence[str]) -> list[int]:
        index = MinHashLSH(threshold=THRESHOLD, num_perm=NUM_PERM)
        out = []
        for number, signature in enumerate(sign(docs)):
            if not index.query(signature):
                index.insert(number, signature)
                out.append(number)
        return out

    return run
