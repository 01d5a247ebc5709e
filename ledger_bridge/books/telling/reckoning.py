"""How a claim comes from quantities to an amount, in words a member can follow. Pure."""

from collections.abc import Mapping
from fractions import Fraction

from ledger_bridge.books import rules
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.quantity import Amount, written
from ledger_bridge.books.settle.due import due
from ledger_bridge.books.telling.earned import Quantity, unit_of
from ledger_bridge.books.telling.recycling import Json

# Units that people write out: one of them and several, in English and in Dutch.
_UNITS = {
    "x": (("time", "times"), ("keer", "keer")),
    "d": (("day", "days"), ("dag", "dagen")),
    "piece": (("piece", "pieces"), ("stuk", "stuks")),
    "h": (("hour", "hours"), ("uur", "uur")),
}


def reckoning(policy: Policy, rule: Rule, quantities: Mapping[str, Amount]) -> Json:
    """Each quantity with what it earns, their sum, and what became of that: rounded, capped.

    `sentences` and `zinnen` say the same, line by line.
    """
    file, scale = rules.load(rule.rule), policy.assets[rule.asset].scale
    parts = [
        (key, Quantity(key, amount, unit_of(policy, rule, key)), file.earned(rule, {key: amount}))
        for key, amount in quantities.items()
    ]
    exact = file.earned(rule, quantities)
    came_to = due(policy, rule, quantities)
    english, dutch = [], []
    for key, quantity, earned in parts:
        much, veel = _in_words(quantity)
        verb, werkwoord = ("costs", "kost") if earned < 0 else ("earns", "is goed voor")
        english.append(f"{key}: {much} {verb} {_number(earned)} {rule.asset}")
        dutch.append(f"{key}: {veel} {werkwoord} {_comma(_number(earned))} {rule.asset}")
    if len(parts) > 1:
        english.append(f"together {_number(exact)} {rule.asset}")
        dutch.append(f"samen {_comma(_number(exact))} {rule.asset}")
    uncapped = due(policy, rule.model_copy(update={"cap": None}), quantities)
    if Fraction(uncapped, 10**scale) != exact:
        text = amount_text(abs(uncapped), scale)
        english.append(f"rounded down to {text}")
        dutch.append(f"naar beneden afgerond op {_comma(text)}")
    if rule.cap and came_to != uncapped:
        most, hoogstens = rule.cap.in_words()
        english.append(f"but {most}")
        dutch.append(f"maar {hoogstens}")
    return {
        "parts": [
            {"of": key, "quantity": str(quantity), "earns": _signed(earned)}
            for key, quantity, earned in parts
        ],
        "sum": _signed(exact),
        "due": amount_text(came_to, scale),
        "sentences": english,
        "zinnen": dutch,
    }


def _in_words(quantity: Quantity) -> tuple[str, str]:
    number = written(quantity.number())
    units = _UNITS.get(quantity.unit, ((quantity.unit,) * 2,) * 2)
    english, dutch = (one if number == "1" else some for one, some in units)
    return f"{number} {english}", f"{_comma(number)} {dutch}"


def _number(amount: Fraction) -> str:
    """What stands after the verb, which says already whether it is earned or asked."""
    return written(abs(amount))


def _signed(amount: Fraction) -> str:
    return f"-{written(-amount)}" if amount < 0 else written(amount)


def _comma(text: str) -> str:
    return text.replace(".", ",")
