"""`meterkast verify`: recompute the books from evidence to root, or check one proof.

Run daily on a hub; what the last look there found is kept beside the books for those who watch it.
"""

import sqlite3
import sys
from pathlib import Path

from gateway.contract.clock import domain_clock
from gateway.contract.errors import PeopleError, Problem, UsageError
from gateway.contract.keys import PublicKey
from ledger_bridge import verified
from ledger_bridge.books import store
from ledger_bridge.books.community import load_registry
from ledger_bridge.books.log.proving import known
from ledger_bridge.books.verify import verify as verification
from ledger_bridge.books.verify.look import Differs, Step
from ledger_bridge.books.verify.seen import Seen
from ledger_bridge.books.verify.verify import Verified
from ledger_bridge.commands import proof as proofs
from ledger_bridge.commands.common import CONFIG, Config, Json, show
from ledger_bridge.hub import Hub
from ledger_bridge.verified import Outcome


def verify(
    *,
    proof: Path | None = None,
    key: str = "",
    checkpoint: Path | None = None,
    seen: Path | None = None,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Recompute everything from the signed evidence; exit 1 naming the first thing that differs.

    Parameters
    ----------
    proof
        A proof file: only that is checked, with nothing else at hand but --key.
    key
        The log's public key that you know: of now, or any that it had before. Without it, the one
        in the hub's key file.
    checkpoint
        A checkpoint of the log that you kept: the log has only grown since.
    seen
        A file of yours that keeps up to where you have checked the signatures: an interrupted look
        goes on there, and the next one is faster.
    """
    if proof:
        return proofs.check(proof, key=key, checkpoint=checkpoint, json=json)
    hub = Hub.load(config)
    db = store.open_to_read(hub.books)
    log_key: PublicKey = proofs.public(key) if key else hub.key("log").public
    if checkpoint:
        _must_have_grown(hub, db, proofs.text_of(checkpoint))
    found = _look(db, hub.community, log_key=log_key, seen=Seen(hub.community, seen))
    differs = (found.what, found.where) if isinstance(found, Differs) else ("", "")
    if not key:
        _note(hub, Outcome(domain_clock().utc_ms(), *differs))
    if isinstance(found, Differs):
        if json:
            show({"verified": False, "what": found.what, "where": found.where})
        else:
            print(f"differs: {found.what}\nwhere:   {found.where}")
        return 1
    if json:
        show({"verified": True, **found._asdict()})
    else:
        _tell(found)
    return 0


def _look(
    db: sqlite3.Connection, community: str, *, log_key: PublicKey, seen: Seen
) -> Verified | Differs:
    bar = Bar()
    try:
        return verification.verify(db, community, log_key=log_key, progress=bar.tell, seen=seen)
    except Differs as differs:
        return differs
    finally:
        bar.end()


def _note(hub: Hub, outcome: Outcome) -> None:
    """What was found is found, also where nothing can be written beside the books."""
    try:
        verified.note(hub.books, outcome)
    except UsageError as error:
        print(f"not noted beside the books: {error.problems[0].what}", file=sys.stderr)


def _tell(found: Verified) -> None:
    print(
        f"verified: {found.records} records, {found.claims} claims"
        f" ({found.waiting} being settled), {found.bookings} bookings, {found.leaves} leaves"
    )
    if found.unsettled:
        print(
            f"unsettled: {found.unsettled} claims have not got what is due by now:"
            " verify again when the bridge has settled them"
        )
    if found.held:
        print(f"held:     {found.held}, see meterkast ledger held")
    if found.sealed_until:
        print(f"sealed:   up to {found.sealed_until}; what is due is recomputed from then on")
    if found.erased:
        print(f"erased:   {found.erased} (members whose dues are not recomputed)")
    print(f"root:     {found.root}")


def _must_have_grown(hub: Hub, db: sqlite3.Connection, note: str) -> None:
    """Raises PeopleError unless the log goes on from a checkpoint that somebody kept."""
    kept = known(db, load_registry(db, hub.community), note)
    if kept.is_ahead:
        ours = kept.log.signed_size()
        what = f"it is over {kept.head.size} leaves, and these books have {ours}: they are older"
        try_ = "a newer copy of the books; where they were restored: meterkast hub restored"
        raise PeopleError(Problem(what, f"the checkpoint of {kept.head.origin}", try_))


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
