"""How this gateway fares: what is wrong now, and the health topic. No live values."""

import asyncio
from collections.abc import Iterator

from gateway.community.publish import Standing
from gateway.contract.link import Link
from gateway.contract.tls import Tls, ends_ms
from gateway.days import local_day
from gateway.health import machine
from gateway.health.alarms import URGENT, Alarm
from gateway.health.alarms import told as in_words
from gateway.health.machine import Machine
from gateway.house import House, journal, states
from gateway.lines.quality import told as figures
from gateway.update.place import Place

# Room on the disk below which somebody should look.
DISK_BYTES_MIN = 500_000_000
# A hub that is there sends its receipt within seconds; one that is updated is back in minutes.
RECEIPTS_S_MAX = 600.0
# A cable that damages more than this share of what comes over it should be replaced.
DAMAGED_MAX = 0.02
# A co-op needs some weeks to make a new certificate and bring it to everybody.
CERTIFICATE_MS = 21 * 24 * 3_600_000


def look(house: House) -> Machine:
    return machine.look(house.config.data)


def alarms(house: House, box: Machine) -> list[Alarm]:
    """What is wrong now, the urgent ones first."""
    found = [
        *_of_journal(house),
        *_of_clock(house),
        *_of_lines(house),
        *_of_links(house),
        *_of_machine(house, box),
        *_of_update(),
    ]
    return sorted(found, key=lambda alarm: alarm.code not in URGENT)


def told(found: list[Alarm], language: str = "en") -> list[dict[str, str]]:
    """The alarms in words, as `/healthz` and `/api/now` give them."""
    return [
        {"code": alarm.code, "about": alarm.about, "what": what, "try": try_}
        for alarm in found
        for what, try_ in [in_words(alarm, language)]
    ]


def is_alive(alarms: list[Alarm]) -> bool:
    """Whether the gateway takes what the devices say: another start may help where it does not."""
    return not any(alarm.code in {"journal-stuck", "journal-full"} for alarm in alarms)


def _of_journal(house: House) -> Iterator[Alarm]:
    standing = house.journal.standing()
    if standing.stuck:
        yield Alarm("journal-stuck", facts=standing.stuck)
    if standing.full:
        yield Alarm("journal-full", facts=f"{standing.tally.pending}")
    if standing.set_aside:
        yield Alarm("journal-aside", facts=standing.set_aside)
    for chain, count in standing.lost.items():
        yield Alarm("journal-lost", chain, f"{count}")


def _of_update() -> Iterator[Alarm]:
    place = Place.own()
    if place and (told := place.taken_back):
        yield Alarm("update-taken-back", told.version, told.why)


def _of_clock(house: House) -> Iterator[Alarm]:
    quality = house.clock.quality()
    if quality == "unset":
        yield Alarm("clock-unset")
    elif quality == "held":
        yield Alarm("clock-held")


def _of_lines(house: House) -> Iterator[Alarm]:
    now_s = asyncio.get_running_loop().time()
    for name, device in house.devices.items():
        state, line = device.state(now_s), device.line
        damaged = line.damaged()
        if state == "lost":
            if line.why:  # else it is still being opened
                yield Alarm("line-lost", name, line.why)
        elif state == "silent":
            yield Alarm("device-silent", name, _span(now_s - device.heard_s))
        elif damaged > DAMAGED_MAX:
            yield Alarm("line-noisy", name, f"{100 * damaged:.0f} %")


def _of_links(house: House) -> Iterator[Alarm]:
    if publisher := house.publisher:
        standing = publisher.standing()
        yield from _of_link(publisher.link)
        if standing.up and standing.overdue_s > RECEIPTS_S_MAX:
            yield Alarm("receipts-overdue", facts=_span(standing.overdue_s))
        for chain, why in standing.held.items():
            yield Alarm("chain-held", chain, why)
        if standing.refused:
            yield Alarm("receipt-refused", facts=standing.refused)
        if standing.forged:
            yield Alarm("forged", facts=f"{standing.forged}")
    if home := house.home:
        yield from _of_link(home.link)
    for tls in (house.config.broker_tls, house.config.home_broker_tls):
        if tls:
            yield from _of_certificate(house, tls)


def _of_link(link: Link) -> Iterator[Alarm]:
    if not link.is_tried:
        return
    if link.trouble:
        yield Alarm("link-down", link.name, link.trouble)
    elif link.denied:
        yield Alarm("publish-denied", link.name)


def _of_certificate(house: House, tls: Tls) -> Iterator[Alarm]:
    if tls.certificate is None or house.clock.quality() == "unset":
        return
    end_ms = ends_ms(tls.certificate)
    if end_ms is not None and end_ms - house.clock.utc_ms() < CERTIFICATE_MS:
        yield Alarm("certificate-ends", tls.certificate.name, f"{local_day(end_ms)}")


def _of_machine(house: House, box: Machine) -> Iterator[Alarm]:
    if box.disk_free_bytes < DISK_BYTES_MIN:
        yield Alarm("disk-short", facts=f"{box.disk_free_bytes // 1_000_000} MB")
    if box.has_under_voltage:
        yield Alarm("under-voltage")
    if house.settings and house.settings.refused:
        yield Alarm("config-refused", facts=house.settings.refused)


def _span(seconds: float) -> str:
    """A time as people say it, rounded down: 45 s, 12 min, 5 h, 3 d."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def health(house: House) -> dict[str, object]:
    """What the health topic says."""
    publisher, point, box = house.publisher, house.intake.point, look(house)
    now_s = asyncio.get_running_loop().time()
    standing = house.journal.standing()
    return {
        "alarms": [alarm._asdict() for alarm in alarms(house, box)],
        "clock": house.clock.quality(),
        "clock_bound_ms": house.clock.bound_ms(),
        "journal": journal(house),
        "devices": states(house, lambda device: {"line": figures(device.line, now_s)}),
        "disk_free_bytes": box.disk_free_bytes,
        "written_today_bytes": standing.written_today_bytes,
        "written_bytes_per_day": standing.written_bytes_per_day,
        "temperature_mc": box.temperature_mc,
        "under_voltage": box.has_under_voltage,
        **({"link": _link(publisher.standing())} if publisher else {}),
        **({"kiosk": point.health() | _panel(house)} if point else {}),
    }


def _link(standing: Standing) -> dict[str, object]:
    return {
        "receipts_forged": standing.forged,
        "receipt_refused": standing.refused,
        "overdue_s": round(standing.overdue_s, 1),
        "in_flight": standing.in_flight,
        "held": standing.held,
    }


def _panel(house: House) -> dict[str, object]:
    if house.panel:
        return house.panel.health()
    return {"panel": "lost"} if house.config.kiosk and house.config.kiosk.panel else {}
