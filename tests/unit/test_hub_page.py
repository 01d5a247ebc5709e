"""The hub's page, as somebody of the community reads it."""

import asyncio

import httpx
import pytest

from ledger_bridge.hub import Hub, HubSettings
from ledger_bridge.page.app import build
from tests.street import ID, NOON_MS, Chain, Street


@pytest.fixture
def hub(tmp_path):
    street, point = Street(tmp_path), Chain("point")
    street.take("point", point.deposit(NOON_MS, grams=700, card="nobody's"))
    settings = HubSettings(community=ID, broker="mqtt://127.0.0.1", books=str(street.path))
    return Hub(settings, tmp_path / "bridge.toml")


def test_what_waits_is_shown_with_the_time_of_the_place(hub):
    async def ask():
        transport = httpx.ASGITransport(app=build(hub, lambda: 0))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get("/parts")).text

    assert '12:00 <span class="soft">2026-06-21</span>' in asyncio.run(ask())
