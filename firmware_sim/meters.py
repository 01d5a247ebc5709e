"""The meters of a household as simulated devices, and what each of them shows of the house.

A device of `devices/` asks a source what to show; here the source is the house itself, whose
counters are the village's truth.
"""

from collections.abc import Callable

from firmware_sim import device, truth
from firmware_sim.devices.p1 import telegram
from firmware_sim.household import Household
from firmware_sim.street import PULSES_PER_KWH, Device, Home
from firmware_sim.truth import Energy

Shown = device.Shown

# What a heat pump gives for what it takes, in tenths, and what goes round in it.
_HEAT_PER_POWER = 33
_ROUND_ML_PER_S = 170
_MAINS_MV = 230_000
MWS_PER_WH = 3_600_000


class FrontDoor:
    """The meter at a P1 port: a telegram at every step."""

    def __init__(self, household: Household) -> None:
        self._household = household
        self._truth: Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        del data, now_ms
        return b""

    def ticks(self, now_ms: int) -> bytes:
        shown = self._household.shown()
        assert shown.at_ms == now_ms, (shown.at_ms, now_ms)
        meter = self._household.house.meter
        self._truth = truth.registers(shown, meter.dialect)
        return telegram(meter, shown)

    def truth(self) -> Shown:
        return self._truth


class Counting:
    """A contact: what it has counted stands before the first pulse as well."""

    def __init__(self, contact: device.Simulated, register: str) -> None:
        self._contact = contact
        self._register = register
        self.hears = contact.hears
        self.ticks = contact.ticks

    def truth(self) -> Shown:
        return {self._register: 0, **self._contact.truth()}


def _heat(household: Household) -> Shown:
    """A heat meter behind the heat pump: millijoules, millilitres, thousandths of a degree."""
    counted, power_w = household.counters, household.now.heat_pump_w
    heat_mj = counted.heat_pump_mws * _HEAT_PER_POWER // 10
    return {
        "6-0:1.0.0": heat_mj,
        "6-0:1.0.0*1": heat_mj // 10**12 * 10**12,
        "6-0:2.0.0": counted.heat_pump_ms // 1000 * _ROUND_ML_PER_S,
        "6-0:8.0.0": power_w * 1000 * _HEAT_PER_POWER // 10,
        "6-0:10.0.0": 48_000 if power_w else 23_000,
        "6-0:11.0.0": 40_000 if power_w else 22_500,
        "operating-time": counted.heat_pump_ms,
        "flow_l_h": _ROUND_ML_PER_S * 3600 // 1000 if power_w else 0,
    }


def _water(household: Household) -> Shown:
    return {
        "8-0:1.0.0": household.counters.water_ml,
        "8-0:1.0.0*1": household.counters.water_ml // 10**8 * 10**8,
        "flow_l_h": household.now.water_ml_s * 3600 // 1000,
        "outside-temperature": 14_000,
    }


def _heat_pump(household: Household) -> Shown:
    """What a meter of three phases shows of the heat pump, which draws on all of them alike."""
    power_mw = household.now.heat_pump_w * 1000
    counted_mwh = household.counters.heat_pump_mws // 3600
    shown: dict[str, int | str] = {
        "1-0:1.8.0": counted_mwh,
        "1-0:2.8.0": 0,
        "1-0:3.8.0": counted_mwh // 8,
        "1-0:4.8.0": 0,
        "1-0:15.8.0": counted_mwh,
        "1-0:16.7.0": power_mw,
        "1-0:9.7.0": power_mw,
        "1-0:13.7.0": 1_000,
        "1-0:14.7.0": 50_000,
        "reactive-power-signed": 0,
    }
    for phase in (1, 2, 3):
        c = 20 * phase
        shown |= {
            f"1-0:{12 + c}.7.0": _MAINS_MV,
            f"1-0:{11 + c}.7.0": power_mw * 1000 // 3 // _MAINS_MV,
            f"1-0:{9 + c}.7.0": power_mw // 3,
            f"1-0:{16 + c}.7.0": power_mw // 3,
            f"1-0:{13 + c}.7.0": 1_000,
            f"1-0:{1 + c}.8.0": counted_mwh // 3,
            f"1-0:{2 + c}.8.0": 0,
            f"reactive-power-signed.l{phase}": 0,
        }
    return shown


def _pulses(household: Household) -> int:
    """Whole pulses of all that the panels have made."""
    return household.counters.made_mws * PULSES_PER_KWH // (1000 * MWS_PER_WH)


def _balcony(household: Household) -> Shown:
    return {"1-0:2.8.0": _pulses(household)}


def _one_way(household: Household) -> Shown:
    """A meter that counts what is taken, by tariff and in all, and cannot count backwards."""
    counted, now = household.counters.import_mws, household.now
    return {
        "1-0:1.8.0": sum(counted.values()) // 3600,
        "1-0:1.8.1": counted[1] // 3600,
        "1-0:1.8.2": counted[2] // 3600,
        "1-0:15.7.0": abs(now.load_w - now.solar_w) * 1000,
    }


def _both_ways(household: Household) -> Shown:
    """A meter that counts what is taken and what is given back, and the power of either."""
    counted, shown = household.counters, household.shown()
    return {
        "1-0:1.8.0": sum(counted.import_mws.values()) // 3600,
        "1-0:2.8.0": sum(counted.export_mws.values()) // 3600,
        "1-0:3.8.0": 0,
        "1-0:4.8.0": 0,
        "1-0:1.7.0": shown.import_w * 1000,
        "1-0:2.7.0": shown.export_w * 1000,
        "1-0:3.7.0": 0,
        "1-0:4.7.0": 0,
    }


# What a device shows, by its driver and variant.
_SHOWN: dict[tuple[str, str], Callable[[Household], Shown]] = {
    ("dlms", "Landis+Gyr, encrypted in blocks"): _both_ways,
    ("mbus", "heat meter"): _heat,
    ("mbus", "water meter"): _water,
    ("s0", "production meter"): _balcony,
    ("sdm630", "as delivered"): _heat_pump,
    ("sml", "EMH eHZ"): _one_way,
}


def energy(home: Home, household: Household) -> Energy:
    """What the street's rule counts: what was given back at the front door, or where nothing can
    be, what the panels made in whole pulses.
    """
    shown, counted = household.shown(), household.counters
    imported_wh = shown.import_t1_wh + shown.import_t2_wh
    if not home.house.feeds:
        return Energy(_pulses(household) * 1000 // PULSES_PER_KWH, imported_wh)
    if home.devices[0].driver == "p1":  # which counts by tariff, each in whole watt-hours
        return Energy(shown.export_t1_wh + shown.export_t2_wh, imported_wh)
    return Energy(sum(counted.export_mws.values()) // MWS_PER_WH, imported_wh)


def begin(one: Device, household: Household, *, seed: int) -> device.Simulated:
    """The device, showing at any time what its house has come to by then."""
    if one.driver == "p1":
        return FrontDoor(household)
    shows = _SHOWN[one.driver, one.variant]

    def source(at_ms: int) -> Shown:
        assert at_ms == household.at_ms, (at_ms, household.at_ms)
        return shows(household)

    simulated = device.load(one.driver).begin(one.variant, source, seed, household.at_ms)
    return Counting(simulated, settings(one)["register"]) if one.counts else simulated


def settings(one: Device) -> dict[str, str]:
    """What its block in gateway.toml needs beside driver and port."""
    if one.driver == "p1":
        return {}
    return {**device.load(one.driver).variants[one.variant], **one.settings}
