"""What the page of a member says, in Dutch and in English."""

from ledger_bridge.books.telling.export_tables import Language

LANGUAGES: tuple[Language, ...] = ("nl", "en")

_WORDS = {
    "holds": ("Saldo nu", "Balance now"),
    "nothing": ("nog niets", "nothing yet"),
    "earned": ("Verdiend in deze maand", "Earned in this month"),
    "by_day": ("per dag", "by day"),
    "rule": ("spelregel", "rule"),
    "measured": ("gemeten", "measured"),
    "credit": ("bijgeschreven", "credited"),
    "booked": ("Geboekt in deze maand", "Booked in this month"),
    "before": ("saldo ervoor", "balance before"),
    "after": ("saldo erna", "balance after"),
    "when": ("wanneer", "when"),
    "what": ("wat", "what"),
    "amount": ("bedrag", "amount"),
    "balance": ("saldo", "balance"),
    "settled": ("Alles verrekend tot en met {}.", "All is settled until {}."),
    "unsettled": ("Er is nog niets verrekend.", "Nothing is settled yet."),
    "since": ("sinds", "since"),
    "closed": ("afgesloten", "closed"),
    "trial": ("proef, telt nog niet", "a trial, counts for nothing yet"),
    "download": ("Dit overzicht meenemen", "Take this statement along"),
    "proof": ("bewijs", "proof"),
    "why": ("waarom", "why"),
    "earlier": ("vorige maand", "month before"),
    "later": ("volgende maand", "month after"),
    "other": ("English", "Nederlands"),
    "reasons": ("Wat erover te zeggen is", "What there is to say"),
}


def word(key: str, language: Language) -> str:
    return _WORDS[key][LANGUAGES.index(language)]


def chosen(asked: str | None, accepted: str) -> Language:
    """The language somebody asks for, else the first that the browser takes, else English.

    Spec: RFC 9110, section 12.5.4; browsers list languages in the order of their weights.
    """
    for one in (asked or "", *accepted.split(",")):
        for language in LANGUAGES:
            if one.strip().lower().partition(";")[0].partition("-")[0] == language:
                return language
    return "en"


def number(amount: str, language: Language) -> str:
    """An amount as people of the language write it."""
    return amount.replace(".", ",") if language == "nl" else amount
