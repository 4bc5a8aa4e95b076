"""Holds the crates of Cargo.lock against deny.toml: licences, sources and duplicates. Needs no build.

Run by `make check`. `cargo deny check` reads the same file and knows the advisories, too.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from license_expression import get_spdx_licensing

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
SPDX = get_spdx_licensing()


def metadata() -> dict:
    """All packages of the lock file, as cargo describes them."""
    command = ["cargo", "metadata", "--format-version=1", "--all-features", *sys.argv[1:]]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def allows(allowed: set[str], expression: str) -> bool:
    """Whether one may choose licences of an SPDX expression that are all allowed."""

    def holds(node) -> bool:
        if isinstance(node, SPDX.OR):
            return any(map(holds, node.args))
        if isinstance(node, SPDX.AND):
            return all(map(holds, node.args))
        return node.render() in allowed

    # A slash is how crates wrote OR before SPDX.
    return holds(SPDX.parse(expression.replace("/", " OR "), validate=True))


def faults(packages: list[dict], rules: dict) -> list[str]:
    """What is against the rules, a line each."""
    allowed = set(rules["licenses"]["allow"])
    registries = {f"registry+{url}" for url in rules["sources"]["allow-registry"]}
    skipped = {skip["crate"] for skip in rules["bans"]["skip"]}
    found = []
    strangers = [package for package in packages if package["source"] is not None]
    for package in strangers:
        name = f"{package['name']} {package['version']}"
        if not package["license"] or not allows(allowed, package["license"]):
            found.append(f"{name}: the licence {package['license']!r} is not allowed")
        if package["source"] not in registries:
            found.append(f"{name}: comes from {package['source']}")
    versions = Counter(package["name"] for package in strangers)
    twice = {name for name, count in versions.items() if count > 1}
    found += [f"{name}: {versions[name]} versions at once" for name in sorted(twice - skipped)]
    found += [f"{name}: is there once; deny.toml skips it in vain" for name in sorted(skipped - twice)]
    return found


def main() -> int:
    """Prints what is wrong; the exit status says whether anything is."""
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    found = faults(metadata()["packages"], rules)
    if "patch" in tomllib.loads((ROOT / "Cargo.toml").read_text()):
        found.append("Cargo.toml: [patch] replaces a crate's source")
    print("\n".join(found), end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
