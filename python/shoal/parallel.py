"""CPU work on all cores, off the GIL: a function for each kind of work, over a whole batch, as a Job.

>>> texts = await parallel.html_to_markdown(responses)            # in a coroutine or a notebook cell
>>> table = parallel.json_rows(responses, "/items").result()      # in a script or a thread
>>> scores = await parallel.map(slow_python_function, items)

Documents are `str`, `bytes`, bytes-like objects, paths or `Response`s, in any iterable, or an Arrow or NumPy array of
them; results are in their order. `map` calls a Python function, in place of `multiprocessing.Pool`.
"""

from shoal._map import map  # noqa: A004 - the name of what it does everywhere
from shoal._shoal import (
    Column,
    Table,
    compress,
    decompress,
    dedupe,
    hash,  # noqa: A004 - likewise
    html_article,
    html_links,
    html_select,
    html_text,
    html_to_markdown,
    json_extract,
    json_rows,
    minhash,
    regex_count,
    regex_findall,
    regex_replace,
)

__all__ = [
    "Column",
    "Table",
    "compress",
    "decompress",
    "dedupe",
    "hash",
    "html_article",
    "html_links",
    "html_select",
    "html_text",
    "html_to_markdown",
    "json_extract",
    "json_rows",
    "map",
    "minhash",
    "regex_count",
    "regex_findall",
    "regex_replace",
]
