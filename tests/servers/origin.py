"""An ordinary server that records its requests: a second origin, another scheme, or the target of a redirect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servers.base import Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from servers.base import Connection, Request


@dataclass
class Reply:
    """The response of a path."""

    status: str = "200 OK"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b"here"


def redirect(location: str, code: int = 302) -> Reply:
    """A redirect with a body, which a client must not return."""
    return Reply(f"{code} Redirect", [("Location", location)], b"moved")


class Origin(Server):
    """Responds by path, with keep-alive; a path without a route gets `200 here`.

    `routes` maps a path without query to a `Reply`, or to a function that makes one from the request.
    """

    def __init__(
        self,
        routes: Mapping[str, Reply | Callable[[Request], Reply]] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.routes = dict(routes or {})

    def got(self, path: str) -> Request:
        """The only request for `path`; the query is ignored."""
        found = [request for request in self.requests if request.target.partition("?")[0] == path]
        assert len(found) == 1, f"{len(found)} requests for {path}"
        return found[0]

    async def serve(self, connection: Connection) -> None:
        while request := await connection.read_request():
            reply = self.routes.get(request.target.partition("?")[0], Reply())
            if not isinstance(reply, Reply):
                reply = reply(request)
            lines = [f"HTTP/1.1 {reply.status}", *(f"{name}: {value}" for name, value in reply.headers)]
            lines += [f"Content-Length: {len(reply.body)}", "", ""]
            body = b"" if request.method == "HEAD" else reply.body
            connection.writer.write("\r\n".join(lines).encode("latin-1") + body)
            await connection.writer.drain()
            if request.get("connection") == "close":
                return
