"""The part of `verify` that is about why a claim got what it did: what the log says of it must give
just that.
"""

from fractions import Fraction

import msgspec

from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.settle.due import due, find
from ledger_bridge.books.verify.look import Differs, Look

# A claim's last booking says what all of it is due for. Of erased members nothing is said any more.
_LAST = """
    SELECT rule, period, seq, body FROM (
        SELECT rule, member, period, max(seq) AS seq, leaf FROM booking
        WHERE community = ?1 AND rule IS NOT NULL GROUP BY member, period, rule
    ) JOIN leaf ON community = ?1 AND idx = leaf WHERE body != x''
"""


class _Said(msgspec.Struct):
    """What the leaf of an entitlement says of its reasons: the policy's hash, or "" where no rule
    is about the claim any more, and thousandths by what was measured.
    """

    due: int
    policy: str
    quantities: dict[str, int | str]


_said = msgspec.json.Decoder(_Said)


def reasons(look: Look) -> None:
    """What the log gives as a reason is a policy that ruled over the claim, and quantities for
    which just so much is due. More may have been measured since for which no more is due.
    """
    in_order = look.policies.in_order
    # Where a later policy makes the same of evidence dated ahead, nothing is booked for it.
    known = {one.hash: Policies(in_order[:n]) for n, one in enumerate(in_order, start=1)}
    for rule, period, seq, body in look.rows(_LAST):
        where = f"booking {seq}"
        try:
            said = _said.decode(body)
            quantities = {key: Fraction(n) for key, n in said.quantities.items()}
        except (msgspec.MsgspecError, ValueError) as error:
            raise Differs("its reasons cannot be read", where) from error
        reckoned = 0
        if said.policy:
            then = known.get(said.policy)
            ruling = find(then, rule, period) if then else None
            if ruling is None or ruling[0] != said.policy:
                raise Differs(f"policy {said.policy} is not about its claim", where)
            reckoned = due(*ruling[1:], quantities)
        if reckoned != said.due:
            what = f"{reckoned} is due for the quantities that it names, the log says {said.due}"
            raise Differs(what, where)
