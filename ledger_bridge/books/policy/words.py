"""Rates as people read them, in English and in Dutch."""

from fractions import Fraction

from ledger_bridge.books.quantity import written

# Units that people write out.
_UNITS = {
    "piece": ("piece", "stuk"),
    "bag": ("bag", "zak"),
    "h": ("hour", "uur"),
    "min": ("minute", "minuut"),
}


def rate_in_words(credit: Fraction, asset: str, per: str) -> tuple[str, str]:
    """So much of an asset per quantity such as "1 kg".

    >>> rate_in_words(Fraction("0.05"), "CREDIT", "1 piece")
    ('0.05 CREDIT per piece', '0,05 CREDIT per stuk')
    """
    number, _, unit = per.partition(" ")
    amount = written(credit)
    english, dutch = (
        unit if number == "1" else f"{number} {unit}" for unit in _UNITS.get(unit, (unit, unit))
    )
    return (
        f"{amount} {asset} per {english}",
        f"{amount.replace('.', ',')} {asset} per {dutch.replace('.', ',')}",
    )
