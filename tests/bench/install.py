"""Installs the peers one by one, where all at once did not work: what fails is said here and named in the report."""

from __future__ import annotations

import re
import subprocess
import sys

from report import ROOT


def peers() -> list[str]:
    """The requirements of the group `bench`. Read by hand: 3.10 has no TOML."""
    group = re.search(
        r"^bench = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return re.findall(r'^ *"(.+)",$', group[1], re.MULTILINE) if group else []


def main() -> None:
    """Goes on after each failure."""
    for requirement in peers():
        if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", requirement], check=False).returncode:
            print(f"not installed: {requirement}", file=sys.stderr)


if __name__ == "__main__":
    main()
