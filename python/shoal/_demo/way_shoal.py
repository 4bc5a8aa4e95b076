"""The same with Shoal: retries, atomic writes and the progress bar come with the call."""

from pathlib import Path

import shoal


def fetch_all(plan: list[tuple[str, str]], folder: Path, concurrency: int) -> None:
    """Saves each URL of the plan as NAME.json."""
    named = [(url, {"name": name}) for url, name in plan]
    path = f"{folder}/{{name}}.json"
    shoal.gather_fetch(named, concurrency=concurrency, save_to=path, raise_for_status=True, progress=True).result()
