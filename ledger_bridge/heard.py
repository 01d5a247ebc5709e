"""What gateways last said of themselves: state, birth and health.

Nobody signs it: it is for looking at. It is kept in mind and written now and then, so that a
thousand gateways do not make the disk work for each word.
"""

import msgspec

from gateway.contract.record import is_id
from ledger_bridge.books.community import Community
from ledger_bridge.books.store import commit

LEAVES = ("state", "birth", "health")
# Of a gateway with many devices the health takes 10 kB; what is longer is not kept.
BYTES_MAX = 32 * 1024
# What gateways say that nobody admitted yet is kept in mind, so much of it: they say it only once.
STRANGERS_MAX = 100
# A gateway has two chains, and some that it began anew.
CHAINS_MAX = 16


class Heard:
    """Keeps the newest word of each gateway under each leaf, and writes those of admitted ones."""

    def __init__(self, community: Community) -> None:
        self._community = community
        self._new: dict[tuple[str, str], tuple[bytes, int]] = {}
        self._strangers: dict[tuple[str, str], tuple[bytes, int]] = {}

    def note(self, gateway: str, leaf: str, data: bytes, *, now_ms: int) -> None:
        if len(data) > BYTES_MAX:
            return
        if gateway in self._community.registry.keys:
            self._new[gateway, leaf] = (data, now_ms)
        elif (gateway, leaf) in self._strangers or len(self._strangers) < STRANGERS_MAX:
            self._strangers[gateway, leaf] = (data, now_ms)

    def write(self) -> None:
        """Bring the table up to date, in one commit."""
        admitted = self._community.registry.keys
        for key in [key for key in self._strangers if key[0] in admitted]:
            self._new.setdefault(key, self._strangers.pop(key))
        if not self._new:
            return
        with commit(self._community.db) as db:
            db.executemany(
                "INSERT OR REPLACE INTO heard VALUES (?, ?, ?, ?, ?)",
                [(self._community.id, *key, *said) for key, said in self._new.items()],
            )
        self._new.clear()


def chains_of(birth: bytes) -> list[str]:
    """The chains that a birth names, as many as a gateway can have."""
    try:
        said = msgspec.json.decode(birth, type=dict[str, object]).get("chains")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    names = list(said) if isinstance(said, dict) else []
    return [name for name in names if isinstance(name, str) and is_id(name)][:CHAINS_MAX]
