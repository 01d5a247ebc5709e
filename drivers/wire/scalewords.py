"""What a line of a scale says, by the groups of a pattern that fits it.

Spec: docs/scale-map.md.
"""

import re
from collections.abc import Mapping

from drivers.reading import Reading
from drivers.wire.said import Said

AMOUNTS = ("value", "net", "gross", "tare")
TEXTS = ("sign", "unit", "alibi", "serial")
SKIPPED = "_skipped"  # the group of lines that say nothing
STATES = ("stable", "unstable", "net", "gross", "")
# Why a line has no weight that counts, in the words of every scale's driver.
FAULTS = {
    "over": "more than the scale's maximum",
    "under": "less than the scale's minimum",
    "range": "outside the scale's range; it does not say which way",
    "unzeroed": "switched on and not zeroed, or outside the range of its zero",
    "tilt": "the scale is not level",
    "busy": "the scale weighs, tares or shows a menu",
    "hold": "the scale holds an old weight",
    "low-battery": "the scale's battery is low",
    "syntax": "the scale does not know the question",
    "transmission": "the question arrived damaged",
    "logic": "the scale cannot do this now",
    "scale-error": "the scale reports an error",
}

_NUMBER = re.compile(rb" *([-+]?) *(\d{1,12})(?:[.,](\d{0,9}))? *")
_TENS: list[int] = [10**n for n in range(19)]


class Reader:
    """Finds lines and reads them. `means` gives by group what its texts mean, `units` the powers
    of ten of the scale's units down to milligrams; `unit` is the one of a line that tells none,
    `places` how many digits of a number without a point stand behind it.
    """

    def __init__(
        self,
        line: re.Pattern[bytes],
        *,
        end: bytes,
        means: Mapping[str, Mapping[str, str]],
        units: Mapping[str, int],
        unit: str,
        places: int,
    ) -> None:
        self.search = line.search
        self.end = end  # the byte after which a line begins
        self.groups = frozenset(line.groupindex) - {SKIPPED}
        at = line.groupindex
        self._skipped = at.get(SKIPPED, 0)
        self._means = [
            (at[name], name, {text.encode("latin-1"): word for text, word in table.items()})
            for name, table in means.items()
        ]
        self._amounts = [(at[name], name) for name in AMOUNTS if name in at]
        self._sign, self._unit_at, self._alibi, self._serial = (at.get(name, 0) for name in TEXTS)
        self._tens = {name.encode("latin-1"): tens for name, tens in units.items()}
        self._unit = unit.encode("latin-1")
        self._places = places

    def read(self, line: re.Match[bytes], serial: str) -> Said | None:
        """What a line says; None for one that is known to say nothing.

        `serial` is the number of the scale where the line does not tell it.
        """
        if self._skipped and line[self._skipped] is not None:
            return None
        words = []
        refused = ""
        for at, name, table in self._means:
            text = line[at]
            if text is None:
                continue
            word = table.get(text)
            if word is None:
                known = ", ".join(_shown(one) for one in table)
                return _refused("status", f"{name} is {_shown(text)}, known are {known}")
            words.append(word)
            if word in FAULTS and not refused:
                refused = word
        if refused:
            return _refused(refused, FAULTS[refused])
        return self._weighed(line, words, serial)

    def _weighed(self, line: re.Match[bytes], words: list[str], serial: str) -> Said:
        unit = self._text(line, self._unit_at) or self._unit
        tens = self._tens.get(unit)
        if tens is None:
            known = ", ".join(_shown(one) for one in self._tens)
            return _refused("unit", f"unit {_shown(unit)}, known are {known}")
        doubt = "unjudged"
        if "unstable" in words:
            doubt = "unstable"
        elif "stable" in words:
            doubt = "unchecked"
        serial = self._text(line, self._serial).decode("latin-1") or serial
        readings = []
        for at, name in self._amounts:
            text = line[at]
            if text is None:
                continue
            sign = b"" if name == "tare" else self._text(line, self._sign)
            value = self._milligrams(text, sign, tens)
            if value is None:
                return _refused("value", f"{name} is {_shown(text)}")
            own = name
            if name == "value":
                own = "gross" if "gross" in words else "net"
            readings.append(Reading(own, value, "mg", None, serial, None, doubt))
        if not readings:
            return _refused("value", "no weight in it")
        if alibi := self._text(line, self._alibi).decode("latin-1"):
            readings.append(Reading("alibi", alibi, "", None, serial, None, doubt))
        return tuple(readings), ()

    def _text(self, line: re.Match[bytes], at: int) -> bytes:
        """A group without the blanks around it, b"" where the pattern or the line lacks it."""
        return (line[at] or b"").strip() if at else b""

    def _milligrams(self, text: bytes, sign: bytes, tens: int) -> int | None:
        """Below a milligram it is rounded down; None for what is no number."""
        number = _NUMBER.fullmatch(text)
        if number is None:
            return None
        own, whole, fraction = number.groups()
        places = self._places if fraction is None else len(fraction)
        digits = int(whole + (fraction or b""))
        if own == b"-" or sign == b"-":
            digits = -digits
        if tens >= places:
            return digits * _TENS[tens - places]
        return digits // _TENS[places - tens]


def _shown(text: bytes) -> str:
    return repr(text[:20].decode("latin-1"))


def _refused(kind: str, what: str) -> Said:
    return (), ((kind, what),)
