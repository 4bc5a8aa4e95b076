"""Checks the built site, offline: `python site/check.py target/site`.

Every link to a page, a file or an anchor of the site has its target, no page loads anything from another site, and
every public name has its entry in the reference. Prints what is wrong; exits with 1 if anything is.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import shoal
import shoal.parallel
import shoal.testing

HOST = "site.invalid"
# Elements that a browser loads without a click.
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
# `link` elements that are not loaded.
NAMED = {"canonical", "prev", "next", "alternate", "edit"}


class Page(HTMLParser):
    """The anchors, the links and the loaded files of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED and LOADED[tag] in given and given.get("rel") not in NAMED:
            self.loaded.append(given[LOADED[tag]])


def address(path: Path, root: Path) -> str:
    """The URL of a file."""
    relative = path.relative_to(root).as_posix()
    return f"https://{HOST}/{relative.removesuffix('index.html')}"


def problems(root: Path) -> list[str]:
    """What is wrong with the site."""
    # The page for a missing address is served at any address; its links are those of every page.
    pages = {
        address(path, root): Page(path.read_text("utf-8")) for path in root.rglob("*.html") if path.name != "404.html"
    }
    files = {address(path, root) for path in root.rglob("*") if path.is_file()}
    found = []
    for url, page in pages.items():
        for link in page.links + page.loaded:
            target = urlsplit(urljoin(url, link))
            if target.netloc != HOST:
                if target.scheme not in {"http", "https"}:
                    found.append(f"{url}: {link}: not a link that this check knows")
                elif link in page.loaded:
                    found.append(f"{url}: {link}: loaded from another site")
                continue
            at = f"https://{HOST}{unquote(target.path)}"
            if at not in files:
                found.append(f"{url}: {link}: no such page")
            elif target.fragment and at in pages and unquote(target.fragment) not in pages[at].anchors:
                found.append(f"{url}: {link}: no such anchor")
    anchors = {anchor for page in pages.values() for anchor in page.anchors}
    found += [f"{name}: not in the reference" for name in public_names() if name not in anchors]
    if not pages or not any(page.links for page in pages.values()):
        found.append(f"{root}: no pages with links")
    return found


def public_names() -> list[str]:
    """Every public name, with its module, and every public member of a class."""
    names = []
    for module in (shoal, shoal.parallel, shoal.testing):
        for name in module.__all__:
            thing = getattr(module, name)
            if thing is shoal.parallel:
                continue
            path = f"{module.__name__}.{name}"
            names.append(path)
            if isinstance(thing, type) and not issubclass(thing, (BaseException, str)):
                names += [f"{path}.{member}" for member in dir(thing) if not member.startswith("_")]
    return names


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1]))
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{len(wrong)} problems" if wrong else "every link has its target, every public name its entry")
    sys.exit(bool(wrong))
