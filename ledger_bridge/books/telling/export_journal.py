"""An export as plain-text accounting: a journal for beancount, and one for hledger.

Both have the same names: an account per holder, a commodity per asset, in our own signs. What was
held before comes first as one transaction, and what is held at the end is asserted, so that the
program that loads a journal checks our balances.

Spec: the beancount language syntax, version 3; the hledger journal format, version 1.25
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import date, timedelta

from ledger_bridge.books.calendar import days_text
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.registry.holders import ISSUANCE, MEMBER
from ledger_bridge.books.telling.export import Booked, Export, Holder

_PARENTS = {MEMBER: "Assets:Members", "pool": "Assets:Pools"}
_COMMODITY = re.compile(r"[A-Z][A-Z0-9._-]{0,22}[A-Z0-9]")
# Neither program takes these in a line.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\"\\]")


def account_name(holder: Holder) -> str:
    """What an account is called: the same for as long as there is a member, an account or a role.

    >>> account_name(Holder("noor", "member", "", ""))
    'Assets:Members:Noor'
    """
    if holder.role == ISSUANCE:
        return "Equity:Issuance"
    if holder.role not in _PARENTS:
        return f"Assets:{holder.role.capitalize()}"
    # An id has no capitals, so that no two become one; a name of an account begins with one.
    own = f"ID{holder.id}" if holder.id.startswith("-") else holder.id[0].upper() + holder.id[1:]
    return f"{_PARENTS[holder.role]}:{own}"


def commodity(asset: str) -> str:
    """What an asset is called: its code where that is allowed, else a name that follows from it."""
    if _COMMODITY.fullmatch(asset):
        return asset
    return f"X{hashlib.sha256(asset.encode()).hexdigest()[:12].upper()}"


def _line(text: str) -> str:
    """A text within a line and within quotes."""
    return _UNPRINTABLE.sub(" ", text)


def _said(booked: Booked) -> str:
    if not booked.rule:
        return booked.kind
    return f"{booked.rule} of {booked.holder} on {days_text(booked.period)}"


def _after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _number(export: Export, asset: str, amount: int) -> str:
    return amount_text(amount, export.scales[asset])


def _held(export: Export, *, at_end: bool) -> list[tuple[str, str, int]]:
    """(account's name, asset, amount) of every account that holds something, in a fixed order.

    At the end also of those that hold nothing any more.
    """
    held = export.closing if at_end else export.opening
    return sorted(
        (account_name(export.holders[account]), asset, amount)
        for (account, asset), amount in held.items()
        if amount or at_end
    )


def beancount(export: Export) -> bytes:
    """A journal that beancount loads without an error."""
    return "\n".join((*_beancount(export), "")).encode()


def _beancount(export: Export) -> Iterator[str]:
    first = export.days.first
    yield f'option "title" "{_line(export.community)}"'
    yield ""
    for asset in export.scales:
        yield f"{first} commodity {commodity(asset)}"
        yield f'  asset: "{_line(asset)}"'
    yield ""
    for holder in sorted(export.holders.values(), key=account_name):
        yield f"{first} open {account_name(holder)}"
        yield f'  holder: "{holder.id}"'
        if holder.external_id:
            yield f'  external-id: "{_line(holder.external_id)}"'
        if holder.name:
            yield f'  name: "{_line(holder.name)}"'
    if opening := _held(export, at_end=False):
        yield ""
        yield f'{first} * "balances before {first}"'
        for name, asset, amount in opening:
            yield f"  {name}  {_number(export, asset, amount)} {commodity(asset)}"
    for booked in export.bookings:
        if booked.lines:
            yield ""
            yield from _beancount_transaction(export, booked)
    yield ""
    for name, asset, amount in _held(export, at_end=True):
        number = _number(export, asset, amount)
        yield f"{_after(export.days.last)} balance {name}  {number} ~ 0 {commodity(asset)}"


def _beancount_transaction(export: Export, booked: Booked) -> Iterator[str]:
    tags = f" #{booked.rule}" if booked.rule else f" #{booked.kind}"
    link = f" ^booking-{booked.seq}"
    corrects = f" ^booking-{booked.corrects}" if booked.corrects is not None else ""
    yield f'{booked.day} * "{_said(booked)}"{tags}{link}{corrects}'
    yield f"  booking: {booked.seq}"
    if booked.period:
        yield f'  period: "{booked.period}"'
    if booked.policy:
        yield f'  policy: "{booked.policy}"'
    for account, asset, amount, _ in booked.lines:
        name = account_name(export.holders[account])
        yield f"  {name}  {_number(export, asset, amount)} {commodity(asset)}"


def hledger(export: Export) -> bytes:
    """A journal that hledger loads without an error, also when it is strict."""
    return "\n".join((*_hledger(export), "")).encode()


def _quoted(asset: str) -> str:
    return f'"{commodity(asset)}"'


def _comment(text: str) -> str:
    """A text that is no tag, for some tags do something."""
    return _line(text).replace(":", " ")


def _hledger(export: Export) -> Iterator[str]:
    yield f"; {_comment(export.community)}"
    yield ""
    for asset, scale in export.scales.items():
        yield f"commodity 1{'.' if scale == 0 else '.' + '0' * scale} {_quoted(asset)}"
    yield ""
    for holder in sorted(export.holders.values(), key=account_name):
        said = "  ".join(filter(None, (holder.external_id, holder.name)))
        yield f"account {account_name(holder)}{'  ; ' + _comment(said) if said else ''}"
    if opening := _held(export, at_end=False):
        yield ""
        yield f"{export.days.first} * balances before {export.days.first}"
        for name, asset, amount in opening:
            yield f"    {name}  {_number(export, asset, amount)} {_quoted(asset)}"
    for booked in export.bookings:
        if booked.lines:
            yield ""
            yield from _hledger_transaction(export, booked)
    if closing := _held(export, at_end=True):
        yield ""
        yield f"{export.days.last} * balances after {export.days.last}"
        for name, asset, amount in closing:
            nothing, all_ = (_number(export, asset, n) for n in (0, amount))
            yield f"    {name}  {nothing} {_quoted(asset)} = {all_} {_quoted(asset)}"


def _hledger_transaction(export: Export, booked: Booked) -> Iterator[str]:
    yield f"{booked.day} * ({booked.seq}) {_said(booked)}"
    tags = {
        "booking": str(booked.seq),
        "rule": booked.rule,
        "period": booked.period,
        "policy": booked.policy,
        "corrects": "" if booked.corrects is None else str(booked.corrects),
    }
    yield f"    ; {', '.join(f'{tag}:{value}' for tag, value in tags.items() if value)}"
    for account, asset, amount, _ in booked.lines:
        name = account_name(export.holders[account])
        yield f"    {name}  {_number(export, asset, amount)} {_quoted(asset)}"
