"""requests with 50 threads, the usual way to have several requests in flight: a session for each thread."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from typing import Any

import orjson
import requests

from common import LARGE, Work, check_status, looked_at, main, write

THREADS = 50


def batch(work: Work) -> None:
    """``Executor.map``."""
    local = threading.local()

    def session() -> requests.Session:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        session: requests.Session = local.session
        return session

    def fetch(url: str) -> bytes:
        response = session().get(url)
        check_status(response.status_code)
        return response.content

    def parse(url: str) -> Any:
        return looked_at(orjson.loads(fetch(url)))

    def save(url: str, path: str) -> None:
        if work.size <= LARGE:
            write(path, fetch(url))
            return
        with session().get(url, stream=True) as response, FileIO(path, "w") as file:
            check_status(response.status_code)
            file.writelines(response.iter_content(LARGE))

    with ThreadPoolExecutor(min(THREADS, work.concurrency)) as pool:
        work.start()
        if work.task == "files":
            work.finish(list(pool.map(save, work.urls, work.paths)))
        else:
            work.finish(list(pool.map(parse if work.task == "json" else fetch, work.urls)))


main({"batch": batch})
