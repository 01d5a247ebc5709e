"""What is touched on the screen, as it comes over HTTP: JSON into events of the session."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.contract.errors import Problem, UsageError
from gateway.kiosk.drafting import PIECES_MAX
from gateway.kiosk.events import (
    REASONS,
    Cancel,
    Choose,
    Confirm,
    Event,
    ForClub,
    NoCard,
    NotAccepted,
    Pieces,
    Undo,
    UseCrate,
)

TEXT_MAX = 200
MG_PER_KG = 1_000_000
# A lorry with its load.
KG_MAX = 100_000
_KG = re.compile(r"([0-9]{1,6})(?:[.,]([0-9]{1,6}))?")


def problem(what: str, try_: str) -> UsageError:
    return UsageError(Problem(what, "the screen", try_))


def said(body: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises UsageError."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise problem(f"this is not a JSON object: {error}", '{"act":"confirm"}') from error


def _number(asked: dict[str, Any]) -> int:
    number = asked.get("number")
    if type(number) is not int or not 1 <= number <= PIECES_MAX:
        raise problem(f"{number!r} is not a number of pieces", f"1 to {PIECES_MAX}")
    return number


def _reason(asked: dict[str, Any]) -> str:
    reason = asked.get("reason")
    if reason not in REASONS:
        what = f"{reason!r} is not why something is turned away"
        raise problem(what, f"one of {', '.join(REASONS)}")
    return str(reason)


def text(asked: dict[str, Any], key: str) -> str:
    """A text of at most `TEXT_MAX` characters. Raises UsageError."""
    value = asked.get(key)
    if not isinstance(value, str) or len(value) > TEXT_MAX or not value.isprintable():
        raise problem(f"{key} is {value!r}", f"a text of at most {TEXT_MAX} characters")
    return value


# What an act says beside its name has the name of its event's field.
ACTS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "choose": lambda asked: Choose(text(asked, "fraction")),
    "pieces": lambda asked: Pieces(_number(asked)),
    "crate": lambda asked: UseCrate(text(asked, "crate")),
    "no_card": lambda _: NoCard(),
    "club": lambda asked: ForClub(text(asked, "club")),
    "confirm": lambda _: Confirm(),
    "cancel": lambda _: Cancel(),
    "undo": lambda _: Undo(),
    "leave": lambda _: Cancel(),
    "not_accepted": lambda asked: NotAccepted(_reason(asked)),
}


def event(asked: dict[str, Any]) -> Event:
    """The event of an act, as `ACTS` names it. Raises UsageError."""
    act = asked.get("act")
    if not isinstance(act, str) or act not in ACTS:
        raise problem(f"no act is called {act!r}", f"one of {', '.join(ACTS)}")
    return ACTS[act](asked)


def mass_mg(asked: dict[str, Any], key: str) -> int:
    """A mass in kg, written with a comma or a point, exactly in mg. Raises UsageError."""
    written = text(asked, key)
    match = _KG.fullmatch(written)
    mg = int(match[1]) * MG_PER_KG + int((match[2] or "").ljust(6, "0")) if match else 0
    if not 0 < mg <= KG_MAX * MG_PER_KG:
        raise problem(f"{written!r} is no mass in kg", f'"0.001" to "{KG_MAX}"')
    return mg
