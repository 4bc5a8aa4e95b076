"""An HTTP/2 server over TLS: hypercorn in its own process, with an application that echoes the request.

`python http2.py CERTIFICATE KEY` prints the port and serves until standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trustme import CA


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """`/slow` responds after a minute, `/bytes/{n}` with n bytes, any other path with the request as JSON."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    path = scope["path"]
    if path == "/slow":
        await asyncio.sleep(60)
    if path.startswith("/bytes/"):
        content = b"x" * int(path.rpartition("/")[2])
    else:
        headers = [[name.decode(), value.decode()] for name, value in scope["headers"]]
        request = {"method": scope["method"], "path": path, "version": scope["http_version"], "body": len(body)}
        content = json.dumps({**request, "headers": headers, "client": scope["client"]}).encode()
    headers = [(b"content-type", b"application/json"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


@contextmanager
def http2_server(authority: CA, folder: Path) -> Iterator[str]:
    """The base URL of a server with a certificate signed by `authority`."""
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    files = [str(folder / name) for name in ("certificate.pem", "key.pem")]
    with subprocess.Popen(
        [sys.executable, __file__, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield f"https://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


async def main(certificate: str, key: str) -> None:
    """Serves until standard input ends."""
    config = Config()
    config.certfile, config.keyfile, config.errorlog = certificate, key, None
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    config.bind = [f"fd://{listener.detach()}"]
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await serve(application, config, shutdown_trigger=lambda: ended)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
