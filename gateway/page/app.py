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
from gateway.health import health
from gateway.house import House, now
from gateway.page import view
from gateway.page.words import LANGUAGES, Words, chosen

HERE = Path(__file__).parent
EVENT_S_MIN = 1.0  # as often as a meter speaks
# Open pages: a household has a handful; each costs a connection and a look at the journal.
EVENTS_MAX = 20
# A page is drawn for all who look at it, at most this often.
DRAWN_S_MAX = 1.0
COOKIE = "lang"
COOKIE_S = 400 * 24 * 3600  # as long as browsers keep any


class _Drawn:
    """The page as it was last drawn, in each language."""

    def __init__(self, house: House) -> None:
        self._house = house
        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True
        )
        self._template = templates.get_template("page.html")
        self._pages: dict[str, tuple[float, str]] = {}

    def page(self, words: Words) -> str:
        now_s = asyncio.get_running_loop().time()
        at_s, page = self._pages.get(words.language, (float("-inf"), ""))
        if now_s - at_s >= DRAWN_S_MAX:
            page = self._template.render(view.context(self._house, words))
            self._pages[words.language] = now_s, page
        return page


class _Told:
    """The state as it was last told, worked out once for all who listen."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._at_s = float("-inf")
        self._state: dict[str, object] = {}
        self.number = 0

    def look(self) -> None:
        """Look anew, where the last look was a while ago.

        `number` counts how often anything but the time was another.
        """
        now_s = asyncio.get_running_loop().time()
        if now_s - self._at_s >= EVENT_S_MIN:
            self._at_s = now_s
            state = said(self._house)
            self.number += {**state, "utc_ms": 0} != {**self._state, "utc_ms": 0}
            self._state = state

    def text(self) -> bytes:
        return to_json(self._state)


def said(house: House) -> dict[str, object]:
    """The state of the gateway with all that is wrong, as `/api/now` gives it."""
    return now(house) | {"alarms": health.told(health.alarms(house, health.look(house)))}


def app(house: House) -> ASGIApp:
    """The page of `house`."""
    drawn, told = _Drawn(house), _Told(house)
    watching = 0

    async def index(request: Request) -> Response:
        asked = request.query_params.get("lang")
        language = chosen(asked, request.cookies.get(COOKIE), house.config.language)
        answer = HTMLResponse(drawn.page(Words(language)))
        if asked in LANGUAGES:
            answer.set_cookie(COOKIE, language, max_age=COOKIE_S, samesite="strict", httponly=True)
        return answer

    async def api_now(_: Request) -> Response:
        return Response(to_json(said(house)), media_type="application/json")

    async def events(_: Request) -> Response:
        if watching >= EVENTS_MAX:
            return PlainTextResponse("too many pages are open\n", 503)
        return StreamingResponse(changes(), media_type="text/event-stream")

    async def changes() -> AsyncIterator[bytes]:
        nonlocal watching
        watching += 1
        try:
            before = 0
            while True:
                told.look()
                if told.number != before:
                    before = told.number
                    yield b"data: " + told.text() + b"\n\n"
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
