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
SHARING = Said("Spelregel van het delen", "Rule that shares")
REASON = Said("Niet bijgeschreven, omdat…", "Not credited, because…")
TIMES = Said("Keer", "Times")

TAKEN = Said("afgenomen", "taken")
GIVEN = Said("teruggeleverd", "given back")
GRID = Said("van het net", "from the grid")
NEIGHBOURS = Said("van buren", "from neighbours")
TO_NEIGHBOURS = Said("naar buren", "to neighbours")
SHARED = Said("gedeeld", "shared")
LEFT = Said("over", "left over")

NOTHING = Said("Niets in deze tijd", "Nothing in this time")
