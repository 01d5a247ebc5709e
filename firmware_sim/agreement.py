"""Do the books agree with what really happened? Reckoned apart from the books, in exact fractions.

Pure: takes the village's truth and what `meterkast ledger` and `verify` printed, gives per member
both sides and the differences in sentences.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

from firmware_sim import street
from firmware_sim.household import STEP_MS, local_midnight_ms
from firmware_sim.sharing import Flow, Shared, flows, given_back, share
from firmware_sim.street import MINUTE_MS
from firmware_sim.truth import Bag, Day, Place

Steps = Mapping[tuple[str, str, int], Mapping[str, int]]
SHARED, NEIGHBOURS, WASTE = "shared", "neighbours", "waste"
KWH = 1_000_000  # mWh
# A kilogram and a piece in the thousandths of a gram and of a piece that books count.
ONE = {"kg": 1_000_000, "piece": 1_000}
RATES = {kind.id: kind.credit / ONE[kind.unit] for kind in street.FRACTIONS}


class Books(NamedTuple):
    """What the books say of a day: a statement per member, what is held, what everybody has, and
    `verify`.
    """

    statements: Mapping[str, Any]
    held: list[Any]
    balances: list[Any]
    verify: Mapping[str, Any]

    def shared(self) -> Shared:
        """How the day's energy was shared, by a second opinion; accounts say who comes first."""
        accounts = {one["account"]: one["holder"] for one in self.balances}
        order = [accounts[account] for account in sorted(accounts)]
        return share(flows(self.statements), [name for name in order if name in self.statements])


def _floor(amount: Fraction, cap: Fraction) -> Decimal:
    """Down to the last unit of the asset, and no more than the cap; one floor per day."""
    one = 10**street.SCALE_OF_CREDIT
    return Decimal(floor(min(amount, cap) * one)).scaleb(-street.SCALE_OF_CREDIT)


def shared_credit(given_mwh: int) -> Decimal:
    """
    >>> shared_credit(15_718_000)
    Decimal('15.718000')
    """
    earned = Fraction(given_mwh, KWH) * street.SHARED_CREDIT_PER_KWH
    return _floor(earned, street.SHARED_CAP_PER_DAY)


def waste_credit(amounts: Mapping[str, int]) -> Decimal:
    """
    >>> waste_credit({"textile": 1_000_000})
    Decimal('0.083333')
    """
    earned = (RATES[name] * amount for name, amount in amounts.items())
    return _floor(sum(earned, Fraction(0)), street.WASTE_CAP_PER_DAY)


def brought(bags: list[Bag], member: str) -> dict[str, int]:
    """What this member's bags come to by fraction: milligrams that the scale showed, or thousandths
    of a piece.
    """
    amounts: Counter[str] = Counter()
    for bag in bags:
        if bag.member == member:
            amounts[bag.fraction] += 1000 * bag.pieces or bag.shown_mg
    return dict(amounts)


class Account(NamedTuple):
    """One member's day: what the books have measured and credited, and what is true."""

    member: str
    name: str
    measured: dict[str, Any]
    credited: dict[str, str]
    truth: dict[str, str]
    agrees: bool


def account(
    member: street.Member, statement: Mapping[str, Any], day: Day, shared: Shared
) -> Account:
    lines = {line["rule"]: line for line in statement["lines"]}
    given, taken = shared.members.get(member.id, Flow())
    amounts = brought(day.bags, member.id)
    quantities = {name: line["quantity"] for name, line in lines.items()}
    measured = {
        "exported_mWh": given_back(statement),
        "given_mWh": quantities.get(SHARED, {}).get("given", 0),
        "taken_mWh": quantities.get(NEIGHBOURS, {}).get("taken", 0),
        "waste": quantities.get(WASTE, {}),
    }
    true_measures = {
        "exported_mWh": day.exported_wh.get(member.id, 0) * 1000,
        "given_mWh": given,
        "taken_mWh": taken,
        "waste": amounts,
    }
    credited = {line["asset"]: line["credit"] for line in lines.values()}
    true = {
        "ENERGY": str(shared_credit(given)),
        "KWH": str(Decimal(taken).scaleb(-6)),
        "WASTE": str(waste_credit(amounts)),
    }
    agrees = (
        measured == true_measures
        and {name: Decimal(credit) for name, credit in credited.items()}
        == {name: Decimal(credit) for name, credit in true.items()}
        and all(line["settled"] for line in lines.values())
    )
    return Account(member.id, member.name, measured, credited, true, agrees)


class MeterDay(NamedTuple):
    """One meter's day in the books: `kind` is its driver, `used` is what each register gained, in
    its unit of `units`.
    """

    member: str
    gateway: str
    device: str
    title: str
    kind: str
    readings: int
    used: dict[str, int]
    units: dict[str, str]


def meters(day: Day, books: Books) -> list[MeterDay]:
    """Every meter of the street, in its order; `used` from midnight to midnight."""
    begin_ms, end_ms = midnights_ms(day)
    found = []
    for home in street.HOMES:
        for device in home.devices:
            place = (home.gateway, device.name)
            said = [r for r in books.statements[home.member]["readings"] if _place(r) == place]
            values = {(r["register"], utc_ms(r["at"])): r["value"] for r in said}
            units = {r["register"]: r["unit"] for r in said}
            used = {
                register: values[register, end_ms] - values[register, begin_ms]
                for register in sorted(units)
                if {(register, begin_ms), (register, end_ms)} <= values.keys()
            }
            meter = (home.member, *place, device.title, device.driver)
            found.append(MeterDay(*meter, len(said), used, units))
    return found


def midnights_ms(day: Day) -> tuple[int, int]:
    """UTC of the local midnights that begin and end the day."""
    begin = date.fromisoformat(day.day)
    return local_midnight_ms(begin), local_midnight_ms(begin + timedelta(days=1))


def _place(reading: Mapping[str, Any]) -> Place:
    return reading["gateway"], reading["device"]


def differences(day: Day, books: Books, steps: Steps) -> Iterator[str]:
    """Every disagreement in a sentence; nothing where the books equal the truth."""
    if not books.verify.get("verified"):
        where, what = books.verify.get("where"), books.verify.get("what")
        yield f"verify says that the books differ: {what} ({where})"
    shared = books.shared()
    for member in street.MEMBERS:
        found = account(member, books.statements[member.id], day, shared)
        if not found.agrees:
            given, taken = shared.members.get(member.id, Flow())
            yield (
                f"{member.id}: measured {found.measured}, credited {found.credited};"
                f" the truth is {day.exported_wh.get(member.id, 0)} Wh exported, {given} mWh given"
                f" and {taken} mWh taken, {brought(day.bags, member.id)} brought,"
                f" credit {found.truth}"
            )
    supplier = [one["balances"] for one in books.balances if one["role"] == "supplier"]
    has = sum(Decimal(one.get("KWH", "0")) for one in supplier)
    if has != Decimal(shared.left).scaleb(-6):
        yield f"the supplier has {has} kWh; {shared.left} mWh were left over"
    for member in street.MEMBERS:
        for reading in books.statements[member.id]["readings"]:
            yield from _reading(reading, steps)
    for meter in meters(day, books):
        if not meter.used:
            yield f"{meter.gateway}/{meter.device} was not read at both midnights of {day.day}"
    yield from _bags(day, books)


def utc_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _reading(reading: Mapping[str, Any], steps: Steps) -> Iterator[str]:
    register, at = reading["register"], reading["at"]
    place, at_ms = _place(reading), utc_ms(at)
    shown = [steps[*place, t].get(register) for t in stamps(place, at_ms) if (*place, t) in steps]
    if reading["value"] not in shown:
        yield (
            f"{'/'.join(place)} {register} at {at} is {reading['value']} in the books;"
            f" the meter showed {', '.join(map(str, shown)) or 'nothing then'}"
        )


def stamps(place: Place, at_ms: int) -> Iterable[int]:
    """When a reading with this stamp may have been shown: within what its stamp leaves open.

    A gateway that stamps what it hears may do so when the village's clock has gone on a step.
    """
    match street.DEVICES[place].clock:
        case "second":
            return (at_ms,)
        case "minute":
            return range(at_ms, at_ms + MINUTE_MS, STEP_MS)
        case _:
            return (at_ms - STEP_MS, at_ms)


def _bags(day: Day, books: Books) -> Iterator[str]:
    """Every bag accepted on the screen is in the books once, with its owner, and no other is."""
    rows = [
        (member, deposit)
        for member, statement in [*books.statements.items(), ("", {"deposits": books.held})]
        for deposit in statement["deposits"]
    ]
    kept = {(deposit["id"], member): deposit for member, deposit in rows}
    times = Counter(deposit["id"] for _, deposit in rows)
    for bag in day.bags:
        deposit = kept.get((bag.deposit, bag.member))
        who = bag.member or "an unknown card"
        if deposit is None or times[bag.deposit] != 1:
            yield f"deposit {bag.deposit} of {who} is {times[bag.deposit]} times in the books"
            continue
        said = _told(deposit)
        true = (bag.pieces or bag.shown_mg, bag.fraction, bool(bag.member), bag.at_ms)
        if said != true or bag.net_mg != bag.shown_mg:
            yield (
                f"deposit {bag.deposit} of {who} is {said} in the books, {bag.net_mg} mg on the"
                f" slip; the truth is {true}, {bag.shown_mg} mg"
            )
    for deposit_id in times.keys() - {bag.deposit for bag in day.bags}:
        yield f"deposit {deposit_id} is in the books and was never accepted on the screen"
    for word in day.turned_away:
        if not word:
            yield "somebody's bag was accepted twice"


def _told(deposit: Mapping[str, Any]) -> tuple[int, str, bool, int]:
    """What the books say: how much, of what, whether it is somebody's, and when."""
    amount = deposit.get("pieces") or deposit["net_mg"]
    return amount, deposit["fraction"], deposit["state"] != "held", utc_ms(deposit["at"])
