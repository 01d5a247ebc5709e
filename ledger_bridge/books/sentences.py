"""Why something was not credited, as a sentence a member can read."""

from ledger_bridge.books import believe

# By verdict, in English and in Dutch.
COUNTER = {
    believe.FIRST: (
        "The first count of this meter: from here on it is measured.",
        "De eerste stand van deze meter: vanaf hier wordt gemeten.",
    ),
    believe.LOWER: (
        "The meter shows less than before; it waits until the count is past that again.",
        "De meter staat lager dan eerder; dit wacht tot de stand daar weer voorbij is.",
    ),
    believe.RATING: (
        "More than the connection can carry; a steward must look at it.",
        "Meer dan de aansluiting aankan; een beheerder moet ernaar kijken.",
    ),
    believe.AHEAD: (
        "The meter's clock is ahead; this count waits for a steward.",
        "De klok van de meter loopt voor; deze stand wacht op de beheerder.",
    ),
    believe.NOBODY: (
        "This meter is not registered to anybody.",
        "Deze meter staat op niemands naam.",
    ),
}

DEPOSIT = {
    believe.NOBODY: (
        "The card is not known yet; the deposit is kept under it until somebody claims it.",
        "Deze kaart is nog niet bekend; de inworp blijft bewaard tot iemand hem opeist.",
    ),
    believe.AGAIN: (
        "This deposit was told before under the same number; it counts once.",
        "Deze inworp is al eerder onder hetzelfde nummer gemeld; hij telt één keer.",
    ),
    believe.WEIGHT: (
        "No bag weighs that; a steward must look at it.",
        "Dat weegt geen zak; een beheerder moet ernaar kijken.",
    ),
}
