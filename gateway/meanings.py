"""What a register counts or shows, in the words of people, Dutch and English.

Where a register is none of these, its code is its name. Tariffs keep their numbers: what is day
in one country is night in the next.
Spec: IEC 62056-6-1, value groups A (what flows), C (what of it), D (how it is reckoned), E (rate).
"""

import re
from typing import NamedTuple


class Meaning(NamedTuple):
    """One thing in Dutch and in English, without a capital."""

    nl: str
    en: str

    def words(self, language: str) -> str:
        return self.nl if language == "nl" else self.en


# Where the register alone says all; the words without a code are the kinds of M-Bus meters.
MEANINGS = {
    "0-0:1.0.0": Meaning("klok van de meter", "the meter's clock"),
    "0-0:17.0.0": Meaning("begrensd vermogen", "power limit"),
    "0-0:96.1.0": Meaning("serienummer", "serial number"),
    "0-0:96.1.1": Meaning("serienummer", "serial number"),
    "0-0:96.7.0": Meaning("stroomstoringen", "power failures"),
    "0-0:96.7.9": Meaning("lange stroomstoringen", "long power failures"),
    "0-0:96.7.21": Meaning("stroomstoringen", "power failures"),
    "0-0:96.13.0": Meaning("bericht van de netbeheerder", "message of the grid operator"),
    "0-0:96.14.0": Meaning("tarief nu", "tariff now"),
    "1-0:99.97.0": Meaning("duur van de laatste storing", "duration of the last failure"),
    "1-0:1.4.0": Meaning("gemiddelde van dit kwartier", "average of this quarter-hour"),
    "1-0:1.6.0": Meaning("hoogste kwartier van de maand", "highest quarter-hour of the month"),
    "1-0:1.6.1": Meaning("hoogste vermogen van de maand", "highest power of the month"),
    "0-0:98.1.0": Meaning("hoogste kwartier van een maand", "highest quarter-hour of a month"),
    "5-0:1.0.0": Meaning("koude", "cold"),
    "6-0:1.0.0": Meaning("warmte", "heat"),
    "6-0:2.0.0": Meaning("water dat de warmte droeg", "water that carried the heat"),
    "6-0:8.0.0": Meaning("warmtevermogen", "heat flowing"),
    "6-0:9.0.0": Meaning("doorstroming", "its flow"),
    "6-0:10.0.0": Meaning("aanvoertemperatuur", "flow temperature"),
    "6-0:11.0.0": Meaning("retourtemperatuur", "return temperature"),
    "6-0:12.0.0": Meaning("temperatuurverschil", "difference of the temperatures"),
    "7-0:3.0.0": Meaning("gas", "gas"),
    "7-0:3.2.0": Meaning("gas, herleid", "gas, at base conditions"),
    "8-0:1.0.0": Meaning("water", "water"),
    "8-0:2.0.0": Meaning("waterstroom", "water flowing"),
    "9-0:1.0.0": Meaning("warm water", "hot water"),
    "outside-temperature": Meaning("buitentemperatuur", "temperature outside"),
    "operating-time": Meaning("bedrijfstijd", "hours of operation"),
    "reactive-power-signed": Meaning("blindvermogen", "reactive power"),
    "reactive-power-signed.l1": Meaning("blindvermogen, fase 1", "reactive power, phase 1"),
    "reactive-power-signed.l2": Meaning("blindvermogen, fase 2", "reactive power, phase 2"),
    "reactive-power-signed.l3": Meaning("blindvermogen, fase 3", "reactive power, phase 3"),
    "status": Meaning("toestand", "status"),
    "gross": Meaning("brutogewicht", "gross weight"),
    "net": Meaning("nettogewicht", "net weight"),
    "tare": Meaning("tarra", "tare"),
    "electricity": Meaning("elektriciteit", "electricity"),
    "gas": Meaning("gas", "gas"),
    "heat": Meaning("warmte", "heat"),
    "cold": Meaning("koude", "cold"),
    "water": Meaning("water", "water"),
    "hot water": Meaning("warm water", "hot water"),
}
PULSES = Meaning("getelde pulsen", "pulses counted")

# Electricity, by C (of phase 1 plus 20, and so on) and whether D is 7, now, or 8, counted.
_ELECTRICITY = {
    (1, 8): Meaning("afgenomen energie", "energy taken"),
    (2, 8): Meaning("teruggeleverde energie", "energy given back"),
    (3, 8): Meaning("afgenomen blindenergie", "reactive energy taken"),
    (4, 8): Meaning("teruggeleverde blindenergie", "reactive energy given back"),
    (9, 8): Meaning("schijnbare energie", "apparent energy"),
    (15, 8): Meaning("afgenomen en teruggeleverd samen", "energy taken and given back, added up"),
    (16, 8): Meaning("energie per saldo", "net energy"),
    (1, 7): Meaning("vermogen afname", "power taken"),
    (2, 7): Meaning("vermogen teruglevering", "power given back"),
    (3, 7): Meaning("blindvermogen afname", "reactive power taken"),
    (4, 7): Meaning("blindvermogen teruglevering", "reactive power given back"),
    (9, 7): Meaning("schijnbaar vermogen", "apparent power"),
    (11, 7): Meaning("stroom", "current"),
    (12, 7): Meaning("spanning", "voltage"),
    (13, 7): Meaning("arbeidsfactor", "power factor"),
    (14, 7): Meaning("frequentie", "frequency"),
    (15, 7): Meaning("vermogen, beide richtingen", "power, either way"),
    (16, 7): Meaning("vermogen (min: teruglevering)", "power (minus: given back)"),
}
# Sags and swells are counted per phase.
_QUALITY = {
    32: Meaning("spanningsdips", "voltage sags"),
    36: Meaning("spanningspieken", "voltage swells"),
}
_PHASE_STEP = 20
_OBIS = re.compile(r"1-\d+:(\d+)\.(\d+)\.(\d+)")


def meaning(register: str, unit: str = "") -> Meaning | None:
    """What this register means, None where nobody wrote it down.

    A count of pulses is never called energy: only the fit of the meter knows what a pulse is worth.

    >>> meaning("1-0:1.8.1").en
    'energy taken, tariff 1'
    >>> meaning("1-0:52.7.0").nl
    'spanning, fase 2'
    >>> meaning("6-0:1.0.0*1").en
    'heat, earlier'
    """
    if unit == "pulse":
        return PULSES
    code, star, _ = register.partition("*")
    found = MEANINGS.get(code) or _electricity(code)
    return _with(found, "eerder", "earlier") if found and star else found


def _electricity(code: str) -> Meaning | None:
    match = _OBIS.fullmatch(code)
    if match is None:
        return None
    what, how, rate = (int(group) for group in match.groups())
    phase = (what - 1) // _PHASE_STEP if what > _PHASE_STEP else 0
    found = _ELECTRICITY.get((what - phase * _PHASE_STEP, how))
    if how in _QUALITY and what in {32, 52, 72}:
        found, rate = _QUALITY[how], 0
    if found is None or phase > 3:
        return None
    if rate:
        found = _with(found, f"tarief {rate}", f"tariff {rate}")
    return _with(found, f"fase {phase}", f"phase {phase}") if phase else found


def _with(meaning: Meaning, nl: str, en: str) -> Meaning:
    return Meaning(f"{meaning.nl}, {nl}", f"{meaning.en}, {en}")
