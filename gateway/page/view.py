"""What the local page says, worked out from the state of the gateway: for the template only."""

import re
from typing import Any

from gateway import meanings
from gateway.contract.clock import SYNCED
from gateway.contract.record import QUARTER
from gateway.days import local, local_day
from gateway.devices import DeviceNow
from gateway.health import health
from gateway.health.alarms import URGENT
from gateway.health.machine import Machine
from gateway.house import House, now
from gateway.journal import EVIDENCE
from gateway.lines.quality import LineQuality
from gateway.page import figures, picture
from gateway.page.figures import amount, span
from gateway.page.words import Words
from gateway.quarter import QUARTER_MS

# What a household looks for; all other registers are behind a fold.
_MAIN = re.compile(
    r"1-0:[12]\.8\.\d+|1-0:(1|2|15|16)\.7\.0|0-0:96\.14\.0|[5-9]-0:(1|3|8|10|11)\.\d\.0|gross|net|tare"
)


def context(house: House, words: Words) -> dict[str, Any]:
    """Everything the template names."""
    said: dict[str, Any] = now(house)
    utc_ms = int(said["utc_ms"])
    at, language = local(utc_ms), words.language
    box = health.look(house)
    return {
        **said,
        "w": words,
        "day": f"{words.day(at.date())} {at.year}",
        "time": figures.clock(at),
        "alarms": [
            {**alarm, "urgent": found.code in URGENT}
            for found in health.alarms(house, box)
            for alarm in health.told([found], language)
        ],
        "power": _power(said["devices"], words),
        "standing": _standing(house, utc_ms, words) if house.publisher else None,
        "today": picture.today(house, utc_ms, words),
        "month": picture.month(house, utc_ms, words),
        "meters": [
            _meter(name, device, house.devices[name], words)
            for name, device in said["devices"].items()
        ],
        "box": _box(house, box, words),
        "sum": said["journal"],
        "kiosk": _kiosk(said.get("kiosk"), words),
    }


def clock_text(utc_ms: int | None, words: Words) -> str:
    return words["never"] if utc_ms is None else figures.clock(local(utc_ms))


def _power(devices: dict[str, Any], words: Words) -> dict[str, Any] | None:
    """Net power now in W, of the first meter that tells it; None where none does.

    A contact knows the power of what it counts, which is not the house's.
    """
    for device in devices.values():
        readings = device["readings"]
        if any(reading["unit"] == "pulse" for reading in readings.values()):
            continue
        taken, given = readings.get("1-0:1.7.0"), readings.get("1-0:2.7.0")
        both = readings.get("1-0:16.7.0")
        if taken or given or both:
            net = (
                _whole_watts(taken) - _whole_watts(given) if taken or given else _whole_watts(both)
            )
            return {
                "watts": abs(net),
                "text": figures.number(abs(net), 1, 0, words.language),
                "gives": net < 0,
                "at": clock_text(device["last_ms"], words),
            }
    return None


def _whole_watts(reading: dict[str, Any] | None) -> int:
    """Rounded half up."""
    return (int(reading["value"]) + 500) // 1000 if reading else 0


def _standing(house: House, utc_ms: int, words: Words) -> dict[str, Any]:
    """How far what was measured has come: meter, gateway, hub, account."""
    heard_ms = max((d.last_ms for d in house.devices.values() if d.last_ms), default=None)
    kept_ms, confirmed_ms = _kept_ms(house, only_receipted=False), _kept_ms(house)
    assert house.publisher
    is_up = house.publisher.link.up.is_set()
    quarter_ms = utc_ms // QUARTER_MS * QUARTER_MS
    waits = confirmed_ms is None or confirmed_ms < (kept_ms or 0)
    steps = [
        _step("meter", "heard", "never_heard", heard_ms, words, is_late=heard_ms is None),
        _step("box", "kept_until", "nothing_kept", kept_ms, words, is_late=kept_ms is None),
        _step("hub", "confirmed_until", "nothing_confirmed", confirmed_ms, words, is_late=waits),
    ]
    if waits and not is_up:
        steps[2]["text"] = words["waits"]
    end = figures.clock(local(quarter_ms + QUARTER_MS), seconds=False)
    steps.append({"name": words["account"], "text": f"{words['after']} {end}", "late": waits})
    return {"steps": steps, "sentence": _settled(house, utc_ms, words)}


def _step(
    name: str, said: str, unsaid: str, at_ms: int | None, words: Words, *, is_late: bool
) -> dict[str, Any]:
    if at_ms is None:
        return {"name": words[name], "text": words[unsaid], "late": is_late}
    at = figures.clock(local(at_ms), seconds=name == "meter")
    return {"name": words[name], "text": f"{words[said]} {at}", "late": is_late}


def _kept_ms(house: House, *, only_receipted: bool = True) -> int | None:
    """The newest quarter-hour's boundary that is kept, or that the hub has confirmed."""
    chain = next(chain for chain in house.journal.chains() if chain.kind == EVIDENCE)
    up_to = chain.receipted if only_receipted else chain.last
    ((made_ms,),) = house.journal.ask(
        "SELECT MAX(made_ms) FROM record WHERE community = :community AND gateway = :gateway"
        " AND chain = :chain AND typ = :typ AND seq <= :up_to",
        chain=chain.chain,
        typ=QUARTER,
        up_to=up_to,
    )
    return int(made_ms) // QUARTER_MS * QUARTER_MS if made_ms is not None else None


def _settled(house: House, utc_ms: int, words: Words) -> str:
    """What became of what was given back today, as far as a gateway knows."""
    today = picture.counted_today(house, utc_ms)
    if today is None:
        return ""
    if not today.given_mwh:
        return words["settled_taken"]
    energy = f"{figures.kwh(today.given_mwh, words.language)} kWh"
    quarter_ms = (utc_ms // QUARTER_MS + 1) * QUARTER_MS
    return words.say("settled", energy=energy, time=figures.clock(local(quarter_ms), seconds=False))


def _meter(name: str, device: dict[str, Any], heard: DeviceNow, words: Words) -> dict[str, Any]:
    behind = {one["register"]: _behind(one, device, words) for one in device["behind"]}
    rows: list[dict[str, str]] = []
    others: list[dict[str, str]] = []
    for register, reading in device["readings"].items():
        known = meanings.meaning(register, reading["unit"])
        meaning = behind.get(register) or (known.words(words.language) if known else "")
        is_main = (
            register in behind or reading["unit"] == "pulse" or bool(_MAIN.fullmatch(register))
        )
        value = amount(reading["value"], reading["unit"], words.language)
        row = {"register": register, "meaning": meaning, "value": value}
        (rows if is_main else others).append(row)
    serials = {one.serial for one in heard.readings.values() if one.serial}
    return {
        "name": name,
        **device,
        "serial": next(iter(serials), "") if len(serials) == 1 else "",
        "heard": clock_text(device["last_ms"], words),
        "told": words.count("messages", "one_message", device["messages"]),
        "rows": rows,
        "others": others,
        "more": words.count("more", "one_more", len(others)),
        "line": _line(heard.line, words),
    }


def _line(line: LineQuality, words: Words) -> str:
    """How well the line is heard, in a few words; "" before anything was."""
    if not line.bytes and not line.telegrams and not line.faults:
        return ""
    damaged = line.damaged()
    share = figures.number(round(damaged * 10_000), 100, 1, words.language)
    told = [f"{share} % {words['damaged']}" if damaged else words["damaged_none"]]
    if line.faults:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(line.faults.items()))
        told.append(f"{words['faults']}: {kinds}")
    told.append(f"{words['longest_silence']} {span(line.silent_s_max, words.language)}")
    if line.opened > 1:
        told.append(words.say("opened", n=line.opened))
    return ", ".join(told)


def _behind(one: dict[str, Any], device: dict[str, Any], words: Words) -> str:
    """What a meter on an M-Bus channel counts, and since when it is silent while another is not."""
    known = meanings.meaning(one["kind"])
    kind: str = known.words(words.language) if known else one["kind"]
    if one["alive"]:
        return kind
    at_ms = device["readings"][one["register"]]["at_ms"]
    if at_ms is None:
        return words.say("not_heard", kind=kind, serial=one["serial"])
    day = local_day(at_ms)
    said = f"{words.day(day)} {day.year}"
    return words.say("not_heard_since", kind=kind, serial=one["serial"], day=said)


def _box(house: House, box: Machine, words: Words) -> list[dict[str, str]]:
    """How the gateway itself fares, as names and values."""
    language, journal = words.language, house.journal.standing()
    kind = "" if house.clock.quality() == SYNCED else "warn"
    rows = [{"name": words["clock"], "value": _clock(house, words), "kind": kind}]
    if house.publisher and journal.oldest_pending_ms is not None:
        age_s = max(0, house.clock.utc_ms() - journal.oldest_pending_ms) / 1000
        rows.append({"name": words["oldest"], "value": span(age_s, language), "kind": ""})
    used, most = (figures.size(size, language) for size in (journal.used_bytes, journal.max_bytes))
    rows.append({"name": words["size"], "value": f"{used} {words['of']} {most}", "kind": ""})
    if journal.written_today_bytes is not None:
        written = f"{words['written_today']} {figures.size(journal.written_today_bytes, language)}"
        if journal.written_bytes_per_day is not None:
            day = figures.size(journal.written_bytes_per_day, language)
            written += f", {words['written_before']} {day}"
        rows.append({"name": words["written"], "value": written, "kind": ""})
    free = figures.size(box.disk_free_bytes, language)
    rows.append({"name": words["disk"], "value": free, "kind": ""})
    if box.temperature_mc is not None:
        warm = f"{figures.number(box.temperature_mc, 1000, 0, language)} °C"
        rows.append({"name": words["temperature"], "value": warm, "kind": ""})
    if box.has_under_voltage is not None:
        low = box.has_under_voltage
        value = words["voltage_low" if low else "voltage_good"]
        rows.append({"name": words["voltage"], "value": value, "kind": "warn" if low else ""})
    if house.home:
        is_up = house.home.link.up.is_set()
        value = words["connected" if is_up else "not_connected"]
        rows.append({"name": words["home_link"], "value": value, "kind": "" if is_up else "warn"})
    return rows


def _clock(house: House, words: Words) -> str:
    """How far the clock is to be believed, and when it was set last."""
    language, bound_ms = words.language, house.clock.bound_ms()
    told = [words[f"clock_{house.clock.quality()}"]]
    if bound_ms:
        told.append(words.say("bound", ms=figures.number(bound_ms, 1, 0, language)))
    clockwork = house.intake.clockwork.standing()
    if clockwork.step_ms and clockwork.step_ago_s is not None:
        ago = span(clockwork.step_ago_s, language)
        told.append(
            words.say("set", s=figures.number(clockwork.step_ms, 1000, 0, language), ago=ago)
        )
    return ", ".join(told)


def _kiosk(said: dict[str, Any] | None, words: Words) -> dict[str, Any] | None:
    """The recycling point: what its screen says, and the newest slip."""
    if said is None:
        return None
    sentence, slip = said["zin" if words.language == "nl" else "sentence"], said["slip"]
    told = None
    if slip:
        what = (
            f"{slip['pieces']} {words['pieces']}"
            if slip["pieces"] is not None
            else amount(slip["net_mg"], "mg", words.language)
        )
        told = {**slip, "what": what}
    return {**said, "sentence": sentence, "slip": told}
