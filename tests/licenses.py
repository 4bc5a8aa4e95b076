"""Writes THIRD-PARTY-LICENSES: the licences of the crates that are compiled into the extension. Needs no build.

usage: licenses.py OUTPUT [--target TRIPLE] [options for cargo, such as --locked]

The texts are those in the sources of each crate, as cargo has them in its registry, C libraries included. A crate
without a text of its own gets one from a crate of the same repository, or of the same licence where that names no
author. A crate with neither ends the program with an error. `make wheel` puts the file into the wheel.
"""

import argparse
import json
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMES = re.compile(r"(licen[cs]e|copying|notice|unlicense|copyright)[\w.-]*", re.IGNORECASE)
# Not texts of a licence, although their names begin like one.
CODE = {".rs", ".c", ".h", ".py", ".pl", ".toml", ".json", ".html", ".sh"}
# Licences whose text names no author, so that one copy serves every crate.
COMMON = ("Apache-2.0", "MPL-2.0")
# A text of each of them begins with these words.
BEGINNINGS = {"Apache-2.0": "Apache License Version 2.0", "MPL-2.0": "Mozilla Public License Version 2.0"}
RULE = "=" * 100


def cargo_metadata(target: str, options: list[str]) -> dict:
    command = ["cargo", "metadata", "--format-version=1", "--filter-platform", target, *options]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def rust(*command: str) -> str:
    return subprocess.run(["rustc", *command], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def linked(metadata: dict) -> list[dict]:
    """The foreign packages that the extension depends on, without those that only tests and build scripts need."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting = [package["id"] for package in metadata["packages"] if package["name"] == "shoal"]
    found = set()
    while waiting:
        package = waiting.pop()
        if package not in found:
            found.add(package)
            waiting += [
                dependency["pkg"]
                for dependency in nodes[package]["deps"]
                if any(kind["kind"] is None for kind in dependency["dep_kinds"])
            ]
    foreign = [packages[package] for package in found if packages[package]["source"]]
    return sorted(foreign, key=lambda package: (package["name"], package["version"]))


def texts_in(folder: Path) -> list[str]:
    """The texts of all licences below a folder: a crate may contain a C library with a licence of its own."""
    paths = sorted(path for path in folder.rglob("*") if NAMES.fullmatch(path.name) and path.is_file())
    texts = (path.read_text("utf-8", "replace").replace("\r\n", "\n") for path in paths if path.suffix not in CODE)
    # zstd may be had under the GPL, too; its BSD licence is the one that is used here.
    return [text.strip("\n") for text in texts if text.strip() and "GNU GENERAL PUBLIC LICENSE" not in text[:200]]


def begins(text: str, licence: str) -> bool:
    words = re.sub(r"[\W_]+", " ", text[:200]).casefold()
    return re.sub(r"[\W_]+", " ", BEGINNINGS[licence]).casefold() in words


def collect(packages: list[dict]) -> dict[str, list[str]]:
    """The texts of each package, by name and version."""
    texts = {package["id"]: texts_in(Path(package["manifest_path"]).parent) for package in packages}
    every = [text for found in texts.values() for text in found]
    for package in packages:
        if texts[package["id"]]:
            continue
        relatives = [other for other in packages if other["repository"] == package["repository"] is not None]
        for other in relatives:
            if other["license"] == package["license"] and texts[other["id"]]:
                texts[package["id"]] = texts[other["id"]]
                break
        else:
            for licence in COMMON:
                if licence in (package["license"] or ""):
                    texts[package["id"]] = [next(text for text in every if begins(text, licence))]
                    break
            else:
                sys.exit(f"{package['name']} {package['version']}: no text of its licence {package['license']!r}")
    return {f"{package['name']} {package['version']}": texts[package["id"]] for package in packages}


def written(packages: list[dict]) -> str:
    """The whole file: a list of the crates, then each different text once, with the crates that it is for."""
    lines = [
        "The extension module of Shoal contains the Rust crates below. Their sources, unchanged, are at",
        "https://crates.io/crates/NAME/VERSION. The texts of their licences follow.",
        "",
    ]
    lines += [f"{package['name']} {package['version']}: {package['license']}" for package in packages]
    lines += ["", f"It also contains the standard library of Rust ({rust('--version').split(' (')[0]}):"]
    lines += ["MIT OR Apache-2.0, https://github.com/rust-lang/rust"]
    users = defaultdict(list)
    first = {}
    for name, texts in collect(packages).items():
        for text in texts:
            key = " ".join(text.split())
            first.setdefault(key, text)
            if name not in users[key]:
                users[key].append(name)
    for key, names in users.items():
        lines += ["", RULE, *textwrap.wrap("For " + ", ".join(names), len(RULE)), RULE, "", first[key]]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--target", help="the target of the wheel; this machine's if not given")
    arguments, options = parser.parse_known_args()
    target = arguments.target or re.search(r"^host: (.+)$", rust("-vV"), re.MULTILINE)[1]
    packages = linked(cargo_metadata(target, options))
    arguments.output.write_text(written(packages), "utf-8")


if __name__ == "__main__":
    main()
