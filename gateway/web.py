"""What the pages of a gateway share: the listening socket, the guard at the door, the server.

Nothing comes from elsewhere, and a page of elsewhere gets nothing: Host and Origin are checked.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.addresses import address
from gateway.contract.errors import Problem, Unreachable

HEADERS = (
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


def listen(where: str, *, key: str) -> socket.socket:
    """The listening socket for `HOST:PORT`, which the settings name under `key`.

    Raises Unreachable where the port is taken.
    """
    host, port = address(where)
    try:
        family, _, _, _, at = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(at)
        listener.listen()
    except OSError as error:
        what = f"the page cannot listen on {where}: {error.strerror}"
        raise Unreachable(Problem(what, f'{key} = "{where}"', "choose another port")) from error
    return listener


def is_ours(host: str, where: str) -> bool:
    """Whether a Host header names this machine as the page is reached; `where` is HOST:PORT.

    A page that listens to the network answers to any address in figures: a hostile site can make
    its own name lead here, but not figures.
    """
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]").lower()
    listens, _ = address(where)
    if name in {"localhost", "127.0.0.1", "::1", listens}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return listens in {"0.0.0.0", "::"} and name == socket.gethostname().lower()  # noqa: S104
    return listens in {"0.0.0.0", "::"}  # noqa: S104


class Guard:
    """Refuses a foreign Host and a request that another site's page makes, and puts the headers on
    every answer that keep others out.
    """

    def __init__(self, app: ASGIApp, where: str) -> None:
        self._app = app
        self._where = where

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not is_ours(host, self._where):
            await PlainTextResponse("not this host\n", 421)(scope, receive, send)
            return
        if origin and origin != f"http://{host}":
            await PlainTextResponse("not from another site\n", 403)(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await self._app(scope, receive, guarded)


class _Server(uvicorn.Server):
    """uvicorn inside our loop: the gateway hears the signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _is_news(record: logging.LogRecord) -> bool:
    """Whether uvicorn complains of more than that somebody was still reading when we stopped."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


async def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until cancelled."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    finally:
        # The loop may go on without this page: nothing of it stays behind, not even the port.
        server.should_exit = True
        await serving
        listener.close()
