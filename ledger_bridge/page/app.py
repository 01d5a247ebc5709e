"""The hub's web application. It reads the books and changes nothing."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from fastapi.templating import Jinja2Templates

from gateway.contract.clock import domain_clock
from gateway.contract.errors import PeopleError, Problem, Unreachable
from gateway.contract.notify import notify
from ledger_bridge.books.calendar import day_of, local_text
from ledger_bridge.books.facts.containers import containers, known_weights, turned_away
from ledger_bridge.books.log.proof import render
from ledger_bridge.books.log.proving import prove
from ledger_bridge.books.telling import why as reasons
from ledger_bridge.books.telling.acts import Books
from ledger_bridge.books.telling.balances import balances, closings, latest
from ledger_bridge.books.telling.held import held_meters
from ledger_bridge.books.telling.recycling import (
    brought,
    held_corrections,
    held_deposits,
    held_records,
    kg,
    remarks,
)
from ledger_bridge.books.telling.rules import of_policy
from ledger_bridge.hub import Hub
from ledger_bridge.page import enrolling, members, proofs
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.standing import look

# The newest bookings that the page shows.
BOOKINGS_SHOWN = 40
# The newest emptyings of each container that the page shows.
EMPTYINGS_SHOWN = 3
# The periods closed last that the page shows.
CLOSINGS_SHOWN = 3
# At most so often is a page told that something changed.
EVENTS_S_MIN = 0.5

_TEMPLATES = Jinja2Templates(Path(__file__).with_name("templates"))


def _local(at: str, zone: str) -> str:
    """An instant, written in ISO 8601, as people of the community read it."""
    return local_text(int(datetime.fromisoformat(at).timestamp() * 1000), zone)


_TEMPLATES.env.filters["local"] = _local
_TEMPLATES.env.globals["EMPTYINGS_SHOWN"] = EMPTYINGS_SHOWN
_TEMPLATES.env.filters["kg"] = kg
_TEMPLATES.env.filters["brought"] = brought
_TEMPLATES.env.filters["remarks"] = remarks

Json = dict[str, Any]


class View:
    """Reads the books through a connection of its own that cannot write."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._reader = Reader(hub.books, hub.community)
        self._db = self._reader.db

    def now(self) -> Json:
        """Everything the first page shows."""
        db, community = self._db, self._hub.community
        registry, policies = self._reader.papers()
        return {
            "community": community,
            "time_zone": policies.zone,
            "shadows": sorted(policies.shadows),
            "members": balances(db, community, registry=registry, policies=policies),
            "closed": closings(db, community, CLOSINGS_SHOWN),
            "bookings": latest(db, community, BOOKINGS_SHOWN, policies=policies, registry=registry),
            "held": held_deposits(db, community, policies=policies),
            "corrections": held_corrections(db, community),
            "clockless": held_records(db, community),
            "containers": containers(db, community, registry=registry),
            "weights": known_weights(db, community, registry=registry),
            "turned_away": turned_away(db, community),
            "meters": held_meters(db, community),
            "status": self.status(),
        }

    def books(self) -> Books:
        """What statements are told from."""
        return Books(self._db, *self._reader.papers())

    def policies(self) -> list[Json]:
        """Every policy, newest first: its hash and day, what its rules do, and where it stands."""
        _, policies = self._reader.papers()
        today = policies.on(day_of(domain_clock().utc_ms(), policies.zone))
        found = []
        state = "to come"
        for one in reversed(policies.in_order):
            if one is today:
                state = "in force"
            found.append({"hash": one.hash, "state": state, **of_policy(one.policy)})
            if one is today:
                state = "over"
        return found

    def status(self) -> Json:
        """How far everything is: counts, what waits, the newest tree head."""
        # The ends of what is numbered: counting millions of rows would hold up the bridge.
        counts = {
            name: self._reader.number(f"coalesce({number}, 0) FROM {table}")
            for name, number, table in (
                ("records", "sum(up_to)", "chain"),
                ("dirty", "count(*)", "dirty"),
                ("bookings", "max(seq)", "booking"),
                ("leaves", "max(idx) + 1", "leaf"),
            )
        }
        chains = self._db.execute(
            "SELECT gateway, chain, up_to, held FROM chain WHERE community = ?"
            " ORDER BY gateway, chain",
            (self._hub.community,),
        )
        refused = self._db.execute(
            "SELECT gateway, reason, count FROM rejected WHERE community = ?",
            (self._hub.community,),
        )
        return {
            **counts,
            "chains": [
                {"gateway": gateway, "chain": chain, "up_to": up_to, "held": held}
                for gateway, chain, up_to, held in chains
            ],
            "refused": [
                {"gateway": gateway, "reason": reason, "count": count}
                for gateway, reason, count in refused
            ],
            "series": self.series(),
        }

    def series(self) -> Json | None:
        """How far time series are; None where the hub has none."""
        if self._hub.settings.series_url is None:
            return None
        found = look(self._reader, self._hub.place)
        behind_ms = domain_clock().utc_ms() - found.since_ms if found.since_ms else 0
        return {**found.json(), "behind_min": behind_ms // 60_000}

    def why(self, booking: int) -> Json:
        registry, policies = self._reader.papers()
        db, community = self._db, self._hub.community
        return reasons.why(db, community, booking, registry=registry, policies=policies)

    def proof(self, booking: int) -> str:
        registry, _ = self._reader.papers()
        return render(prove(self._db, registry, booking))


def build(hub: Hub, version: Callable[[], int]) -> FastAPI:
    """The application; `version()` is another number after every change of the books."""
    app = FastAPI(title=f"meterkast {hub.community}", docs_url="/api", redoc_url=None)
    view = View(hub)
    host, _, _ = hub.settings.page.rpartition(":")
    allowed = {host, "127.0.0.1", "localhost", "[::1]"}

    @app.middleware("http")
    async def only_here(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        # A hostile site may point a name of its own at us; it cannot make a browser say our name.
        name = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host")
        if name not in allowed and not enrolling.is_for(hub, name, request.url.path):
            return PlainTextResponse("this page is not served under that name\n", 421)
        return await call_next(request)

    @app.get("/", response_class=HTMLResponse)
    async def first(request: Request) -> Response:
        return _TEMPLATES.TemplateResponse(request, "first.html", view.now())

    @app.get("/parts", response_class=HTMLResponse, include_in_schema=False)
    async def parts(request: Request) -> Response:
        return _TEMPLATES.TemplateResponse(request, "parts.html", view.now())

    @app.get("/why/{booking}", response_class=HTMLResponse)
    async def why_page(request: Request, booking: int) -> Response:
        found = {"community": hub.community, "why": _why(view, booking)}
        return _TEMPLATES.TemplateResponse(request, "why.html", found)

    @app.get("/policy", response_class=HTMLResponse)
    async def policy_page(request: Request) -> Response:
        found = {"community": hub.community, "policies": view.policies()}
        return _TEMPLATES.TemplateResponse(request, "policy.html", found)

    @app.get("/api/policies")
    async def policies() -> list[Json]:
        """Every policy with its hash, newest first, in sentences."""
        return view.policies()

    @app.get("/api/now")
    async def now() -> Json:
        """Members, balances and the latest bookings."""
        return view.now()

    @app.get("/api/status")
    async def status() -> Json:
        """How far the books are."""
        return view.status()

    @app.get("/api/why/{booking}")
    async def why(booking: int) -> Json:
        """Everything a booking rests on."""
        return _why(view, booking)

    app.include_router(proofs.routes(view.proof))
    app.include_router(members.routes(hub.community, view.books))
    app.include_router(enrolling.routes(hub))

    @app.get("/events", include_in_schema=False)
    async def events() -> Response:
        return StreamingResponse(_events(version), media_type="text/event-stream")

    return app


def _why(view: View, booking: int) -> Json:
    try:
        return view.why(booking)
    except PeopleError as error:
        raise HTTPException(404, str(error)) from error


async def _events(version: Callable[[], int]) -> AsyncIterator[bytes]:
    """A line whenever the books changed; the page fetches what it shows."""
    seen = version()
    while True:
        await asyncio.sleep(EVENTS_S_MIN)
        if version() != seen:
            seen = version()
            yield b"data: changed\n\n"


class _Server(uvicorn.Server):
    """uvicorn inside our loop: signals are the bridge's own affair."""

    def install_signal_handlers(self) -> None:
        return


async def serve_page(hub: Hub, version: Callable[[], int]) -> None:
    """Serve until cancelled. Says READY once the page listens. Raises Unreachable."""
    host, _, port = hub.settings.page.rpartition(":")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
        listener.listen()  # from here on whoever comes waits, and is not turned away
    except OSError as error:
        listener.close()
        what = f"the page cannot listen: {error.strerror}"
        raise Unreachable(
            Problem(what, f'{hub.config}: page = "{hub.settings.page}"', "choose another port")
        ) from error
    config = uvicorn.Config(build(hub, version), log_level="warning", lifespan="off")
    server = _Server(config)
    notify(READY="1", STATUS=f"page on http://{hub.settings.page}")
    await server.serve(sockets=[listener])
