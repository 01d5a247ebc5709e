"""A small community for tests: founded books, gateways with keys, and records of any content."""

import hashlib
from pathlib import Path

from drivers.reading import Reading
from gateway.contract import lost, rotation
from gateway.contract import policy as papers
from gateway.contract import record as records
from gateway.contract.cards import token
from gateway.contract.keys import SigningKey, b64
from gateway.contract.lost import Lost
from gateway.contract.record import DEPOSIT, GENESIS, KEY, LOST, QUARTER, Element, Identity
from gateway.contract.signed import digest
from ledger_bridge.books import store
from ledger_bridge.books.acts import acts
from ledger_bridge.books.acts.requests import Act, Request, make
from ledger_bridge.books.community import Community
from ledger_bridge.books.facts import papers as evidence
from ledger_bridge.books.facts.papers import Paper, Said
from ledger_bridge.books.registry import papers as registries
from ledger_bridge.books.registry.edits import (
    AccountOpened,
    CardGiven,
    Edit,
    Edits,
    Founded,
    GatewayAdmitted,
    MemberAdded,
    MeterFitted,
)
from ledger_bridge.inbox import Delivery, Inbox

ID = "straat"
CARD_KEY = b"k" * 32
# 2026-06-21T00:00 in Amsterdam.
MIDNIGHT_MS = 1_781_992_800_000
QUARTER_MS = 900_000
NOON_MS = MIDNIGHT_MS + 12 * 3_600_000

POLICY = """
community = "straat"
valid_from = 2026-06-21
time_zone = "Europe/Amsterdam"

[assets.ENERGY]
unit = "credit"
scale = 6
kind = "credit"

[assets.WASTE]
unit = "credit"
scale = 6
kind = "credit"

[fractions.glass]
euralcode = "15 01 07"
unit = "kg"
nl = "glas"
en = "glass"

[fractions.paper]
euralcode = "15 01 01"
unit = "kg"
nl = "papier"
en = "paper"

[[rules]]
id = "sun"
rule = "energy_exported"
version = 1
asset = "ENERGY"
registers = ["1-0:2.8.1", "1-0:2.8.2"]
credit = "1/3"
per = "1 kWh"
cap = "20 per day"

[[rules]]
id = "waste"
rule = "waste_deposited"
version = 1
asset = "WASTE"
cap = "1 per day"
rates.glass = { credit = "0.05", per = "1 kg" }
rates.paper = { credit = "0", per = "1 kg" }
"""


def key(name: str) -> SigningKey:
    """The same key for the same name, always."""
    return SigningKey(hashlib.sha256(name.encode()).digest())


def deposit_id(gateway: str, before: int) -> str:
    """What a chain of tests calls the deposit that comes after so many records."""
    return hashlib.sha256(f"{gateway}{before}".encode()).hexdigest()[:32]


class Chain:
    """One gateway's chain: makes records that follow each other."""

    def __init__(self, gateway: str, chain: str = "evidence-000000000001") -> None:
        self.gateway = gateway
        self.chain = chain
        self.community = ID
        self.key = key(gateway)
        self.seq = 0
        self.prev = GENESIS

    def record(
        self,
        elements: list[Element],
        *,
        made_ms: int | None,
        typ: str = QUARTER,
        prev: str | None = None,
        seq: int | None = None,
        mono_ms: int = 1,
        boot: str = "boot",
        clock: str = "synced",
    ) -> bytes:
        """The next record. With `prev` or `seq` an odd one beside the chain, which stays."""
        identity = Identity(
            community=self.community,
            gateway=self.gateway,
            chain=self.chain,
            seq=seq or self.seq + 1,
            prev=prev or self.prev,
            boot=boot,
            mono_ms=mono_ms,
            clock=clock,
            made_ms=made_ms,
        )
        data = records.make(identity, elements, typ=typ, key=self.key)
        if prev is None and seq is None:
            self.seq += 1
            self.prev = digest(data)
        return data

    def quarter(
        self,
        at_ms: int,
        *,
        export_wh: int,
        serial: str = "E1",
        device: str = "hall",
        register: str = "1-0:2.8.1",
    ) -> bytes:
        """The counter at a quarter-hour boundary."""
        reading = Reading(register, export_wh * 1000, "mWh", at_ms, serial)
        element = records.element(device, reading, base_ms=at_ms)
        return self.record([element], made_ms=at_ms)

    def deposit(self, at_ms: int, *, grams: int, fraction: str = "glass", card: str = "A") -> bytes:
        """A weighing by the holder of a card."""
        name = deposit_id(self.gateway, self.seq)
        elements = [
            records.element("scale", Reading("net", grams * 1000, "mg", at_ms), base_ms=at_ms),
            Element(n="kiosk/fraction", vs=fraction),
            Element(n="kiosk/card", vs=token(card, CARD_KEY)),
            Element(n="kiosk/deposit", vs=name),
            Element(n="scale/telegram", vd=b64(f"S S {grams / 1000:10.3f} kg\r\n".encode())),
        ]
        return self.record(elements, made_ms=at_ms, typ=DEPOSIT)

    def lost(self, chain: str, first: int, last: int, digest_: str, **odd: int) -> bytes:
        """The next record: it says that these of a chain of this gateway are gone."""
        said = Lost(chain, first, last, digest_, lost.NO_LONGER_HELD)
        return self.record(lost.elements(said), made_ms=NOON_MS, typ=LOST, **odd)

    def hand_over(self, new: SigningKey, *chains: str) -> bytes:
        """The next record: it says that from here on another key signs; and so it does."""
        said = rotation.elements(
            self.community, self.gateway, old=self.key.public, new=new, chains=chains
        )
        data = self.record(said, made_ms=NOON_MS, typ=KEY)
        self.key = new
        return data


class Street:
    """Books in a folder, their inbox, and a steward who signs."""

    def __init__(self, folder: Path, *, policy: str = POLICY) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "books.db"
        self._now_ms = MIDNIGHT_MS - 3_600_000
        self.open()
        self.edit(
            Founded((key("steward").public.x,), key("bridge").public.x, key("log").public.x, "pot"),
            MemberAdded("noor", "acc-noor"),
            MemberAdded("bram", "acc-bram"),
            GatewayAdmitted("home", key("home").public.x),
            GatewayAdmitted("point", key("point").public.x),
            MeterFitted("home", "hall", "", "noor", 0),
            CardGiven(token("A", CARD_KEY), "noor"),
            CardGiven(token("B", CARD_KEY), "bram"),
        )
        if policy:
            self.community.hand_in_policy(
                papers.make(policy, community=ID, key=key("steward")), now_ms=self._now_ms
            )

    def open(self) -> None:
        """Open the books anew, as after a restart."""
        db = store.open_to_write(self.path)
        self.community = Community(db, ID, log_key=key("log"))
        self.inbox = Inbox(self.community)

    def edit(self, *edits: Edit) -> None:
        document = registries.make(Edits(ID, self._now_ms, edits), key=key("steward"))
        self.community.hand_in_edits(document, {}, now_ms=self._now_ms)

    def open_accounts(self) -> None:
        """The accounts that are nobody's, each called as its role."""
        roles = ("retired", "cancelled", "clearing", "supplier", "pool")
        self.edit(*(AccountOpened(f"acc-{role}", role, role) for role in roles))

    def act(self, act: Act, name: str, *, signer: str = "steward", now_ms: int = NOON_MS) -> int:
        """Ask for an act under this key; gives its booking."""
        return acts.decide(
            self.community.book,
            make(Request(ID, name, act), key=key(signer)),
            registry=self.community.registry,
            policies=self.community.policies,
            now_ms=now_ms,
        )

    def say(self, name: str, *said: Said, now_ms: int = NOON_MS) -> int:
        """Hand in evidence of a steward under this name and settle; gives the paper's number."""
        paper = evidence.make(Paper(ID, name, now_ms, said), key=key("steward"))
        number = self.community.hand_in_evidence(paper, now_ms=now_ms)
        self.community.settle(now_ms)
        return number

    def take(self, gateway: str, *data: bytes) -> Delivery:
        """Deliver records in one batch and settle."""
        delivery = self.inbox.take([(gateway, one) for one in data], now_ms=NOON_MS)
        self.community.settle(NOON_MS)
        return delivery

    def balance(self, account: str, asset: str) -> int:
        row = self.community.db.execute(
            "SELECT amount FROM balance WHERE community = ? AND account = ? AND asset = ?",
            (ID, account, asset),
        ).fetchone()
        return row[0] if row else 0
