"""What flows through a meter, by its register: only whole counts, each in one base unit.

Spec: IEC 62056-6-1, value groups A (what flows), C (of it), D and E (how it is reckoned, rate).
DSMR P1 companion 5.0.2, 6.12: a meter on an M-Bus channel says what it is by `0-n:24.1.0`, in the
telegram that its record holds.
"""

import re
import zlib
from collections.abc import Iterable
from functools import lru_cache
from math import floor
from typing import NamedTuple

from gateway.contract.keys import unb64
from gateway.contract.record import Element
from ledger_bridge.books.facts.believe import amount_of

# Device types of EN 13757-3, as a telegram says them.
_KINDS = {
    3: "gas",
    4: "heat",
    6: "hot-water",
    7: "water",
    10: "cold",
    11: "cold",
    12: "heat",
    13: "heat",
    21: "hot-water",
    22: "water",
}
# The register of a whole count and of its parts, such as tariffs; what is in group 1 is this for
# the whole. A phase, what a meter kept of another day and what carried the heat are none of these.
_REGISTERS = (
    ("taken", re.compile(r"1-\d+:1\.8\.(\d+)"), "0"),
    ("given", re.compile(r"1-\d+:2\.8\.(\d+)"), "0"),
    ("gas", re.compile(r"7-\d+:3\.(\d+\.\d+)"), "0.0"),
    ("water", re.compile(r"8-\d+:1\.0\.(\d+)"), "0"),
    ("hot-water", re.compile(r"9-\d+:1\.0\.(\d+)"), "0"),
    ("heat", re.compile(r"6-\d+:1\.0\.(\d+)"), "0"),
    ("cold", re.compile(r"5-\d+:1\.0\.(\d+)"), "0"),
)
_CHANNEL = re.compile(r"0-(?:n|[1-9]\d*):24\.2\.([13])")
_GAS_UNCONVERTED = "3"  # Belgium's 0-n:24.2.3 is gas and nothing else

# What one thousandth of a base unit is in the unit that a flow is told in: heat is told in mJ.
_IN_MJ = {"J": 1, "Wh": 3_600}
_SIZES = {"taken": {"Wh": 1}, "given": {"Wh": 1}, "heat": _IN_MJ, "cold": _IN_MJ}
_VOLUME = {"l": 1}

# No telegram is longer, whatever its deflated bytes say.
_TELEGRAM_BYTES_MAX = 64 * 1024
_KIND = re.compile(rb"^0-([1-9]\d*):24\.1\.0\((\d{1,3})\)", re.MULTILINE)


class Flow(NamedTuple):
    """What a register counts. `head` is common to a whole count and its parts; one thousandth of
    its base unit is `size` of the unit that the flow is told in.
    """

    name: str
    head: str
    is_whole: bool
    size: int

    def amount(self, delta: int, per_pulse: str) -> int:
        """An increase in mWh, mL or mJ, rounded down."""
        if per_pulse:
            return floor(amount_of(delta, per_pulse) * self.size)
        return delta * self.size


@lru_cache(maxsize=4096)
def flow_of(register: str, base: str, kind: str = "") -> Flow | None:
    """What flows by a register that counts in a base unit (Wh, l, J); None for other counts.

    `kind` is what a meter on an M-Bus channel says it measures, see `kind_in`.

    >>> flow_of("1-0:1.8.2", "Wh")
    Flow(name='taken', head='1-0:1.8.', is_whole=False, size=1)
    >>> flow_of("0-n:24.2.1", "l"), flow_of("6-0:2.0.0", "l"), flow_of("1-0:1.8.0", "pulse")
    (None, None, None)
    """
    if channel := _CHANNEL.fullmatch(register):
        name = "gas" if channel[1] == _GAS_UNCONVERTED else kind or ("heat" if base == "J" else "")
        found = name, register[: channel.start(1)], channel[1] != _GAS_UNCONVERTED
    else:
        found = _of_register(register)
    name, head, is_whole = found
    size = _SIZES.get(name, _VOLUME).get(base)
    return Flow(name, head, is_whole, size) if name and size else None


def _of_register(register: str) -> tuple[str, str, bool]:
    for name, pattern, whole in _REGISTERS:
        if match := pattern.fullmatch(register):
            return name, register[: match.start(1)], match[1] == whole
    return "", "", False


def is_on_channel(register: str) -> bool:
    """Whether the register alone does not tell what flows."""
    return _CHANNEL.fullmatch(register) is not None


def kind_in(elements: Iterable[Element], device: str, register: str, serial: str) -> str:
    """What the telegram of a record says that a meter on a channel measures; "" where it does not,
    or is in a cipher.
    """
    sent, channel = b"", register.partition(":")[0][2:]
    for one in elements:
        place, _, name = one.n.partition("/")
        if place != device:
            continue
        if name == "telegram":
            sent = _inflated(one.vd)
        elif serial and one.serial == serial and is_on_channel(name):
            channel = name.partition(":")[0][2:]
    kinds = dict(_KIND.findall(sent))
    return _KINDS.get(int(kinds.get(channel.encode(), b"0")), "")


def _inflated(vd: str) -> bytes:
    try:
        return zlib.decompressobj().decompress(unb64(vd), _TELEGRAM_BYTES_MAX)
    except (ValueError, zlib.error):
        return b""
