"""What the journal tells of itself."""

from dataclasses import dataclass
from typing import NamedTuple

from gateway.contract.errors import Unreachable

EVIDENCE = "evidence"
SAMPLES = "samples"
PRIVATE = "private"  # samples that stay in the house
KINDS = (EVIDENCE, SAMPLES, PRIVATE)

# What a table beside the records holds.
Beside = str | int | None
# The name of the community in the records of a house that has none; they never leave.
NO_COMMUNITY = "house"


class Owner(NamedTuple):
    """Whose records they are: the key of every table begins with these."""

    community: str
    gateway: str


@dataclass(slots=True)
class Chain:
    """Where a chain stands. `first` is the lowest number still held, `last` the last committed.

    `current` is False for a chain that ended: it is delivered as far as it goes, and another one of
    its kind goes on. `appended` and `digest` are those of the last record, committed or not.
    """

    chain: str
    kind: str
    shared: bool
    current: bool
    first: int
    last: int
    receipted: int
    digest: str
    appended: int


class Tally(NamedTuple):
    """accepted = delivered + pending + expired, over the records that are to leave."""

    accepted: int
    delivered: int
    pending: int
    expired: int


class Standing(NamedTuple):
    """How the journal fares.

    `free_bytes` is what the disk has left. Bytes written are what this process wrote, today and on
    the last whole day of UTC, None where nobody counted. `oldest_pending_ms` is when the oldest
    record was made that waits for its receipt. `stuck` says why nothing can be kept, "" where it
    can; `full` that what waits fills all the room. `set_aside` is a damaged journal that was moved
    away, "" where there is none. `lost` counts the records by chain that no hub has had and that
    are gone.
    """

    tally: Tally
    used_bytes: int
    max_bytes: int
    free_bytes: int
    written_today_bytes: int | None
    written_bytes_per_day: int | None
    oldest_pending_ms: int | None
    stuck: str
    full: bool
    set_aside: str
    lost: dict[str, int]


class ReceiptRefused(Exception):
    """A receipt that does not fit our records; the message says why."""


class NotKept(Unreachable):
    """The disk takes nothing: what was to be committed is not on it."""
