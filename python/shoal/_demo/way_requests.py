"""One after the other with requests: the obvious way."""

from pathlib import Path

import requests
from tqdm import tqdm


def fetch_all(plan: list[tuple[str, str]], folder: Path) -> None:
    """Saves each URL of the plan as NAME.json."""
    with requests.Session() as session:
        for url, name in tqdm(plan, unit="req"):
            response = session.get(url, timeout=30)
            response.raise_for_status()
            (folder / f"{name}.json").write_bytes(response.content)
