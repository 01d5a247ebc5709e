"""Rules that pay or charge so much for so much of each of several things."""

from collections.abc import Mapping
from fractions import Fraction

from ledger_bridge.books.policy.numbers import Rate
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.policy.words import rate_in_words
from ledger_bridge.books.quantity import Amount


class Rated(Rule):
    """A rate for each fraction or activity by its name."""

    rates: dict[str, Rate]

    def paid(self) -> list[str]:
        """What has a rate above zero."""
        return [name for name, rate in self.rates.items() if rate.credit]

    def worth(self, quantities: Mapping[str, Amount]) -> Fraction:
        """Credit for thousandths of what has a rate, exactly."""
        return sum(
            (self.rates[name].per_milli * amount for name, amount in quantities.items()),
            Fraction(0),
        )

    def rates_in_words(self) -> tuple[str, str]:
        """Every rate, in English and in Dutch."""
        english, dutch = [], []
        for name, rate in self.rates.items():
            en, nl = rate_in_words(rate.credit, self.asset, rate.per)
            english.append(f"{en} of {name}")
            dutch.append(f"{nl} {name}")
        return "; ".join(english), "; ".join(dutch)
