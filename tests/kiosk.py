"""A recycling point whose clocks, scale and cards are moved by hand."""

from pathlib import Path

from drivers.reading import Fault, Message, Reading
from gateway.community.bridgekey import BridgeKey
from gateway.contract import credit, policy, record
from gateway.contract.credit import Credit
from gateway.contract.keys import SigningKey
from gateway.contract.record import Record
from gateway.contract.settings import parse
from gateway.journal import EVIDENCE, Journal
from gateway.kiosk.events import Choose, Confirm, Event
from gateway.kiosk.point import Owner, Point
from gateway.kiosk.settings import KioskSettings
from gateway.quarter import Moment

NOON = 1_782_036_000_000  # 2026-06-21T10:00:00Z, a Sunday
CARD_KEY = bytes(range(32))
KEY = SigningKey(bytes(32))
BRIDGE = SigningKey(bytes([1]) * 32)
STEWARD = SigningKey(bytes([2]) * 32)
NOOR, BO = "0A00ABCDEF", "0A00FEDCBA"
PIN = "4711"
# Worked out with hashlib by hand: making one takes longer than most tests.
PIN_FILE = (
    "scrypt 000102030405060708090a0b0c0d0e0f "
    "2bfd0be668642719e04b42e62825a6702d474aa4d39c766c6ed34c0d8d68838c"
    "8116b1e93d514a1f84d520fa2389046ced3dc9dc00208a751032ccea90cecc6b\n"
)

RULES = """\
community = "z"
valid_from = 2026-06-01
time_zone = "Europe/Amsterdam"

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
most = "20 kg"

[fractions.lamps]
euralcode = "20 01 21*"
unit = "piece"
nl = "lampen"
en = "lamps"

[fractions.paint]
euralcode = "20 01 27*"
unit = "kg"
nl = "verf"
en = "paint"
operator = true

[clubs.vv-dorp]
nl = "VV Dorp"
en = "Village FC"

[[rules]]
id = "waste"
rule = "waste_deposited"
version = 1
asset = "WASTE"
rates.glass = { credit = "0.05", per = "1 kg" }
rates.lamps = { credit = "0.1", per = "1 piece" }
rates.paint = { credit = "0", per = "1 kg" }
"""

SETTINGS = f"""\
scale = "scale"
readers = ["reader", "qr"]
card_key = "card.key"
stewards = ["{STEWARD.public.x}"]
screen = "127.0.0.1:7090"
division = "5 g"
crates.blue = {{ tare = "1.5 kg", nl = "blauwe krat", en = "blue crate" }}
containers.glass = "10 kg"
"""


def paper(toml: str = RULES, *, key: SigningKey = STEWARD, community: str = "z") -> bytes:
    return policy.make(toml, community=community, key=key)


def said(deposit: str, *, key: SigningKey = BRIDGE, **rest: str) -> bytes:
    """What the hub says of a deposit."""
    return credit.make(
        Credit(**{"community": "z", "gateway": "point"} | rest, deposit=deposit), key=key
    )


class Bench:
    """A point in a folder; `open` is a start after whatever happened."""

    def __init__(self, folder: Path, *, settings: str = SETTINGS, rules: str = RULES) -> None:
        self.now_ms = 1_000_000
        self.utc_ms: int | None = NOON
        self.folder = folder
        (folder / "operator.pin").write_text(PIN_FILE)
        text = settings + f'pin = "{folder / "operator.pin"}"\n'
        self.settings = parse(text, KioskSettings, name="kiosk")
        self.open()
        if rules:
            self.point.new_policy(paper(rules))

    def open(self) -> None:
        self.journal = Journal.open(self.folder, community="z", gateway="point", key=KEY, boot="b")
        bridge_key = BridgeKey(BRIDGE.public, community="z", folder=self.folder)
        self.point = Point(
            self.journal,
            self.settings,
            Owner("z", "point", KEY, bridge_key, CARD_KEY),
            folder=self.folder,
            moment=lambda: Moment(self.utc_ms, self.now_ms, "synced" if self.utc_ms else "unset"),
            real_ms=lambda: self.now_ms,
        )

    def power_cut(self, *, off_ms: int = 60_000) -> None:
        """Everything but the disk is gone."""
        self.journal.close()
        self.wait(off_ms)
        self.open()

    def wait(self, ms: int) -> None:
        self.now_ms += ms
        if self.utc_ms is not None:
            self.utc_ms += ms

    def weigh(self, net_mg: int, *, times: int = 4, doubt: str = "unchecked") -> None:
        for _ in range(times):
            self.wait(250)
            reading = Reading("net", net_mg, "mg", None, "B4271", None, doubt)
            self.point.hear("scale", Message(0, b"S S %d mg\r\n" % net_mg, (reading,)))

    def fault(self, kind: str, *, times: int = 1) -> None:
        for _ in range(times):
            self.wait(250)
            self.point.hear("scale", Message(0, b"?", (), (Fault(kind, 0, 1),)))

    def tap(self, number: str = NOOR, *, reader: str = "reader", after_ms: int = 1_100) -> None:
        self.wait(after_ms)
        self.point.hear(reader, Message(0, b"", (Reading("card", number),)))

    def act(self, *events: Event) -> None:
        for event in events:
            self.wait(1_000)
            self.point.take(event)

    def deposit(self, net_mg: int = 3_250_000, *, fraction: str = "glass") -> str:
        """A whole deposit by card, up to its slip."""
        self.weigh(0)
        self.tap()
        self.act(Choose(fraction))
        self.weigh(net_mg)
        self.act(Confirm())
        slip = self.point.view().slip
        assert slip
        return slip.deposit

    def records(self, typ: str = "") -> list[Record]:
        (chain,) = [c.chain for c in self.journal.chains() if c.kind == EVIDENCE]
        held = [record.parse(data)[1] for data in self.journal.records(chain, start=1, limit=999)]
        return [one for one in held if typ in {"", one.typ}]
