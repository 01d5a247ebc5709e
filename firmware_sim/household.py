"""A household's load and solar roof, and the counters of its meter: integers, from a seed.

The truth is kept in milliwatt-seconds, so nothing is lost between steps; a meter shows whole
watt-hours of it. Per step energy in minus energy out is exactly load minus solar.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from random import Random
from typing import NamedTuple

from firmware_sim.devices.p1 import LOW, NORMAL, ZONE, Gas, Meter, Phase, Shown

STEP_MS = 10_000
_STEP_S = STEP_MS // 1000
_MWS_PER_WH = 3_600_000
_DAY_S = 86_400
_BLOCK_S = 300  # clouds and the base load change from one block to the next

# Minutes of daylight per month at 52 degrees north, and the minute of the highest sun in UTC.
_DAYLIGHT_MIN = (490, 590, 710, 835, 945, 1005, 975, 870, 755, 635, 520, 465)
_NOON_MIN = 700


class House(NamedTuple):
    """What a household has: watts of panels, phases, the watts that never go off, gas, and a heat
    pump of so many watts.

    The meter of a house without `feeds` does not count backwards: what the roof makes too much is
    nobody's.
    """

    name: str
    meter: Meter
    solar_wp: int
    phases: int = 1
    base_w: int = 150
    gas_serial: str = ""
    heat_pump_w: int = 0
    feeds: bool = True


class Use(NamedTuple):
    """Something that is on for a while, in local seconds of the day, and its watts."""

    start_s: int
    end_s: int
    amount: int


class Habits(NamedTuple):
    """What the day in a house is like: drawn once per house and day."""

    uses: tuple[Use, ...]
    base_w: tuple[int, ...]
    clear_permille: tuple[int, ...]
    gas_litres: tuple[int, ...]


class Flows(NamedTuple):
    """When the heat pump runs, and when water flows: its uses are in millilitres per second."""

    heat_pump: tuple[Use, ...]
    taps: tuple[Use, ...]


@lru_cache(maxsize=64)
def _flows(house: House, seed: int, day: str) -> Flows:
    draw = Random(f"{seed}/{house.name}/{day}/flows")  # noqa: S311 - a play, no secret

    def use(minute: int, seconds: int, amount: int) -> Use:
        start_s = (minute + draw.randrange(25)) * 60 + draw.randrange(6) * 10
        return Use(start_s, start_s + seconds, amount * draw.randint(80, 100) // 100)

    # Hot water in the morning and after noon; from October to April the house itself as well.
    is_cold = int(day[5:7]) in {1, 2, 3, 4, 10, 11, 12}
    runs = range(15, 1440, 120) if is_cold else (330, 780, 1050)
    showers = [use(minute, draw.randint(240, 540), 150) for minute in (400, 430, 1290)]
    others = [use(minute, draw.randint(10, 60), 110) for minute in range(420, 1400, 70)]
    return Flows(
        heat_pump=tuple(use(minute, 2_700, house.heat_pump_w) for minute in runs),
        taps=(*showers, *others),
    )


@lru_cache(maxsize=64)
def _habits(house: House, seed: int, day: str) -> Habits:
    # A text seeds Random by its digest, the same on every machine and in every run.
    draw = Random(f"{seed}/{house.name}/{day}")  # noqa: S311 - a play, no secret

    def uses(count: int, between: tuple[int, int], minutes: int, watts: int) -> list[Use]:
        drawn = []
        for _ in range(count):
            start = draw.randint(between[0] * 60, between[1] * 60) * 60
            lasts = draw.randint(minutes // 2, minutes) * 60
            drawn.append(Use(start, start + lasts, draw.randint(watts * 7 // 10, watts)))
        return drawn

    blocks = _DAY_S // _BLOCK_S + 1
    clear, clouds = 800, []
    for _ in range(blocks):
        clear = min(1000, max(250, clear + draw.randint(-160, 170)))
        clouds.append(clear)
    fridge = draw.randrange(4)
    base = (house.base_w + 70 * (n // 4 % 2 == fridge % 2) for n in range(blocks))
    return Habits(
        uses=(
            *uses(2, (7, 9), 6, 2000),  # kettle and coffee
            *uses(1, (9, 16), 90, 1100),  # washing machine
            *uses(2, (17, 19), 50, 2300),  # cooking
            *uses(1, (20, 22), 80, 900),  # dishwasher
            *uses(2, (18, 22), 100, 260),  # lamps and a screen
        ),
        base_w=tuple(watts + draw.randint(-12, 12) for watts in base),
        clear_permille=tuple(clouds),
        gas_litres=tuple(
            draw.randint(0, 60) if 84 <= n < 100 or 216 <= n < 260 else 0 for n in range(blocks)
        ),
    )


def _sun_permille(day_of_year_utc: datetime) -> int:
    """How high the sun stands: 0 by night, 1000 at noon, along a softened parabola."""
    second = day_of_year_utc.hour * 3600 + day_of_year_utc.minute * 60 + day_of_year_utc.second
    length_s = _DAYLIGHT_MIN[day_of_year_utc.month - 1] * 60
    since_rise_s = second - (_NOON_MIN * 60 - length_s // 2)
    if not 0 < since_rise_s < length_s:
        return 0
    height = 4000 * since_rise_s * (length_s - since_rise_s) // (length_s * length_s)
    return height * (500 + height) // 1500


def tariff(local: datetime) -> int:
    """Low from 23 to 7 o'clock and at weekends, as Dutch meters have it."""
    return LOW if local.weekday() >= 5 or not 7 <= local.hour < 23 else NORMAL


@dataclass(slots=True)
class Counters:
    """What has really been counted, in milliwatt-seconds (at the front door by tariff), litres of
    gas, millilitres of water, and milliseconds that the heat pump ran.
    """

    import_mws: dict[int, int] = field(default_factory=lambda: {LOW: 0, NORMAL: 0})
    export_mws: dict[int, int] = field(default_factory=lambda: {LOW: 0, NORMAL: 0})
    gas_litres: int = 0
    made_mws: int = 0
    heat_pump_mws: int = 0
    heat_pump_ms: int = 0
    water_ml: int = 0


class Power(NamedTuple):
    """What flows during a step: watts, and millilitres of water per second."""

    load_w: int
    solar_w: int
    heat_pump_w: int
    water_ml_s: int


class Household:
    """A house that lives from step to step; `shown()` is what its meter shows then."""

    def __init__(self, house: House, *, seed: int, start_ms: int) -> None:
        assert start_ms % STEP_MS == 0, start_ms
        draw = Random(f"{seed}/{house.name}")  # noqa: S311 - a play, no secret
        self.house = house
        self.at_ms = start_ms
        self.counters = Counters(gas_litres=draw.randrange(2_000_000))
        for counted in (self.counters.import_mws, self.counters.export_mws):
            for name in counted:
                # An old meter, somewhere inside a watt-hour.
                counted[name] = draw.randrange(4_000_000) * _MWS_PER_WH + draw.randrange(
                    _MWS_PER_WH
                )
        self._begin_small_meters(Random(f"{seed}/{house.name}/meters"))  # noqa: S311
        self._seed = seed
        self._gas = Gas(house.gas_serial, start_ms // 300_000 * 300_000, self.counters.gas_litres)
        self.now = self.powers()

    def _begin_small_meters(self, draw: Random) -> None:
        counted = self.counters
        counted.made_mws = draw.randrange(3_000_000_000) * 3_600
        counted.heat_pump_mws = draw.randrange(3_000_000_000) * 3_600
        counted.heat_pump_ms = counted.heat_pump_mws // 1_600_000 * 1_000
        counted.water_ml = draw.randrange(400_000_000)

    def powers(self) -> Power:
        """What flows during the step that begins now; the heat pump is part of the load."""
        local = _local(self.at_ms)
        second = local.hour * 3600 + local.minute * 60 + local.second
        day = local.date().isoformat()
        habits = _habits(self.house, self._seed, day)
        block, into = divmod(second, _BLOCK_S)
        flows = _flows(self.house, self._seed, day)
        heat_pump_w = _flowing(flows.heat_pump, second)
        load_w = habits.base_w[block] + _flowing(habits.uses, second) + heat_pump_w
        sun = _sun_permille(datetime.fromtimestamp(self.at_ms // 1000, UTC))
        before, after = habits.clear_permille[block : block + 2]
        clear = before + (after - before) * into // _BLOCK_S
        # A roof gives at most about four fifths of what its panels are sold for.
        solar_w = self.house.solar_wp * sun * clear * 8 // 10_000_000
        return Power(load_w, solar_w, heat_pump_w, _flowing(flows.taps, second))

    def step(self) -> None:
        """Live through the next step; what is used and made in it is counted."""
        now, counters = self.now, self.counters
        name = tariff(_local(self.at_ms))
        net_mws = self._net_w() * 1000 * _STEP_S
        counted = counters.import_mws if net_mws > 0 else counters.export_mws
        counted[name] += abs(net_mws)
        counters.made_mws += now.solar_w * 1000 * _STEP_S
        counters.heat_pump_mws += now.heat_pump_w * 1000 * _STEP_S
        counters.heat_pump_ms += STEP_MS if now.heat_pump_w else 0
        counters.water_ml += now.water_ml_s * _STEP_S
        self.at_ms += STEP_MS
        self.now = self.powers()
        if self.house.gas_serial and self.at_ms % 300_000 == 0:
            local = _local(self.at_ms)
            habits = _habits(self.house, self._seed, local.date().isoformat())
            block = (local.hour * 60 + local.minute) // 5
            self.counters.gas_litres += habits.gas_litres[block]
            self._gas = Gas(self.house.gas_serial, self.at_ms, self.counters.gas_litres)

    def _net_w(self) -> int:
        """What the front door takes, less than nothing where it gives."""
        net_w = self.now.load_w - self.now.solar_w
        return net_w if self.house.feeds else max(net_w, 0)

    def shown(self) -> Shown:
        """What the registers show: whole watt-hours, the rest is kept inside the meter."""
        net_w = self._net_w()
        counters = self.counters
        return Shown(
            at_ms=self.at_ms,
            import_t1_wh=counters.import_mws[1] // _MWS_PER_WH,
            import_t2_wh=counters.import_mws[2] // _MWS_PER_WH,
            export_t1_wh=counters.export_mws[1] // _MWS_PER_WH,
            export_t2_wh=counters.export_mws[2] // _MWS_PER_WH,
            tariff=tariff(_local(self.at_ms)),
            import_w=max(net_w, 0),
            export_w=max(-net_w, 0),
            phases=self._phases(net_w),
            gas=self._gas if self.house.gas_serial else None,
        )

    def _phases(self, net_w: int) -> tuple[Phase, ...]:
        """The net power shared out: a third of it each, what is left over on the first."""
        count = self.house.phases
        parts = [abs(net_w) // count] * count
        parts[0] += abs(net_w) - sum(parts)
        # The voltage rises a little with what the roof pushes into the street.
        voltage_dv = 2300 - net_w // 250
        takes = net_w > 0
        return tuple(
            Phase(
                voltage_dv=voltage_dv + n,
                current_ma=watts * 10_000 // (voltage_dv + n),
                import_w=watts if takes else 0,
                export_w=0 if takes else watts,
            )
            for n, watts in enumerate(parts)
        )


def _flowing(uses: tuple[Use, ...], second: int) -> int:
    """What flows by all that is on at this local second of the day."""
    return sum(use.amount for use in uses if use.start_s <= second < use.end_s)


@lru_cache(maxsize=256)
def _hour(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, ZONE)


def _local(at_ms: int) -> datetime:
    """Local wall time; whole hours are looked up once, for the zone's own arithmetic is slow."""
    hour, rest_s = divmod(at_ms // 1000, 3600)
    # Offsets change on the hour only, so minutes and seconds are the same in both.
    return _hour(hour).replace(minute=rest_s // 60, second=rest_s % 60)


def local_midnight_ms(day: date) -> int:
    """UTC of the midnight that begins this local day."""
    return round(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()) * 1000
