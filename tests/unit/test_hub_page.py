"""The hub's page, as somebody of the community reads it."""

import asyncio

import httpx

from ledger_bridge.books.acts.requests import Reserve, Reverse, Transfer
from ledger_bridge.hub import Hub, HubSettings
from ledger_bridge.page.app import build
from tests.market import Market
from tests.point import MINUTE_MS, WASTE_POLICY, Point
from tests.street import ID, NOON_MS, Chain, Street


def parts(street, folder, page="/parts"):
    settings = HubSettings(community=ID, broker="mqtt://127.0.0.1", books=str(street.path))

    async def ask():
        app = build(Hub(settings, folder / "bridge.toml"), lambda: 0)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get(page)).text

    return asyncio.run(ask())


def test_what_waits_is_shown_with_the_time_of_the_place(tmp_path):
    street, point = Street(tmp_path), Chain("point")
    street.take("point", point.deposit(NOON_MS, grams=700, card="nobody's"))
    assert '12:00 <span class="soft">2026-06-21</span>' in parts(street, tmp_path)


def test_what_a_recycling_point_did_is_shown_with_what_waits(tmp_path):
    street, point = Street(tmp_path, policy=WASTE_POLICY), Point()
    street.take(
        "point",
        point.bring("d1", NOON_MS, grams=90_000, card="A"),
        point.bring("d2", NOON_MS + 1, pieces=3, fraction="lamps", card="A"),
        point.correct("d1", NOON_MS + 9 * MINUTE_MS, reason="never mine"),
        point.empty("e1", NOON_MS + 10 * MINUTE_MS, kg=1),
        point.bring("d3", NOON_MS + 11 * MINUTE_MS, grams=4_250, card="A"),
        point.check(NOON_MS, nominal_g=20_000, shown_g=19_000),
        point.turn_away(NOON_MS, "mixed"),
    )
    shown = " ".join(parts(street, tmp_path).split())
    for part in (
        '<td class="n">3 pieces lamps</td>',
        "never mine<br>",
        '<td class="n">4.250 kg</td><td class="n soft">in it now</td>',
        '<td class="n">90.000 kg</td> <td class="n">1.000 kg</td>',
        "The haulier weighed less than was brought",
        "The scale was further off at the test weight",
        "turned away: mixed",
    ):
        assert part in shown


def test_a_credit_for_a_corrected_deposit_says_who_corrected_it(tmp_path):
    street, point = Street(tmp_path, policy=WASTE_POLICY), Point()
    street.take("point", point.bring("d1", NOON_MS, grams=2_000, card="A"))
    street.take("point", point.correct("d1", NOON_MS, "paint", by="operator", reason="a <tin>"))
    shown = parts(street, tmp_path, "/why/2")
    assert '<span class="soft">Corrected by the operator, to paint: a &lt;tin&gt;.</span>' in shown


def test_an_act_is_shown_with_who_asked_and_what_undid_it(tmp_path):
    market = Market(tmp_path)
    gift = market.act(Transfer("noor", "bram", "ENERGY", 150), "a <gift>")
    back = market.act(Reverse(gift, "meant for <b>saar</b>"), "back")
    shown = parts(market, tmp_path, f"/why/{gift}")
    assert "<h2>noor gave bram 1.5 ENERGY</h2>" in shown
    assert f'Reversed by <a href="/why/{back}">booking {back}</a>.' in shown
    assert "under the key “a &lt;gift&gt;”, signed by" in shown
    assert "meant for &lt;b&gt;saar&lt;/b&gt;" in parts(market, tmp_path, f"/why/{back}")


def test_a_reservation_is_shown_with_what_ended_it(tmp_path):
    market = Market(tmp_path)
    kept = market.act(Reserve("noor", "bram", "ENERGY", 150, NOON_MS + 1), "k")
    market.community.expire(NOON_MS + 1)
    assert "Ended by <a href=" in parts(market, tmp_path, f"/why/{kept}")
    assert "Nobody asked for it: the time was over." in parts(market, tmp_path, f"/why/{kept + 1}")
