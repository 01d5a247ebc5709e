"""The local page: server-made HTML, its state as JSON, and the same as server-sent events.

Read only. Nothing comes from elsewhere, and a page of elsewhere gets nothing: the Host is checked.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.config import address
from gateway.contract.errors import Problem, Unreachable
from gateway.contract.record import to_json
from gateway.house import House, now
from gateway.page import view

HERE = Path(__file__).parent
EVENT_S_MIN = 0.5
# Open pages: a household has a handful; each costs a connection and a look at the journal.
EVENTS_MAX = 20

HEADERS = (
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


def listen(where: str) -> socket.socket:
    """The listening socket for `HOST:PORT`. Raises Unreachable where the port is taken."""
    host, port = address(where)
    try:
        family, _, _, _, at = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(at)
        listener.listen()
    except OSError as error:
        what = f"the page cannot listen on {where}: {error.strerror}"
        raise Unreachable(Problem(what, f'page = "{where}"', "choose another port")) from error
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
    """Refuses a foreign Host, and puts the headers on every answer that keep others out."""

    def __init__(self, app: ASGIApp, where: str) -> None:
        self._app = app
        self._where = where

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        if not is_ours(host, self._where):
            await PlainTextResponse("not this host\n", 421)(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await self._app(scope, receive, guarded)


def app(house: House) -> ASGIApp:
    """The page of `house`."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True
    )
    page = templates.get_template("page.html")
    watching = 0

    async def index(_: Request) -> Response:
        return HTMLResponse(page.render(view.context(house)))

    async def api_now(_: Request) -> Response:
        return Response(to_json(now(house)), media_type="application/json")

    async def events(_: Request) -> Response:
        if watching >= EVENTS_MAX:
            return PlainTextResponse("too many pages are open\n", 503)
        return StreamingResponse(changes(), media_type="text/event-stream")

    async def changes() -> AsyncIterator[bytes]:
        nonlocal watching
        watching += 1
        try:
            said = b""
            while True:
                state = now(house)
                told = to_json({**state, "utc_ms": 0})
                if told != said:
                    said = told
                    yield b"data: " + to_json(state) + b"\n\n"
                await asyncio.sleep(EVENT_S_MIN)
        finally:
            watching -= 1

    routes = [
        Route("/", index),
        Route("/api/now", api_now),
        Route("/events", events),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    assert house.config.page
    return Guard(Starlette(routes=routes), house.config.page)


class _Server(uvicorn.Server):
    """uvicorn inside our loop: the gateway hears the signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(house: House, listener: socket.socket) -> None:
    """Serve until cancelled."""
    config = uvicorn.Config(
        app(house),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    await _Server(config).serve(sockets=[listener])
