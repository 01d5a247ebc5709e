"""`/healthz` and `/metrics` on loopback: for whatever watches this machine."""

import asyncio
import socket

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway import web
from gateway.contract.record import to_json
from gateway.health import health
from gateway.health.metrics import MEDIA_TYPE, metrics
from gateway.house import House


def app(house: House) -> ASGIApp:
    """What the address `health` of the settings serves."""

    async def healthz(_: Request) -> Response:
        """200 while the gateway takes what the devices say, else 503; with all that is wrong."""
        alarms = health.alarms(house, health.look(house))
        is_alive = health.is_alive(alarms)
        told = {"gateway": house.config.gateway, "ok": is_alive, "alarms": health.told(alarms)}
        return Response(to_json(told), 200 if is_alive else 503, media_type="application/json")

    async def figures(_: Request) -> Response:
        box = health.look(house)
        text = metrics(house, box, health.alarms(house, box), asyncio.get_running_loop().time())
        return PlainTextResponse(text, media_type=MEDIA_TYPE)

    assert house.config.health
    routes = [Route("/healthz", healthz), Route("/metrics", figures)]
    return web.Guard(Starlette(routes=routes), house.config.health)


async def serve(house: House, listener: socket.socket) -> None:
    """Serve until cancelled."""
    await web.serve(app(house), listener)
