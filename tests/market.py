"""A street whose people trade: noor has 10 ENERGY, bram 8 WASTE, and the pool what it was given."""

import tempfile
from functools import cache
from pathlib import Path

from gateway.contract import policy as papers
from ledger_bridge.books import store
from ledger_bridge.books.acts.requests import Donate
from ledger_bridge.books.verify.verify import Verified, verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key

HOUR_MS = 3_600_000

POLICY = """
community = "straat"
valid_from = 2026-06-21
time_zone = "Europe/Amsterdam"

[assets.ENERGY]
unit = "credit"
scale = 2
kind = "credit"

[assets.WASTE]
unit = "credit"
scale = 3
kind = "credit"

[assets.SLEEPING]
unit = "credit"
kind = "credit"
shadow = true

[assets.BOUND]
unit = "credit"
kind = "credit"
transferable = false

[fractions.glass]
euralcode = "15 01 07"
unit = "kg"
nl = "glas"
en = "glass"

[[rules]]
id = "sun"
rule = "energy_exported"
version = 1
asset = "ENERGY"
registers = ["1-0:2.8.1"]
credit = "1"
per = "1 kWh"

[[rules]]
id = "waste"
rule = "waste_deposited"
version = 1
asset = "WASTE"
rates.glass = { credit = "1", per = "1 kg" }

[[exchanges]]
id = "to-energy"
gives = "WASTE"
gets = "ENERGY"
rate = "1/3"
pool = "pool"
most = "6 per day"

[[exchanges]]
id = "to-waste"
gives = "ENERGY"
gets = "WASTE"
rate = "2"
pool = "pool"
most = "3 per week"
"""

ASSETS = ("ENERGY", "WASTE")


@cache
def _books(policy: str, pool: tuple[int, int]) -> bytes:
    """The file of such books: many tests begin with the same."""
    with tempfile.TemporaryDirectory() as folder:
        street, home, point = Street(Path(folder), policy=policy), Chain("home"), Chain("point")
        street.open_accounts()
        street.take(
            "home",
            home.quarter(MIDNIGHT_MS + 40 * QUARTER_MS, export_wh=0),
            home.quarter(MIDNIGHT_MS + 41 * QUARTER_MS, export_wh=10_000),
        )
        street.take("point", point.deposit(NOON_MS - 1, grams=8_000, card="B"))
        for giver, asset, amount in zip(("noor", "bram"), ASSETS, pool, strict=True):
            if amount:
                street.act(Donate(giver, "pool", asset, amount), f"pool {asset}")
        street.community.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        street.community.db.close()
        return street.path.read_bytes()


class Market(Street):
    """Amounts are in smallest units: hundredths of ENERGY, thousandths of WASTE."""

    def __init__(self, folder: Path, *, policy: str = POLICY, pool: tuple[int, int] = (0, 0)):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "books.db"
        self.path.write_bytes(_books(policy, pool))
        self._now_ms = NOON_MS
        self.open()

    @classmethod
    def at(cls, folder: Path) -> "Market":
        """One that somebody made before, opened again."""
        market = cls.__new__(cls)
        market.path = folder / "books.db"
        market._now_ms = NOON_MS
        market.open()
        return market

    def follow(self, *changes: tuple[str, str]) -> None:
        """From tomorrow on, 22 June, the policy is otherwise."""
        toml = POLICY.replace("2026-06-21", "2026-06-22")
        for before, after in changes:
            assert before in toml
            toml = toml.replace(before, after)
        document = papers.make(toml, community=ID, key=key("steward"))
        self.community.hand_in_policy(document, now_ms=NOON_MS)

    def holds(self, name: str) -> tuple[int, int]:
        """What a member or an account holds of ENERGY and WASTE."""
        energy, waste = (self.balance(f"acc-{name}", asset) for asset in ASSETS)
        return energy, waste

    def verify(self) -> Verified:
        """What `verify` finds. Raises Differs."""
        db = store.open_to_read(self.path)
        try:
            return verify(db, ID, log_key=key("log").public, progress=str)
        finally:
            db.close()
