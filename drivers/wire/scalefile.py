"""Descriptions of scales written as TOML: read, checked, and tried on their own samples.

Spec: docs/scale-map.md.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from drivers.sdk import SettingError
from drivers.wire import linepattern, mass
from drivers.wire.mass import PLACES
from drivers.wire.said import Said
from drivers.wire.scalewords import AMOUNTS, FAULTS, SKIPPED, STATES, TEXTS, Reader

SETTING = "map"
CHARACTERS_MAX = 32 * 1024
SENT_MAX = 64  # bytes of a question or command
PATTERNS_MAX = 8
PLACES_MAX = 9
INTERVAL_MS, INTERVAL_MS_MIN, INTERVAL_MS_MAX = 200, 50, 60_000

_TOP = (
    "title",
    "line",
    "ends",
    "pattern",
    "skip",
    "unit",
    "units",
    "places",
    "means",
    "ask",
    "interval_ms",
    "zero",
    "tare",
    "sample",
)
_SAMPLE = ("line", "says", "fault")
_LINE = re.compile(r"\d{2,6} [78][NEO][12]")


class Described(NamedTuple):
    """A scale as its file has it. `line` is speed and frame as text, "" where it does not say;
    `sends` are the bytes of the question "ask" and of the commands, those that it has.
    """

    title: str
    line: str
    reader: Reader
    sends: Mapping[str, bytes]
    interval_ms: int


@lru_cache(maxsize=8)  # a file is read again whenever a line is opened
def read(text: str) -> Described:
    """The scale that a file describes, tried on its samples. Raises SettingError."""
    if len(text) > CHARACTERS_MAX:
        raise _wrong(f"{len(text)} characters", f"at most {CHARACTERS_MAX}")
    top = _parsed(text)
    _known(top, _TOP, "the map")
    told = _told_line(top)
    ends = _bytes(top, "ends", 4, b"\r\n")
    reader = _reader(top, ends)
    described = Described(
        _text(top, "title", ""),
        told,
        reader,
        {name: _bytes(top, name, SENT_MAX) for name in ("ask", "zero", "tare") if name in top},
        _number(top, "interval_ms", INTERVAL_MS_MIN, INTERVAL_MS_MAX, INTERVAL_MS),
    )
    _try(described, text, top.get("sample"), ends)
    return described


def _wrong(what: str, allowed: str) -> SettingError:
    return SettingError(SETTING, what, allowed)


def _parsed(text: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - 3 ms that only a map pays for

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"no TOML: {error}", "as in docs/scale-map.md") from error


def _known(entry: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Every key is known, or the nearest one that is."""
    for key in entry:
        if key not in known:
            import difflib  # noqa: PLC0415 - for whoever made a mistake

            near = difflib.get_close_matches(key, known, n=1)
            allowed = f"{near[0]!r} is meant" if near else ", ".join(known)
            raise _wrong(f"{where}: unknown key {key!r}", allowed)


def _text(top: Mapping[str, Any], key: str, usual: str | None) -> str:
    value = top.get(key, usual)
    if isinstance(value, str):
        return value
    raise _wrong(f"{key} is missing" if key not in top else f"{key} = {value!r}", "a text")


def _number(top: Mapping[str, Any], key: str, low: int, high: int, usual: int) -> int:
    number = top.get(key, usual)
    if isinstance(number, int) and not isinstance(number, bool) and low <= number <= high:
        return number
    raise _wrong(f"{key} = {number!r}", f"a whole number from {low} to {high}")


def _bytes(top: Mapping[str, Any], key: str, most: int, usual: bytes = b"") -> bytes:
    """A text of characters that are one byte each."""
    data = _latin(_text(top, key, None), key) if key in top else usual
    if 0 < len(data) <= most:
        return data
    raise _wrong(f"{key} has {len(data)} bytes", f"1 to {most}")


def _latin(text: object, where: str) -> bytes:
    try:
        if isinstance(text, str):
            return text.encode("latin-1")
    except UnicodeEncodeError:
        pass
    raise _wrong(f"{where} = {text!r}", "a text of characters that are one byte each")


def _told_line(top: Mapping[str, Any]) -> str:
    line = _text(top, "line", "")
    if line and not _LINE.fullmatch(line):
        raise _wrong(f"line = {line!r}", 'speed and frame, as in line = "9600 7E1"')
    return line


def _reader(top: Mapping[str, Any], ends: bytes) -> Reader:
    units = _units(top)
    patterns = _patterns(top, "pattern", ends)
    if not patterns:
        raise _wrong("pattern is missing", "one pattern, or a list of them")
    skipped = _patterns(top, "skip", ends)
    if named := [name for one in skipped for name in one.groups]:
        raise _wrong(f"skip: a group {named[0]!r}", "patterns without groups that have a name")
    groups = [name for one in patterns for name in one.groups]
    if twice := [name for name in groups if groups.count(name) > 1]:
        raise _wrong(f"pattern: a second group {twice[0]!r}", "another name")
    unit = _text(top, "unit", "")
    if unit and unit not in PLACES:
        raise _wrong(f"unit = {unit!r}", ", ".join(PLACES))
    if not unit and "unit" not in groups:
        what = "neither the pattern has a group 'unit' nor the map a key unit"
        raise _wrong(what, f"one of {', '.join(PLACES)}")
    texts = [one.text for one in patterns]
    if skipped:
        texts.append(f"(?P<{SKIPPED}>{'|'.join(one.text for one in skipped)})")
    shortest = min(one.shortest for one in (*patterns, *skipped))
    return Reader(
        linepattern.line(f"(?:{'|'.join(texts)})", ends, shortest),
        end=ends[-1:],
        means=_means(top, groups),
        units={name: PLACES[known] for name, known in units.items()},
        unit=unit,
        places=_number(top, "places", 0, PLACES_MAX, 0),
    )


def _patterns(top: Mapping[str, Any], key: str, ends: bytes) -> list[linepattern.Pattern]:
    """One pattern or a list of them, none where the key is left out."""
    texts = top.get(key, [])
    texts = texts if isinstance(texts, list) else [texts]
    if len(texts) > PATTERNS_MAX:
        raise _wrong(f"{key} has {len(texts)} patterns", f"at most {PATTERNS_MAX}")
    return [_pattern(text, key, ends) for text in texts]


def _pattern(text: object, where: str, ends: bytes) -> linepattern.Pattern:
    if not isinstance(text, str):
        raise _wrong(f"{where} = {text!r}", "a text")
    try:
        return linepattern.parse(text, ends)
    except linepattern.PatternError as error:
        raise _wrong(f"{where}: {error.what}", error.allowed) from error


def _units(top: Mapping[str, Any]) -> dict[str, str]:
    """What the scale's own names of units mean, beside those that need no word."""
    units = top.get("units", {})
    if not isinstance(units, dict) or not all(unit in PLACES for unit in units.values()):
        raise _wrong(f"[units] = {units!r}", f'KG = "kg"; known are {", ".join(PLACES)}')
    return {name: name for name in PLACES} | units


def _means(top: Mapping[str, Any], groups: list[str]) -> dict[str, dict[str, str]]:
    """By group what each of its texts means; every group is an amount, a text, or one of these."""
    if not any(name in groups for name in AMOUNTS):
        raise _wrong("the pattern has no group for a weight", f"one of {', '.join(AMOUNTS)}")
    tables = top.get("means", {})
    if not isinstance(tables, dict):
        raise _wrong(f"means = {tables!r}", "a table [means.GROUP] for each group")
    words = (*STATES, *FAULTS)
    for name, table in tables.items():
        if name not in groups or name in {*AMOUNTS, *TEXTS}:
            raise _wrong(f"[means.{name}]", "a group of the pattern that is no weight and no text")
        for text, word in table.items() if isinstance(table, dict) else ():
            _latin(text, f"[means.{name}]")
            if word not in words:
                raise _wrong(f"[means.{name}]: {text!r} = {word!r}", ", ".join(words))
    for name in groups:
        if name not in {*AMOUNTS, *TEXTS} and not isinstance(tables.get(name), dict):
            raise _wrong(f"nothing says what the group {name!r} means", f"a table [means.{name}]")
    return tables


def _try(described: Described, text: str, samples: object, ends: bytes) -> None:
    """Every sample is read as it says, and every group stands in one."""
    if not isinstance(samples, list) or not samples:
        raise _wrong("no [[sample]] at all", "lines of the scale with what its display showed")
    heads = [n for n, one in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*sample", one)]
    shown: set[str] = set()
    for number, sample in enumerate(samples):
        where = f"sample {number + 1}"
        if len(heads) == len(samples):
            where = f"line {heads[number]}, {where}"
        if not isinstance(sample, dict):
            raise _wrong(f"{where} = {sample!r}", "keys and values")
        _known(sample, _SAMPLE, where)
        raw = _latin(sample.get("line"), f"{where}: line") + ends
        shown |= _one(described.reader, raw, sample, where)
    for name in sorted(described.reader.groups - shown):
        raise _wrong(f"no sample shows the group {name!r}", "a sample for each group")


def _one(reader: Reader, raw: bytes, sample: Mapping[str, Any], where: str) -> set[str]:
    """Try a sample; gives the groups that it has. Raises SettingError."""
    match = reader.search(raw, 0)
    if match is None or match.span() != (0, len(raw)):
        raise _wrong(f"{where}: {raw!r} is no line of the pattern", "a pattern that fits it")
    told = _told(reader.read(match, ""))
    says = _says(sample, where)
    if told != says:
        raise _wrong(f"{where}: it is read as {told}, not as {says}", "a map that reads it so")
    return {name for name, part in match.groupdict().items() if part}


def _told(said: Said | None) -> dict[str, object]:
    """What a line says, as a sample has it."""
    if said is None:
        return {}
    readings, against = said
    if against:
        return {"fault": against[0][0]}
    told: dict[str, object] = {one.register: one.value for one in readings}
    steady = {"unchecked": True, "unstable": False}
    doubt = readings[0].doubt
    return told | ({"stable": steady[doubt]} if doubt in steady else {})


def _amount(text: object) -> int | None:
    return mass.milligrams(text) if isinstance(text, str) else None


def _says(sample: Mapping[str, Any], where: str) -> dict[str, object]:
    says = sample.get("says", {})
    if "fault" in sample:
        if says or sample["fault"] not in (*FAULTS, "unit", "status", "value"):
            raise _wrong(f"{where}: fault = {sample['fault']!r}", f"one of {', '.join(FAULTS)}")
        return {"fault": sample["fault"]}
    if not isinstance(says, dict):
        raise _wrong(f"{where}: says = {says!r}", 'says = { net = "3.425 kg", stable = true }')
    read: Mapping[str, Callable[[object], object]] = {
        "stable": lambda one: one if isinstance(one, bool) else None,
        "alibi": lambda one: one if isinstance(one, str) else None,
    }
    told = {name: read.get(name, _amount)(one) for name, one in says.items()}
    for name, value in told.items():
        if value is None:
            raise _wrong(f"{where}: {name} = {says[name]!r}", 'an amount such as "3.425 kg"')
    return told
