"""What is written: the measurements with their tags and fields, and how a point becomes a line.

All fields are integers in the smallest unit that the books use, so that no field can ever have two
types, and no name is a tag here and a field there. A point is told apart by its tags and its time
alone; whoever writes it twice writes it once. Times are UTC milliseconds: the begin of a
quarter-hour or of a local day for what was counted in it, else the moment itself.

Spec: InfluxDB line protocol, <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Bucket = Literal["years", "months"]

# What stands where a point is about nobody, nothing or no rule: a tag must not be empty.
NONE = "-"
# The gateway of figures that a grid operator measured.
OFFICIAL = "official"


class Measurement(NamedTuple):
    """One kind of point. Every point has all tags and, but where it says so, all fields.

    `fields` by name with their unit. `bucket` is what keeps it: for years, or for months only.
    """

    name: str
    tags: tuple[str, ...]
    fields: Mapping[str, str]
    bucket: Bucket = "years"

    def key(self, *tags: str) -> str:
        """The line up to its fields: the name and the values of all tags, in their order.

        >>> DAY.key("zonstraat", "a1", "taken")
        'day,community=zonstraat,account=a1,flow=taken'
        """
        pairs = zip(self.tags, tags, strict=True)
        return ",".join([self.name, *(f"{name}={escaped(value)}" for name, value in pairs)])


_SHOWN = ("community", "account", "gateway", "device", "register", "unit", "clock")
_IN_UNIT = {"value": "milli-units of `unit`; whole pulses, pieces and counts"}

# What a counter showed, at the time of its reading. `clock` is how far the gateway's was to be
# believed then. `meter` stands for the number of the meter, so that one which was put in its place,
# or hangs on another channel of the same port, is another series; `flow` as in QUARTER, NONE for
# what flows nowhere.
COUNT = Measurement(
    "count",
    (
        *("community", "account", "gateway", "device", "meter"),
        *("register", "unit", "flow", "clock"),
    ),
    _IN_UNIT,
)
# What else the evidence has with a count, at the same quarter-hour: power, voltage, temperature.
GAUGE = Measurement("gauge", _SHOWN, _IN_UNIT)
# The same more often, of those who consented.
SAMPLE = Measurement("sample", _SHOWN, _IN_UNIT, "months")
# What the database itself makes of these, each quarter-hour, to keep for years; `mean` alone of all
# fields is no integer.
SAMPLE_QUARTER = Measurement(
    "sample_quarter", SAMPLE.tags, dict.fromkeys(("mean", "min", "max"), "as `sample`")
)

# The believed increase of a meter in a quarter-hour, by what flows: taken, given, gas, water,
# hot-water, heat, cold. `spanned` is what was gained over several quarter-hours, and is written at
# the last of them: nobody knows when it was. Where nothing was believed there is no point.
QUARTER = Measurement(
    "quarter",
    ("community", "account", "gateway", "device", "flow"),
    {"gained": "mWh, mL, mJ", "spanned": "mWh, mL, mJ"},
)
# The same of an account on a local day, `spanned` included.
DAY = Measurement("day", ("community", "account", "flow"), {"gained": "mWh, mL, mJ"})

# Energy shared in a quarter-hour, by the rule that shares it: what an account took of others', and
# what of its own others took. `final` is 1 once the day is reckoned, and 0 while counts may come.
SHARED = Measurement(
    "shared", ("community", "account", "rule"), {"got": "mWh", "gave": "mWh", "final": "0, 1"}
)
# The same of the whole street, each quarter-hour in which anything was counted: given back, taken
# from the grid, shared of both, and left over of what was given back.
STREET = Measurement(
    "street",
    ("community", "rule"),
    {"produced": "mWh", "used": "mWh", "together": "mWh", "left": "mWh", "final": "0, 1"},
)

# What was booked in a quarter-hour, by the kind of booking (entitlement, or the name of an act).
CREDIT = Measurement(
    "credit",
    ("community", "account", "role", "asset", "kind", "rule"),
    {"plus": "smallest units", "minus": "smallest units, not negative", "bookings": "how many"},
)
# What an account had at the end of a quarter-hour in which something was booked there.
BALANCE = Measurement(
    "balance", ("community", "account", "role", "asset"), {"has": "smallest units"}
)

# What was brought in a quarter-hour, `counted` what of it counts.
DEPOSIT = Measurement(
    "deposit",
    ("community", "account", "gateway", "fraction", "unit"),
    {"brought": "mg, thousandths of a piece", "counted": "the same", "bags": "how many"},
)
# What was not credited in a quarter-hour and why: `what` is meter, deposit or kiosk, `reason` the
# verdict or the kiosk's word. Kiosks' have the device "-".
REFUSAL = Measurement(
    "refusal", ("community", "gateway", "device", "what", "reason"), {"times": "how many"}
)
# What lies in a container after the last deposit, or emptying, of a quarter-hour.
CONTAINER = Measurement("container", ("community", "gateway", "fraction"), {"inside": "mg"})
# An emptying, at its moment; `hauled` is left out until the haulier has told.
EMPTYING = Measurement(
    "emptying", ("community", "gateway", "fraction"), {"delivered": "mg", "hauled": "mg"}
)
# What a scale showed for a weight that is known, at its moment; `error` is shown less nominal,
# `allowed` what it may be off.
WEIGHT = Measurement(
    "weight",
    ("community", "gateway", "device"),
    {"nominal": "mg", "shown": "mg", "error": "mg", "allowed": "mg"},
)

# What a gateway says of itself while it is there, and since when the hub has had no evidence of it.
# Fields that it says nothing of are left out. `clock_rank`: 0 unset, 1 held, 2 meter, 3 synced.
GATEWAY = Measurement(
    "gateway",
    ("community", "gateway"),
    {
        "online": "0, 1",
        "silent": "min since evidence was stored; 0 where it need not say anything",
        "pending": "records that wait for a receipt",
        "flying": "records sent and not receipted",
        "overdue": "ms since a receipt was due",
        "lag": "ms between a record's making by its own clock and its storing, the last one",
        "clock_rank": "0 to 3",
        "clock_bound": "ms",
        "disk_free": "bytes",
        "written_day": "bytes a day",
        "temperature": "m°C",
        "low_voltage": "0, 1",
        "alarms": "how many",
    },
    "months",
)
# What each line of a gateway brought since it started. `up` is 0 where it is lost or silent.
LINE = Measurement(
    "line",
    ("community", "gateway", "device", "driver"),
    {
        "up": "0, 1",
        "heard": "bytes",
        "telegrams": "how many",
        "faults": "how many",
        "damaged": "parts per million, lately",
        "opened": "how often",
    },
    "months",
)
# The same faults by their kind.
FAULT = Measurement(
    "fault", ("community", "gateway", "device", "fault_kind"), {"so_far": "how many"}, "months"
)
# How the bridge fares. `linked` is 1 while it hears its gateways; `verified` is 1 where the last
# `verify` found no difference, 0 where it did, and left out where there was none, with
# `verify_age`, since when.
BRIDGE = Measurement(
    "bridge",
    ("community",),
    {
        "stored": "records since the bridge started",
        "repeated": "records since the bridge started",
        "refused": "deliveries since the bridge started",
        "receipts": "sent since the bridge started",
        "dirty": "claims that wait to be settled",
        "held": "what waits for a member or a steward: meters, deposits, records, chains and so on",
        "behind": "sheets and records that wait to be written as time series",
        "quarantined": "points that the database refused, and sheets that were left out",
        "linked": "0, 1",
        "verified": "0, 1",
        "verify_age": "s",
    },
    "months",
)
# How long no count of an account has come, in minutes; of those who have a meter now. Before its
# first count it is since the meter was fitted.
SILENCE = Measurement("silence", ("community", "account"), {"minutes": "min"}, "months")

MEASUREMENTS = (
    *(COUNT, GAUGE, SAMPLE, SAMPLE_QUARTER, QUARTER, DAY, SHARED, STREET, CREDIT, BALANCE),
    *(DEPOSIT, REFUSAL, CONTAINER, EMPTYING, WEIGHT, GATEWAY, LINE, FAULT, BRIDGE, SILENCE),
)


class Forget(NamedTuple):
    """What is to be taken away: points of a measurement with these tags, [from_ms, until_ms).

    None: all points with these tags, whenever.
    """

    measurement: Measurement
    tags: Mapping[str, str]
    span_ms: tuple[int, int] | None = None


class Written(NamedTuple):
    """What of a sheet is to be written, after what of it is to be taken away: lines by bucket."""

    forget: tuple[Forget, ...] = ()
    years: tuple[str, ...] = ()
    months: tuple[str, ...] = ()


# No name that anybody gave is longer, and no database takes 64 KiB.
_TAG_CHARS_MAX = 200
_ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})


def stored(value: str) -> str:
    r"""A tag's value as a database keeps it, whatever a gateway calls a thing: characters that can
    be seen, no backslash at the end, which has a meaning there; NONE for nothing.

    >>> stored("a\r\nb\\"), stored("")
    ('a  b', '-')
    """
    if not value.isprintable():
        value = "".join(one if one.isprintable() else " " for one in value)
    return value[:_TAG_CHARS_MAX].rstrip("\\") or NONE


def escaped(value: str) -> str:
    r"""The same as the line protocol has it.

    >>> escaped("a b,c")
    'a\\ b\\,c'
    """
    return stored(value).translate(_ESCAPES)


def line(key: str, fields: Iterable[tuple[str, int]], at_ms: int) -> str:
    """One point. `key` comes from `Measurement.key`, for points of one series only once.

    >>> line("day,community=zonstraat,account=a1,flow=taken", [("gained", 4426000)], 1782079200000)
    'day,community=zonstraat,account=a1,flow=taken gained=4426000i 1782079200000'
    """
    return f"{key} {','.join(f'{name}={value}i' for name, value in fields)} {at_ms}"
