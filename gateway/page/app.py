"""The local page: server-made HTML, its state as JSON, and the same as server-sent events.

Read only, so nothing here changes without authentication.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import jinja2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from gateway import web
from gateway.contract.record import to_json
from gateway.house import House, now
from gateway.page import view

HERE = Path(__file__).parent
EVENT_S_MIN = 0.5
# Open pages: a household has a handful; each costs a connection and a look at the journal.
EVENTS_MAX = 20


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
    return web.Guard(Starlette(routes=routes), house.config.page)


async def serve(house: House, listener: socket.socket) -> None:
    """Serve until cancelled."""
    await web.serve(app(house), listener)
