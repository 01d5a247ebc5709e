"""A paper with which stewards begin the log again, signed by as many of them as must sign a policy.

One line of JSON, then a line for each signature. It is for books that were restored from a backup,
whose log would else say something else than what others have seen already, and for a lost log key.
"""

from dataclasses import replace

import msgspec

from gateway.contract import signed
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.policy import STEWARD
from gateway.contract.record import to_json
from ledger_bridge.books.log.note import epoch_of
from ledger_bridge.books.registry.registry import Registry, refuse

RESTART = "mk-log-v1"


class Restart(msgspec.Struct, frozen=True):
    """Epoch `number` of the log begins under `key` (a JWK member `x`). `seen` is the newest
    checkpoint that anybody holds, "" where nobody holds one: of the epoch before, or of one that
    these books know nothing of, because they were restored from the same backup before.
    """

    community: str
    number: int
    key: str
    seen: str = ""


def make(restart: Restart, *, key: SigningKey) -> bytes:
    """The two lines with the first signature; `signed.add` adds the others."""
    return signed.sign(to_json(restart), typ=RESTART, key=key)


def read(data: bytes) -> Restart:
    """What a paper says. Raises Malformed; checks no signature."""
    return signed.read_as(signed.parse_all(data)[0], Restart, typ=RESTART)


def following(registry: Registry, seen: str) -> int:
    """The number of the epoch that begins next: nobody has seen another one under it. Raises
    Malformed.
    """
    return 1 + max(registry.epoch, epoch_of(seen, registry.community) if seen else 0)


def after(registry: Registry, paper: str) -> Registry:
    """The registry once the log begins again. Raises PeopleError."""
    where, try_ = "the log", "meterkast hub restored: make the paper anew"
    data = paper.encode()
    try:
        restart = read(data)
        signed.demand_of(
            signed.parse_all(data), registry.stewards, asked=registry.asked, whose=STEWARD
        )
        PublicKey(restart.key)
        number = following(registry, restart.seen)
    except ValueError as error:  # Malformed is one
        raise refuse(str(error), where, try_) from error
    if (restart.community, restart.number) != (registry.community, number):
        what = (
            f"epoch {restart.number} of {restart.community!r},"
            f" not {number} of {registry.community!r}"
        )
        raise refuse(what, where, try_)
    if restart.key != registry.log and restart.key in registry.log_keys:
        raise refuse("the log had this key before", where, try_)
    keys = dict.fromkeys((*registry.log_keys, restart.key))
    return replace(registry, log=restart.key, log_keys=tuple(keys), epoch=restart.number)
