"""`meterkast verify`: recompute the books from evidence to root."""

import sys

from gateway.contract.keys import PublicKey
from ledger_bridge.books import store
from ledger_bridge.books.verify import verify as verification
from ledger_bridge.books.verify.verify import Differs
from ledger_bridge.commands.common import CONFIG, Config, Json, show
from ledger_bridge.hub import Hub


def verify(*, config: Config = CONFIG, json: Json = False) -> int:
    """Recompute everything from the signed evidence; exit 1 naming the first thing that differs."""
    hub = Hub.load(config)
    db = store.open_to_read(hub.books)
    log_key: PublicKey = hub.key("log").public
    try:
        found = verification.verify(db, hub.community, log_key=log_key, progress=_tell)
    except Differs as differs:
        if json:
            show({"verified": False, "what": differs.what, "where": differs.where})
        else:
            print(f"differs: {differs.what}\nwhere:   {differs.where}")
        return 1
    if json:
        show({"verified": True, **found._asdict()})
    else:
        print(
            f"verified: {found.records} records, {found.claims} claims"
            f" ({found.waiting} being settled), {found.bookings} bookings, {found.leaves} leaves"
        )
        if found.held:
            print(f"held:     {found.held}, see meterkast ledger held")
        print(f"root:     {found.root}")
    return 0


def _tell(step: str) -> None:
    if sys.stderr.isatty():
        print(f"\rverifying {step} …\x1b[K", end="", file=sys.stderr, flush=True)
        if step == "bookings":
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
