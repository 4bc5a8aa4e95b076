"""Mirror a list of files, and fetch only what is missing when the program runs again.

`save_to` writes each body to a file that appears when it is complete. So a file that exists is whole, and what is left
to fetch is what does not exist. A file that fails does not stop the others.

Run it twice: the second run has nothing to do but the files that failed.
"""

from pathlib import Path

import shoal
import shoal.testing

FOLDER = Path("mirror")

with shoal.testing.Server() as server:
    files = {f"{number:03}.bin": server.url(f"/bytes/{number * 1000}") for number in range(100)}
    files["gone.bin"] = server.url("/status/404")
    files["broken.bin"] = server.url("/fault/truncate?n=1000&sent=500")

    missing = [(url, {"name": name}) for name, url in files.items() if not (FOLDER / name).exists()]
    print(f"{len(files) - len(missing)} files are there, {len(missing)} are missing")
    results = shoal.gather_fetch(
        missing,
        concurrency=20,
        retry=shoal.Retry(total=2, backoff_factor=0.05),
        save_to=f"{FOLDER}/{{name}}",
        raise_for_status=True,
        return_exceptions=True,
    ).result()

for (_, item), result in zip(missing, results, strict=True):
    if isinstance(result, shoal.FetchError):
        print(f"{item['name']} failed: {type(result).__name__}")
print(f"{sum(not isinstance(result, Exception) for result in results)} files were fetched")
