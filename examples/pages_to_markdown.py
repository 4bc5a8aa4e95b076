"""Turn web pages into clean texts for a search index or a language model.

The pages are fetched, converted to Markdown on all cores, and near-duplicates are dropped. Links are collected, with
absolute addresses, for the next round of a crawl.
"""

from pathlib import Path

import shoal
import shoal.testing
from shoal import parallel

HOME = """<h1>Harbour news</h1><p>The <b>ferry</b> runs again.
<ul><li><a href="/news/ferry">More about the ferry</a><li><a href="/news/weather">Weather</a></ul>"""
FERRY = """<h1>The ferry runs again</h1><p>After <em>three weeks</em> in the dock, the ferry runs every hour.
The first one leaves the harbour at six in the morning, the last one leaves the island at ten in the evening. Bicycles
travel for free.
<table><tr><th>From<th>To<th>Price</tr><tr><td>Harbour<td>Island<td>3.50</tr></table>"""
COPY = FERRY.replace("travel for free", "travel free of charge")

with shoal.testing.Server() as server:
    # The embedded server responds with the page that the query contains.
    pages = [(server.url("/charset"), {"params": {"html": 1, "text": text}}) for text in (HOME, FERRY, COPY)]
    responses = shoal.gather_fetch(pages, raise_for_status=True).result()
    links = parallel.html_links(responses, base_url="https://harbour.example/").result()

texts = parallel.html_to_markdown(responses).result()
kept = parallel.dedupe(texts, threshold=0.7).result()

folder = Path("pages")
folder.mkdir(exist_ok=True)
for index in kept:
    (folder / f"{index}.md").write_text(texts[index], encoding="utf-8")
print(f"{len(responses)} pages, {len(kept)} different ones: {', '.join(sorted(p.name for p in folder.iterdir()))}")
print(f"to visit next: {', '.join(sorted({link for found in links for link in found}))}")
print()
print(texts[1])
