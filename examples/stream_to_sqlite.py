"""Fetch more than fits into memory, and write it into a database as it arrives.

`stream_fetch` reads the ids only as fast as the loop below takes the responses, so memory stays the same for a thousand
ids or for a hundred million. Responses come as they finish; `response.index` is the position of its request. The rows
are committed in batches, and the ids that the database has already are skipped when the program runs again.
"""

import sqlite3
from collections.abc import Iterator

import shoal
import shoal.testing

IDS = range(1000)
database = sqlite3.connect("documents.db")
database.execute("CREATE TABLE IF NOT EXISTS documents (id INTEGER PRIMARY KEY, name TEXT, size INTEGER)")
known = {number for (number,) in database.execute("SELECT id FROM documents")}


def requests(server: shoal.testing.Server) -> Iterator[tuple[str, dict[str, object]]]:
    """The requests for the ids that are missing, made when they are needed."""
    for number in IDS:
        if number not in known:
            yield server.url("/json/200"), {"params": {"i": number}}


with shoal.testing.Server() as server:
    # A limit for a body, and for the time of one attempt. A failure would end the loop; a rerun goes on from there.
    for response in shoal.stream_fetch(requests(server), concurrency=50, max_body="1MiB", timeout=10):
        document = response.json()
        row = (document["i"], document["rows"][0]["name"], len(response.content))
        database.execute("INSERT INTO documents VALUES (?, ?, ?)", row)
        if response.index % 200 == 0:
            database.commit()

database.commit()
print("{} documents, {} bytes".format(*database.execute("SELECT count(*), sum(size) FROM documents").fetchone()))
print(f"{len(known)} were known before")
database.close()
