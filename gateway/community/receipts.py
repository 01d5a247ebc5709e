"""What the hub says of our chains: how far it has them, and why it takes no more of one."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog

from gateway.community.bridgekey import BridgeKey
from gateway.community.forgeries import Forgeries
from gateway.contract import receipt
from gateway.contract.receipt import Receipt
from gateway.contract.signed import Malformed, digest
from gateway.journal import EVIDENCE, Chain, Journal, NotKept, ReceiptRefused
from gateway.quarter import Moment

log = structlog.get_logger()

# So often in a day a chain is begun again for what the hub says of it. A copied card costs one or
# two; a hub that takes nothing must not have all that waits written anew for ever.
BEGUN_A_DAY_MAX = 4
DAY_S = 86_400.0
# Chains that are known to be held: a hub tells of all that were ever ours.
HELD_MAX = 16


class Heard(NamedTuple):
    """A receipt that was taken: where its chain stands now, and how far it was receipted before."""

    chain: Chain
    before: int


class Receipts:
    """Takes receipts into the journal.

    `met` names the chains of which the hub has said something since we are here, `held` those that
    it takes no more of, with the reason, also where we have gone on in another. `refused` counts
    receipts that do not fit our records, `refusals` says by chain why the last one did not.
    `heard_ms` is the hub's time in the newest.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        owner: tuple[str, str],
        bridge_key: BridgeKey,
        forgeries: Forgeries,
        moment: Callable[[], Moment],
        real_s: Callable[[], float],
    ) -> None:
        self.met: set[str] = set()
        self.held: dict[str, str] = {}
        self.refused = 0
        self.refusals: dict[str, str] = {}
        self.heard_ms: int | None = None
        self._journal = journal
        self._owner = owner
        self._bridge_key = bridge_key
        self._forgeries = forgeries
        self._moment = moment
        self._real_s = real_s
        # Whoever starts again and again has not more: of these chains no hub took anything.
        begun = journal.ask(
            "SELECT COUNT(*) FROM chain WHERE community = :community AND gateway = :gateway"
            " AND kind = :kind AND current = 0 AND last = 0",
            kind=EVIDENCE,
        )
        self._begun_s = deque([real_s()] * begun[0][0], maxlen=BEGUN_A_DAY_MAX)
        self._strange: set[str] = set()

    def take(self, payload: bytes) -> Heard | None:
        """A receipt; one that is not the bridge's own is counted and ignored."""
        try:
            got = receipt.check(payload, key=self._bridge_key.key)
            if (got.community, got.gateway) != self._owner:
                raise Malformed(f"a receipt for {got.gateway!r} of {got.community!r}")
        except Malformed as error:
            self._forgeries.note("receipt", str(error))
            return None
        chain = next((c for c in self._journal.chains() if c.chain == got.chain), None)
        if chain is None:
            self._note_held(got)
            return self._take_ended(got)
        if self._is_stale(got, chain):
            return None
        self.heard_ms = max(got.time_ms, self.heard_ms or 0)
        self.met.add(got.chain)
        self._note_held(got)
        if not (chain.current and chain.shared):
            return self._take(got, chain)
        if self._is_of_another_copy(got, chain) and self._begin_again(got, chain):
            return None
        heard = self._take(got, chain)
        if got.held:
            self._begin_again(got, chain)
        return heard

    def _take_ended(self, got: Receipt) -> Heard | None:
        """Of a chain that ended here, or was of a journal before this one."""
        try:
            chain = self._journal.receipt(got.chain, got.up_to, got.hash)
        except ReceiptRefused:
            if got.chain not in self._strange:
                self._strange.add(got.chain)
                log.info("receipt_of_old_journal", chain=got.chain)
            return None
        return Heard(chain, chain.last)

    def _is_stale(self, got: Receipt, chain: Chain) -> bool:
        """An old receipt that somebody says again must not have everything sent once more."""
        return got.up_to < chain.receipted and got.time_ms < (self.heard_ms or 0)

    def _note_held(self, got: Receipt) -> None:
        is_room = got.chain in self.held or len(self.held) < HELD_MAX
        if got.held and self.held.get(got.chain) != got.held and is_room:
            self.held[got.chain] = got.held
            log.error(
                "chain_held",
                chain=got.chain,
                reason=got.held,
                try_="what waits goes into a new chain; see whether this card was copied",
            )
        elif not got.held and got.chain in self.held:
            del self.held[got.chain]
            log.info("chain_freed", chain=got.chain)

    def _is_of_another_copy(self, got: Receipt, chain: Chain) -> bool:
        """Whether the hub has records of ours that are not in this journal.

        It may say something else under a number meanwhile, which the hub never receipted. What it
        did receipt once, and calls different now, is no matter of copies.
        """
        if got.up_to <= chain.receipted:
            return False
        held = dict(self._journal.numbered(chain.chain, start=got.up_to, limit=1))
        ours = held.get(got.up_to)
        return got.up_to > chain.last or (ours is not None and digest(ours) != got.hash)

    def _begin_again(self, got: Receipt, chain: Chain) -> bool:
        """Go on in another chain with what the hub does not have of this one; whether it could.

        This journal is a copy of an older one, or another copy has spoken under its numbers.
        """
        now_s = self._real_s()
        if len(self._begun_s) == BEGUN_A_DAY_MAX and now_s - self._begun_s[0] < DAY_S:
            return False
        if not got.held:
            log.warning("journal_is_an_old_copy", chain=chain.chain, hub=got.up_to, here=chain.last)
        try:
            self._journal.begin_again(chain.kind, self._moment())
        except NotKept:
            return False  # the journal says so; a later receipt asks for it again
        self._begun_s.append(now_s)
        return True

    def _take(self, got: Receipt, chain: Chain) -> Heard | None:
        before = chain.receipted
        try:
            chain = self._journal.receipt(got.chain, got.up_to, got.hash)
        except ReceiptRefused as error:
            self._refuse(got.chain, str(error))
            return None
        if chain.receipted > before:
            self.refusals.pop(got.chain, None)
        elif chain.receipted < before:
            log.warning("hub_went_back", chain=chain.chain, from_seq=chain.receipted + 1)
        return Heard(chain, before)

    def _refuse(self, chain: str, reason: str) -> None:
        self.refused += 1
        if self.refusals.get(chain) != reason:
            self.refusals[chain] = reason
            log.error(
                "receipt_refused",
                reason=reason,
                count=self.refused,
                try_="nothing was deleted; ask the co-op to compare both journals",
            )
