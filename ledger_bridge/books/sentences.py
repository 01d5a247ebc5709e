"""Why something was not credited, or counts otherwise, as a sentence a member can read."""

from ledger_bridge.books import believe, evidence

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
    believe.PULSES: (
        "These are pulses, and nobody has said what a pulse of this meter is worth.",
        "Dit zijn pulsen, en niemand heeft gezegd wat een puls van deze meter waard is.",
    ),
}

# A count that is believed all the same, by the gateway's doubt about it.
DOUBT = {
    evidence.METER_CLOCK: (
        "The meter's clock is wrong; this counts at the time when it was received.",
        "De klok van de meter loopt verkeerd; dit telt op het tijdstip van ontvangst.",
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

# In which of the two languages.
ENGLISH, DUTCH = 0, 1


def of_counter(verdict: str, doubt: str = "", language: int = ENGLISH) -> str:
    """What there is to say of a counter's reading, "" where it counts as it stands."""
    if verdict:
        return COUNTER[verdict][language]
    return " ".join(DOUBT[word][language] for word in doubt.split() if word in DOUBT)
