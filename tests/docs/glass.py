"""What several pages tell of: a member's bag of glass at a recycling point."""

from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests.point import Point
from tests.street import NOON_MS

POINT = "milieustraat"
CARD = "0A00B1C2D3"


def bring(hub: Hub) -> None:
    """2 kg of glass are brought with this card and settled, at 0.05 credits a kg."""
    point = Point(POINT)
    point.community = hub.community
    brought = point.bring("d1", NOON_MS, grams=2_000, card=CARD, card_key=hub.card_key())
    community = Community(store.open_to_write(hub.books), hub.community, log_key=hub.key("log"))
    Inbox(community).take([(POINT, brought)], now_ms=NOON_MS)
    while community.settle(NOON_MS):
        pass
    community.db.close()
