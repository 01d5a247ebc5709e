"""Homes of a street that share energy: their counters go up by what they give back and use."""

from collections.abc import Sequence
from pathlib import Path

from drivers.reading import Reading
from gateway.contract import policy as papers
from gateway.contract import record as records
from ledger_bridge.books.facts import papers as evidence
from ledger_bridge.books.policy.coefficients import KeyFile, paper_name
from ledger_bridge.books.registry.edits import GatewayAdmitted, MemberAdded, MeterFitted
from ledger_bridge.books.verify.verify import verify
from tests.street import ID, MIDNIGHT_MS, POLICY, QUARTER_MS, Chain, Street, key

OUT, IN = "1-0:2.8.1", "1-0:1.8.1"

# Beside the credits of the street, energy itself as an asset.
RULE = """
[assets.KWH]
unit = "kWh"
scale = 3
kind = "measured"

[[rules]]
id = "shared"
rule = "energy_shared"
version = 1
asset = "ENERGY"
exclusive = "shared"
earns = "taker"
credit = "1"
per = "1 kWh"
"""


class Home:
    """A member's meter: its records come in order, an increase in mWh for each quarter-hour."""

    def __init__(self, gateway: str, *, begin_ms: int = MIDNIGHT_MS, device: str = "hall") -> None:
        self.chain = Chain(gateway)
        self._begin_ms = begin_ms
        self._device = device
        self._out = self._in = 0

    def count(self, quarter: int, out: int = 0, used: int = 0, *, off_ms: int = 0) -> bytes:
        """The counts after this many quarter-hours, higher than before by so many mWh.

        With `off_ms` by a clock that was never set and is so much off.
        """
        self._out += out
        self._in += used
        since_ms = quarter * QUARTER_MS
        at_ms = self._begin_ms + since_ms + off_ms
        readings = [
            Reading(register, count, "mWh", at_ms, "E1")
            for register, count in ((OUT, self._out), (IN, self._in))
        ]
        pack = [records.element(self._device, reading, base_ms=at_ms) for reading in readings]
        clock = "held" if off_ms else "synced"
        return self.chain.record(pack, made_ms=at_ms, mono_ms=1 + since_ms, clock=clock)


def day(gateway: str, *quarters: tuple[int, int], length: int = 96) -> list[bytes]:
    """A home's day from midnight on: mWh (out, used) of its first quarter-hours, then nothing."""
    home = Home(gateway)
    counted = [home.count(0), *(home.count(n, *one) for n, one in enumerate(quarters, start=1))]
    return [*counted, home.count(length)]


class Homes(Street):
    """A street with the homes of noor (gateway `home`), bram (`barn`) and saar (`shed`)."""

    def __init__(
        self,
        folder: Path,
        sharing_key: str,
        *,
        asset: str = "ENERGY",
        shares: Sequence[str] = ("1", "1", "1"),
        file: str = "",
    ) -> None:
        """The rule pays in `asset`; `shares` is how much of each home's meter takes part, `file`
        the text of the coefficients that `sharing_key` is completed with.
        """
        super().__init__(folder, policy="")
        noor, bram, saar = shares
        self.edit(
            MemberAdded("saar", "acc-saar"),
            GatewayAdmitted("barn", key("barn").public.x),
            GatewayAdmitted("shed", key("shed").public.x),
            MeterFitted("home", "hall", "", "noor", 1, share=noor),
            MeterFitted("barn", "hall", "", "bram", 0, share=bram),
            MeterFitted("shed", "hall", "", "saar", 0, share=saar),
        )
        if file:
            sharing_key += f'coefficients = {{file = "key.csv", sha256 = "{self.hand_in(file)}"}}\n'
        self.rule_by(POLICY + RULE.replace("ENERGY", asset) + sharing_key)

    def hand_in(self, file: str) -> str:
        """A steward hands in a file of coefficients; gives its SHA-256."""
        given = KeyFile("key.csv", file)
        paper = evidence.Paper(ID, paper_name(given.sha256), MIDNIGHT_MS, (given,))
        document = evidence.make(paper, key=key("steward"))
        self.community.hand_in_evidence(document, now_ms=MIDNIGHT_MS)
        return given.sha256

    def rule_by(self, policy: str) -> None:
        """Put a policy in force."""
        document = papers.make(policy, community=ID, key=key("steward"))
        self.community.hand_in_policy(document, now_ms=MIDNIGHT_MS - 3_600_000)

    def moved(self, day: str = "2026-06-21") -> dict[str, tuple[int, int]]:
        """mWh that each took and gave on a day, as the books have them."""
        return {
            member: (taken, given)
            for member, taken, given in self.community.db.execute(
                "SELECT member, taken, given FROM shared WHERE community = ? AND day = ?",
                (ID, day),
            )
        }

    def left(self, day: str = "2026-06-21") -> int | None:
        """mWh that nobody took; None: the day is not reckoned."""
        row = self.community.db.execute(
            "SELECT produced - shared FROM shared_day WHERE community = ? AND day = ?", (ID, day)
        ).fetchone()
        return row[0] if row else None

    def check(self) -> None:
        """Everything follows from the evidence. Raises Differs."""
        progress: list[object] = []
        verify(self.community.db, ID, log_key=key("log").public, progress=progress.append)
