"""What dashboards say more than once, in Dutch and in English."""

from typing import Literal, NamedTuple

Language = Literal["nl", "en"]


class Said(NamedTuple):
    """The same in both languages."""

    nl: str
    en: str

    def in_(self, language: Language) -> str:
        """
        >>> Said("Lid", "Member").in_("en")
        'Member'
        """
        return self.nl if language == "nl" else self.en


COMMUNITY = Said("Gemeenschap", "Community")
MEMBER = Said("Lid", "Member")
GATEWAY = Said("Kastje", "Gateway")
DEVICE = Said("Apparaat", "Device")
FRACTION = Said("Afvalsoort", "Fraction")
RULE = Said("Spelregel", "Rule")
ASSET = Said("Eenheid", "Asset")
REASON = Said("Niet bijgeschreven, omdat…", "Not credited, because…")
TIMES = Said("Keer", "Times")

NOTHING = Said("Niets in deze tijd", "Nothing in this time")
