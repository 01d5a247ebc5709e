"""Rates as people read them, in English and in Dutch."""

from fractions import Fraction

from ledger_bridge.books.quantity import written

# Units that people write out: one of them and several, in English and in Dutch.
_UNITS = {
    "piece": (("piece", "pieces"), ("stuk", "stuks")),
    "bag": (("bag", "bags"), ("zak", "zakken")),
    "h": (("hour", "hours"), ("uur", "uur")),
    "min": (("minute", "minutes"), ("minuut", "minuten")),
}


def rate_in_words(credit: Fraction, asset: str, per: str) -> tuple[str, str]:
    """So much of an asset per quantity such as "1 kg".

    >>> rate_in_words(Fraction("0.05"), "CREDIT", "1 piece")
    ('0.05 CREDIT per piece', '0,05 CREDIT per stuk')
    >>> rate_in_words(Fraction("1/4"), "HOURS", "15 min")
    ('0.25 HOURS per 15 minutes', '0,25 HOURS per 15 minuten')
    """
    number, _, unit = per.partition(" ")
    amount = written(credit)
    english, dutch = (
        one if number == "1" else f"{number} {some}"
        for one, some in _UNITS.get(unit, ((unit, unit), (unit, unit)))
    )
    return (
        f"{amount} {asset} per {english}",
        f"{amount.replace('.', ',')} {asset} per {dutch.replace('.', ',')}",
    )
