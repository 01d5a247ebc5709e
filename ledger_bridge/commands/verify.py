"""`meterkast verify`: recompute the books from evidence to root."""

import sys
from pathlib import Path

from gateway.contract.keys import PublicKey
from ledger_bridge.books import store
from ledger_bridge.books.verify import verify as verification
from ledger_bridge.books.verify.look import Differs, Step
from ledger_bridge.books.verify.seen import Seen
from ledger_bridge.commands.common import CONFIG, Config, Json, show
from ledger_bridge.hub import Hub


def verify(*, seen: Path | None = None, config: Config = CONFIG, json: Json = False) -> int:
    """Recompute everything from the signed evidence; exit 1 naming the first thing that differs.

    Parameters
    ----------
    seen
        A file of yours that keeps up to where you have checked the signatures: an interrupted look
        goes on there, and the next one is faster.
    """
    hub = Hub.load(config)
    db = store.open_to_read(hub.books)
    log_key: PublicKey = hub.key("log").public
    bar = Bar()
    try:
        found = verification.verify(
            db,
            hub.community,
            log_key=log_key,
            progress=bar.tell,
            seen=Seen(hub.community, seen),
        )
    except Differs as differs:
        if json:
            show({"verified": False, "what": differs.what, "where": differs.where})
        else:
            print(f"differs: {differs.what}\nwhere:   {differs.where}")
        return 1
    finally:
        bar.end()
    if json:
        show({"verified": True, **found._asdict()})
    else:
        print(
            f"verified: {found.records} records, {found.claims} claims"
            f" ({found.waiting} being settled), {found.bookings} bookings, {found.leaves} leaves"
        )
        if found.held:
            print(f"held:     {found.held}, see meterkast ledger held")
        if found.sealed_until:
            print(f"sealed:   up to {found.sealed_until}; what is due is recomputed from then on")
        if found.erased:
            print(f"erased:   {found.erased} (members whose dues are not recomputed)")
        print(f"root:     {found.root}")
    return 0


class Bar:
    """Where a long look is, on one line of a terminal; nothing where nobody watches."""

    WIDTH = 24

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()

    def tell(self, step: Step) -> None:
        share = step.done / step.total if step.total else 0.0
        full = "█" * round(share * self.WIDTH)
        of = f" {full:░<{self.WIDTH}} {step.done:,} of {step.total:,}" if step.total else " …"
        self._print(f"\rverifying {step.name:10}{of}\x1b[K")

    def end(self) -> None:
        self._print("\r\x1b[K")

    def _print(self, text: str) -> None:
        if self._is_shown:
            print(text, end="", file=sys.stderr, flush=True)
