"""The figures of a gateway as Prometheus reads them; no live values.

Spec: Prometheus text exposition format 0.0.4.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gateway.health.alarms import OF_A_COMMUNITY, SENTENCES, Alarm
from gateway.health.machine import Machine
from gateway.house import House

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

QUALITIES = ("synced", "held", "meter", "unset")
STATES = ("ok", "silent", "lost")

Labels = Mapping[str, str]


class Figure(NamedTuple):
    """One metric family: its name without `meterkast_`, `counter` or `gauge`, and its samples."""

    name: str
    kind: str
    help: str
    samples: Iterable[tuple[Labels, int | float]]


def metrics(house: House, box: Machine, alarms: list[Alarm], now_s: float) -> str:
    """All families; `now_s` is the loop's clock."""
    figures = [
        *_journal(house),
        *_devices(house, now_s),
        *_links(house),
        *_machine(house, box),
        Figure(
            "alarms",
            "gauge",
            "Things that are wrong now.",
            [
                ({"code": code}, sum(alarm.code == code for alarm in alarms))
                for code in SENTENCES
                if house.publisher or code not in OF_A_COMMUNITY
            ],
        ),
    ]
    return "".join(line for figure in figures for line in _lines(figure))


def _lines(figure: Figure) -> Iterator[str]:
    name = f"meterkast_{figure.name}"
    yield f"# HELP {name} {figure.help}\n# TYPE {name} {figure.kind}\n"
    for labels, value in figure.samples:
        said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{said}}} {value}\n" if said else f"{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _journal(house: House) -> Iterator[Figure]:
    standing = house.journal.standing()
    if house.publisher:
        yield Figure(
            "journal_records",
            "gauge",
            "Records that are to leave: accepted = delivered + pending + expired.",
            [({"state": state}, count) for state, count in standing.tally._asdict().items()],
        )
    sizes = {"used": standing.used_bytes, "max": standing.max_bytes}
    yield Figure(
        "journal_bytes",
        "gauge",
        "Size of the journal, and the most that it may have.",
        [({"which": which}, size) for which, size in sizes.items()],
    )
    if standing.written_today_bytes is not None:
        yield Figure(
            "journal_written_bytes",
            "gauge",
            "Bytes written to the card today (UTC).",
            [({}, standing.written_today_bytes)],
        )


def _devices(house: House, now_s: float) -> Iterator[Figure]:
    devices = house.devices.items()
    yield Figure(
        "device_state",
        "gauge",
        "1 for the state in which a device is.",
        [
            ({"device": name, "state": state}, int(device.state(now_s) == state))
            for name, device in devices
            for state in STATES
        ],
    )
    yield Figure(
        "line_bytes_total",
        "counter",
        "Bytes that came over the line.",
        [({"device": name}, device.line.bytes) for name, device in devices],
    )
    yield Figure(
        "line_telegrams_total",
        "counter",
        "Messages that gave readings.",
        [({"device": name}, device.line.telegrams) for name, device in devices],
    )
    yield Figure(
        "line_faults_total",
        "counter",
        "What came and could not be believed.",
        [
            ({"device": name, "kind": kind}, count)
            for name, device in devices
            for kind, count in device.line.faults.items()
        ],
    )
    yield Figure(
        "line_opened_total",
        "counter",
        "How often the line was opened.",
        [({"device": name}, device.line.opened) for name, device in devices],
    )
    yield Figure(
        "line_damaged_ratio",
        "gauge",
        "Share of what came lately that was damaged.",
        [({"device": name}, round(device.line.damaged(), 4)) for name, device in devices],
    )


def _links(house: House) -> Iterator[Figure]:
    links = {}
    if house.publisher:
        links["community"] = house.publisher.link
    if house.home:
        links["home"] = house.home.link
    yield Figure(
        "link_up",
        "gauge",
        "Whether there is a connection to the broker.",
        [({"link": name}, int(link.up.is_set())) for name, link in links.items()],
    )
    if house.publisher:
        overdue_s = house.publisher.standing().overdue_s
        yield Figure(
            "receipts_overdue_seconds",
            "gauge",
            "For how long records have waited for a receipt although there is a connection.",
            [({}, round(overdue_s, 1))],
        )


def _machine(house: House, box: Machine) -> Iterator[Figure]:
    quality = house.clock.quality()
    yield Figure(
        "clock_quality",
        "gauge",
        "1 for how far the clock is to be believed.",
        [({"quality": name}, int(name == quality)) for name in QUALITIES],
    )
    yield Figure("disk_free_bytes", "gauge", "Room on the disk.", [({}, box.disk_free_bytes)])
    if box.temperature_mc is not None:
        yield Figure(
            "temperature_celsius",
            "gauge",
            "Warmth of the processor.",
            [({}, box.temperature_mc / 1000)],
        )
    if box.has_under_voltage is not None:
        yield Figure(
            "under_voltage",
            "gauge",
            "1 while the power supply gives too little.",
            [({}, int(box.has_under_voltage))],
        )
