"""What gateways say of themselves, as the hub keeps it."""

import pytest

from ledger_bridge.books.registry.edits import GatewayAdmitted
from ledger_bridge.heard import BYTES_MAX, STRANGERS_MAX, Heard
from tests.street import ID, NOON_MS, Street, key


@pytest.fixture
def street(tmp_path):
    street = Street(tmp_path)
    street.heard = Heard(street.community)
    return street


def kept(street):
    street.heard.write()
    return street.community.db.execute(
        "SELECT gateway, leaf, data FROM heard WHERE community = ? ORDER BY gateway, leaf", (ID,)
    ).fetchall()


def test_what_a_gateway_says_before_it_is_admitted_is_kept_once_it_is(street):
    """It says its birth once: when it comes to the broker, which may be before a steward does."""
    street.heard.note("away", "birth", b"{}", now_ms=NOON_MS)
    street.heard.note("away", "state", b"offline", now_ms=NOON_MS)
    street.heard.note("away", "state", b"online", now_ms=NOON_MS + 1)
    assert [] == kept(street)
    street.edit(GatewayAdmitted("away", key("away").public.x))
    assert [("away", "birth", b"{}"), ("away", "state", b"online")] == kept(street)
    street.heard.note("away", "state", b"offline", now_ms=NOON_MS + 2)
    assert [("away", "birth", b"{}"), ("away", "state", b"offline")] == kept(street)


def test_strangers_cannot_fill_the_hubs_memory(street):
    for n in range(STRANGERS_MAX + 50):
        street.heard.note(f"stranger-{n}", "birth", b"{}", now_ms=NOON_MS)
    street.heard.note("home", "birth", b"x" * (BYTES_MAX + 1), now_ms=NOON_MS)
    assert 100 == len(street.heard._strangers)
    assert [] == kept(street)
