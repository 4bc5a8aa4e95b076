"""daft, a query engine: a column of URLs becomes one of bodies."""

from __future__ import annotations

import daft
import orjson

from common import Work, looked_at, main, write


def batch(work: Work) -> None:
    """``url.download``, eagerly."""
    frame = daft.from_pydict({"url": work.urls})
    work.start()
    bodies = frame.select(daft.col("url").download(max_connections=work.concurrency)).to_pydict()["url"]
    if work.task == "json":
        work.finish([looked_at(orjson.loads(body)) for body in bodies])
    elif work.task == "bytes":
        work.finish(bodies)
    else:
        for path, body in zip(work.paths, bodies, strict=True):
            write(path, body)
        work.finish(bodies)


main({"batch": batch})
