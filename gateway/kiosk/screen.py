"""The recycling point's screen: its page, what it shows as it changes, and what is touched on it.

For the display of this machine only: who reaches it can act as the person in front of it. The
operator's pages open with the PIN, and close by themselves.
"""

import asyncio
import hashlib
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from gateway import web
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.record import to_json
from gateway.house import House
from gateway.journal import NotKept
from gateway.kiosk import sheet, touch
from gateway.kiosk.events import REASONS
from gateway.kiosk.labels import LABELS
from gateway.kiosk.offer import in_json
from gateway.kiosk.point import Point

HERE = Path(__file__).parent
# The screen follows the scale this closely: four looks in the time that people call at once.
LOOK_S = 0.1
# It hears of us at least so often; silence means that what it shows may be untrue.
SILENT_S_MAX = 1.0
# The display, and somebody who looks over its shoulder.
EVENTS_MAX = 4
BODY_BYTES_MAX = 4096
# What the script writes by itself.
SCRIPT_LABELS = ("step_what", "step_whose", "card", "code", "club", "kg", "pieces")


class Screen:
    """The pages of one recycling point."""

    def __init__(self, point: Point, *, gateway: str, utc_ms: Callable[[], int]) -> None:
        self._point = point
        self._gateway = gateway
        self._utc_ms = utc_ms
        self._watching = 0
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )

    def state(self) -> dict[str, Any]:
        """What `/api/now` gives. `edition` changes with whatever the page is made of."""
        offer = in_json(self._point.offer())
        edition = hashlib.sha256(to_json([offer, _FILES])).hexdigest()[:16]
        return {"view": in_json(self._point.view()), "offer": offer, "edition": edition}

    def _page(self, template: str, **more: Any) -> Response:
        state = self.state()
        offer = state["offer"]
        for one in offer["fractions"]:
            one["picture"] = sheet.picture(one["id"], one["nl"], one["en"])
        context = {
            **state,
            "labels": LABELS,
            "gateway": self._gateway,
            "language": offer["language"],
            "names": {one["id"]: (one["nl"], one["en"]) for one in offer["fractions"]},
            "reasons": REASONS,
        }
        return HTMLResponse(self._templates.get_template(template).render(context, **more))

    # What everybody sees

    async def index(self, _: Request) -> Response:
        return self._page(
            "screen.html",
            has_pin=self._point.settings.pin is not None,
            script_labels={key: LABELS[key] for key in SCRIPT_LABELS},
        )

    async def now(self, _: Request) -> Response:
        return Response(to_json(self.state()), media_type="application/json")

    async def events(self, _: Request) -> Response:
        if self._watching >= EVENTS_MAX:
            return PlainTextResponse("too many screens are open\n", 503)
        return StreamingResponse(self._changes(), media_type="text/event-stream")

    async def _changes(self) -> AsyncIterator[bytes]:
        if self._watching >= EVENTS_MAX:
            return  # many asked at once, before the first of them was counted
        self._watching += 1
        said, said_s = b"", 0.0
        try:
            while True:
                told = to_json(self.state())
                if told != said or time.monotonic() - said_s >= SILENT_S_MAX:
                    said, said_s = told, time.monotonic()
                    yield b"data: " + told + b"\n\n"
                await asyncio.sleep(LOOK_S)
        finally:
            self._watching -= 1

    # What is touched

    def _act(self, asked: dict[str, Any]) -> None:
        self._point.take(touch.event(asked))

    def _sign_in(self, asked: dict[str, Any]) -> None:
        if not self._point.sign_in(touch.text(asked, "pin")):
            raise Forbidden(Problem("this is not the PIN", "the screen", "the operator's PIN"))

    def _correct(self, asked: dict[str, Any]) -> None:
        self._point.correct(
            touch.text(asked, "deposit"),
            fraction=touch.text(asked, "fraction"),
            reason=touch.text(asked, "reason"),
        )

    def _emptied(self, asked: dict[str, Any]) -> None:
        hauled_mg = touch.mass_mg(asked, "hauled_kg") if asked.get("hauled_kg") else None
        self._point.emptied(touch.text(asked, "fraction"), hauled_mg)

    def _hauled(self, asked: dict[str, Any]) -> None:
        self._point.hauled(touch.text(asked, "emptying"), touch.mass_mg(asked, "hauled_kg"))

    def _test_weight(self, asked: dict[str, Any]) -> None:
        self._point.test_weight(touch.mass_mg(asked, "nominal_kg"))

    # What the operator sees

    async def day_sheet(self, _: Request) -> Response:
        return self._operator("day.html", lambda: {"deposits": self._point.deposits()})

    async def containers(self, _: Request) -> Response:
        offer = self._point.offer()
        names = {one.id: (one.nl, one.en) for one in offer.fractions}
        return self._operator(
            "containers.html",
            lambda: {"containers": sheet.containers(self._point.containers(), names)},
        )

    async def scale(self, _: Request) -> Response:
        return self._operator(
            "scale.html",
            lambda: sheet.tests(self._point.test_weights(), now_ms=self._utc_ms()),
        )

    def _operator(self, template: str, context: Callable[[], dict[str, Any]]) -> Response:
        if not self._point.view().operator:
            return RedirectResponse("/", 303)
        return self._page(template, tab=template, clock=sheet.clock, kg=sheet.kg, **context())

    def routes(self) -> list[Route]:
        asks: dict[str, Callable[[dict[str, Any]], object]] = {
            "/api/act": self._act,
            "/api/operator": self._sign_in,
            "/api/operator/sign-out": lambda _: self._point.sign_out(),
            "/api/operator/correct": self._correct,
            "/api/operator/emptied": self._emptied,
            "/api/operator/hauled": self._hauled,
            "/api/operator/test-weight": self._test_weight,
            "/api/operator/zero": lambda _: self._point.zero(),
        }
        pages = {
            "/": self.index,
            "/api/now": self.now,
            "/events": self.events,
            "/operator": self.day_sheet,
            "/operator/containers": self.containers,
            "/operator/scale": self.scale,
        }
        return [
            *(Route(path, page) for path, page in pages.items()),
            *(Route(path, _asking(ask), methods=["POST"]) for path, ask in asks.items()),
        ]


class Forbidden(PeopleError):
    """Something that only the operator may do."""


def _files() -> str:
    """What templates, styles and scripts there are, told apart by their content."""
    paths = sorted([*HERE.glob("templates/*"), *HERE.glob("static/*"), HERE / "labels.py"])
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


_FILES = _files()


def _asking(ask: Callable[[dict[str, Any]], object]) -> Callable[[Request], Any]:
    """Something that is done when JSON asks for it: 204, or what was wrong in three lines."""

    async def answer(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _wrong(touch.problem("this is not JSON", "Content-Type: application/json"), 415)
        try:
            body = b""
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise touch.problem("too much", f"at most {BODY_BYTES_MAX} bytes")
            ask(touch.said(body))
        except Forbidden as error:
            return _wrong(error, 403)
        except PeopleError as error:
            return _wrong(error, 503 if isinstance(error, NotKept) else 400)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody hears any more
        except sqlite3.Error as error:
            # The file is damaged: with the point's next tick the gateway ends, and mends it.
            return _wrong(touch.problem(f"it was not kept: {error}", "call the steward"), 503)
        return Response(status_code=204)

    return answer


def _wrong(error: PeopleError, status: int) -> Response:
    problem = error.problems[0]
    said = {"what": problem.what, "where": problem.where, "try": problem.try_}
    return Response(msgspec.json.encode(said), status, media_type="application/json")


def app(point: Point, *, gateway: str, utc_ms: Callable[[], int]) -> ASGIApp:
    """The screen of `point`, at the address that its settings name; `utc_ms` is domain time."""
    assert point.settings.screen
    screen = Screen(point, gateway=gateway, utc_ms=utc_ms)
    static = Mount("/static", StaticFiles(directory=HERE / "static"))
    return web.Guard(Starlette(routes=[*screen.routes(), static]), point.settings.screen)


async def serve(house: House, listener: socket.socket) -> None:
    """Serve until cancelled."""
    point = house.intake.point
    assert point
    page = app(point, gateway=house.config.gateway, utc_ms=house.clock.utc_ms)
    await web.serve(page, listener)
