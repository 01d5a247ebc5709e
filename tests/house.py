"""A house for tests: bytes of a P1 port go in, signed records come out of its journal."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from drivers.p1 import DEVICE
from drivers.reading import Message, Reading
from drivers.wire import crc
from gateway.devices import DeviceNow
from gateway.intake import Intake
from gateway.journal import EVIDENCE, Journal
from tests.street import ID, key

ZONE = ZoneInfo("Europe/Amsterdam")


def stamp(at_ms: int) -> str:
    """A meter's stamp, such as 260621120000S."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZONE)
    return f"{local:%y%m%d%H%M%S}{'S' if local.dst() else 'W'}"


def telegram(*lines: str) -> bytes:
    """The bytes of a P1 telegram with these data lines and a right checksum."""
    body = "\r\n".join(("/MKT5", "", *lines, "!")).encode("latin-1")
    return body + f"{crc.arc(body):04X}\r\n".encode()


def power(serial: str, **wh: int) -> list[str]:
    """The lines of an electricity meter: its serial number and counts in Wh, `export_1=1500`."""
    codes = {"import_1": "1.8.1", "import_2": "1.8.2", "export_1": "2.8.1", "export_2": "2.8.2"}
    counts = [f"1-0:{codes[name]}({n / 1000:010.3f}*kWh)" for name, n in wh.items()]
    return [f"0-0:96.1.1({serial.encode().hex()})", *counts]


def behind(
    channel: int, serial: str, litres: int, at: str, *, register: str = "24.2.1", kind: int = 3
) -> list[str]:
    """The lines of a meter on an M-Bus channel, its count stamped `at`."""
    return [
        f"0-{channel}:24.1.0({kind:03})",
        f"0-{channel}:96.1.0({serial.encode().hex()})",
        f"0-{channel}:{register}({at})({litres / 1000:09.3f}*m3)",
    ]


class HandClock:
    """A domain clock moved by hand."""

    boot = "boot"

    def __init__(self) -> None:
        self.now_ms = 0
        self.is_set = True

    def utc_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return 0

    def bound_ms(self) -> int | None:
        return 0

    def quality(self) -> str:
        return "synced" if self.is_set else "unset"


class House:
    """A gateway's way from the wire to the journal: a P1 port `hall`, a pulse contact `contact`."""

    def __init__(self, folder: Path, gateway: str = "home") -> None:
        self.clock = HandClock()
        self.journal = Journal.open(
            folder, community=ID, gateway=gateway, key=key(gateway), boot="boot"
        )
        self.intake = Intake(
            self.journal,
            {"hall": DeviceNow("p1", talks=True), "contact": DeviceNow("s0", talks=False)},
            clock=self.clock,
            samples_shared_since=None,
            point=None,
            real_s=lambda: 0.0,
        )
        self._session = DEVICE.open({})
        self._fetched = 0

    def hear(self, now_ms: int, *lines: str, meter_ms: int | None = None) -> None:
        """A telegram with these lines arrives at `now_ms` by the gateway's clock.

        The meter's own clock says the same, or `meter_ms`.
        """
        self.clock.now_ms = now_ms
        clock = f"0-0:1.0.0({stamp(now_ms if meter_ms is None else meter_ms)})"
        for step in self._session.feed(telegram("1-3:0.2.8(50)", clock, *lines)):
            assert isinstance(step, Message)
            self.intake.hear("hall", step)

    def count(self, now_ms: int, pulses: int, *, register: str = "1-0:2.8.0") -> None:
        """The contact has been closed so many times at `now_ms`."""
        self.clock.now_ms = now_ms
        reading = Reading(register, pulses, "pulse", None, "")
        self.intake.hear("contact", Message(0, b"", (reading,)))

    def records(self) -> list[bytes]:
        """The records of evidence made since the last call."""
        self.intake.finish()
        (chain,) = [c.chain for c in self.journal.chains() if c.kind == EVIDENCE]
        made = self.journal.records(chain, start=self._fetched + 1, limit=10_000)
        self._fetched += len(made)
        return made
