"""Installs all other libraries at once, or one by one if that fails. Failures are printed and named in the report."""

from __future__ import annotations

import re
import subprocess
import sys

from report import ROOT


def peers() -> list[str]:
    """The requirements of the group `bench`, parsed by hand because Python 3.10 has no TOML."""
    group = re.search(
        r"^bench = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return re.findall(r'^ *"(.+)",$', group[1], re.MULTILINE) if group else []


def main() -> None:
    """Continues after a failure."""
    for requirement in peers():
        if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", requirement], check=False).returncode:
            print(f"not installed: {requirement}", file=sys.stderr)


if __name__ == "__main__":
    main()
