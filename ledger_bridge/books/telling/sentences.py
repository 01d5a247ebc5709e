"""Why something was not credited, or counts otherwise, as a sentence a member can read."""

from ledger_bridge.books.facts import attested, believe, deposits, evidence, official
from ledger_bridge.books.policy import conditions

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
    believe.IGNORED: (
        "A steward decided that this count was never right.",
        "De beheerder heeft besloten dat deze stand nooit klopte.",
    ),
    believe.REVOKED: (
        "This gateway was revoked: nothing that it says counts until it has another key.",
        "Dit kastje is ingetrokken: niets wat het zegt telt, tot het een andere sleutel heeft.",
    ),
    believe.REFUSED: (
        "A steward decided that what was counted here does not count.",
        "De beheerder heeft besloten dat wat hier is geteld niet meetelt.",
    ),
    believe.OUTRANKED: (
        "The metering company's or grid operator's figure counts instead.",
        "In plaats hiervan telt het cijfer van het meetbedrijf of de netbeheerder.",
    ),
    believe.CORRECTED: (
        "A later figure of the metering company or grid operator counts instead.",
        "In plaats hiervan telt een later cijfer van het meetbedrijf of de netbeheerder.",
    ),
    believe.WITHIN: (
        "This is in the count of all tariffs together.",
        "Dit zit in de stand van alle tarieven samen.",
    ),
    believe.BEHIND: (
        "This meter hangs behind another, which counts this already.",
        "Deze meter hangt achter een andere, die dit al telt.",
    ),
    believe.PRODUCED: (
        "Panels produced this; what of it was given to the grid another meter counts.",
        "Dit wekten panelen op; wat daarvan is teruggeleverd telt een andere meter.",
    ),
    believe.NIGHT: (
        "Only panels produce here, and the sun was down; a steward must look at it.",
        "Hier wekken alleen panelen op, en de zon was onder; een beheerder moet ernaar kijken.",
    ),
    believe.BATTERY: (
        "There is a battery, and no meter says that the panels produced this; a steward decides.",
        "Er is een batterij, en geen meter zegt dat de panelen dit opwekten; de beheerder beslist.",
    ),
    believe.SIGHT: (
        "Somebody read another count off this meter; a steward must look at it.",
        "Iemand heeft een andere stand van deze meter gelezen; een beheerder moet ernaar kijken.",
    ),
}

# A count that is believed all the same, by the gateway's doubt about it.
DOUBT = {
    evidence.METER_CLOCK: (
        "The meter's clock is wrong; this counts at the time when it was received.",
        "De klok van de meter loopt verkeerd; dit telt op het tijdstip van ontvangst.",
    ),
    official.SUBSTITUTED_DOUBT: (
        "Nobody measured this: it was reckoned what it would have been.",
        "Dit is niet gemeten: er is berekend wat het geweest zou zijn.",
    ),
}

# A count that a rule does not count, by what the rule asks.
CONDITION = {
    conditions.HOURS: (
        "Outside the hours that the rule counts.",
        "Buiten de uren die de spelregel telt.",
    ),
    conditions.SEVERAL: (
        "Measured over several quarter-hours: nobody knows when within the hours of the rule.",
        "Over meer kwartieren gemeten: niemand weet wanneer binnen de uren van de spelregel.",
    ),
    conditions.GRADE: (
        "The rule counts only what is vouched for better than this.",
        "De spelregel telt alleen wat beter bevestigd is dan dit.",
    ),
    conditions.SUBSTITUTE: (
        "A substitute value: nobody measured it, and the rule counts only what was measured.",
        "Een vervangende waarde: niemand heeft dit gemeten, en de spelregel telt alleen metingen.",
    ),
}

# Where all that a booking rested on is gone.
ERASED = (
    "What this rested on was erased with the member; the amount stays.",
    "Waarop dit berustte is met het lid gewist; het bedrag blijft.",
)

DEPOSIT = {
    deposits.NOBODY: (
        "It is nobody's yet: kept until somebody claims it, by card or by the code on the slip.",
        "Nog van niemand: bewaard tot iemand hem opeist, met de pas of de code op het bonnetje.",
    ),
    deposits.TWICE_WEIGHED: (
        "The scale kept an earlier deposit under this same number; a steward must look at it.",
        "De weegschaal bewaarde een eerdere inworp onder dit nummer; een beheerder moet kijken.",
    ),
    deposits.UNIT: (
        "This kind is counted in another unit; an operator can correct the kind.",
        "Deze soort wordt in een andere eenheid geteld; iemand van het punt kan dat verbeteren.",
    ),
    deposits.MOST: (
        "More than one deposit of this kind may be; a steward must look at it.",
        "Meer dan één inworp van deze soort mag zijn; een beheerder moet ernaar kijken.",
    ),
    deposits.NO_OPERATOR: (
        "An operator takes in this kind, and none was there; a steward must look at it.",
        "Deze soort neemt iemand van het punt aan, en er was niemand; een beheerder moet kijken.",
    ),
    deposits.OVER: (
        "More than this scale carries; a steward must look at it.",
        "Meer dan deze weegschaal aankan; een beheerder moet ernaar kijken.",
    ),
    deposits.WEIGHT: (
        "No bag weighs that, and nobody counts so many; a steward must look at it.",
        "Dat weegt geen zak, en zoveel telt niemand; een beheerder moet ernaar kijken.",
    ),
    deposits.AGAIN: (
        "This deposit was told before under the same number; it counts once.",
        "Deze inworp is al eerder onder hetzelfde nummer gemeld; hij telt één keer.",
    ),
    deposits.WITHDRAWN: (
        "Taken back at the recycling point.",
        "Teruggenomen bij de milieustraat.",
    ),
    deposits.VOID: (
        "A steward decided that this does not count.",
        "De beheerder heeft besloten dat dit niet telt.",
    ),
    deposits.REVOKED: (
        "This recycling point was revoked: nothing that it says counts until it has another key.",
        "Dit punt is ingetrokken: niets wat het zegt telt, tot het een andere sleutel heeft.",
    ),
}

ATTESTED = {
    attested.NOBODY: (
        "This is attested of somebody who is no member; it counts once they are.",
        "Dit is verklaard van iemand die geen lid is; het telt zodra die lid is.",
    ),
    attested.ACTIVITY: (
        "No rule of that day names this activity; it is kept and earns nothing.",
        "Geen spelregel van die dag noemt deze bezigheid; het is bewaard en levert niets op.",
    ),
    attested.MOST: (
        "With what was attested before it is more than a day is long; a steward must look at it.",
        "Met wat al verklaard was is het meer dan een dag lang is; een beheerder moet kijken.",
    ),
    attested.AHEAD: (
        "The day was still to come when this was signed; have it attested again afterwards.",
        "De dag moest nog komen toen dit getekend werd; laat het daarna opnieuw verklaren.",
    ),
    attested.VOID: (
        "A steward took this back.",
        "De beheerder heeft dit teruggenomen.",
    ),
}

# What there is to say of a deposit that counts.
UNKNOWN_KIND, EARNS_NOTHING, UNVERIFIED = "unknown-kind", "earns-nothing", "unverified"
CHARGED = "charged"
REMARK = {
    UNKNOWN_KIND: (
        "No rule knows this kind of waste; it is counted and earns nothing.",
        "Deze afvalsoort staat niet in de spelregels; hij telt mee en levert niets op.",
    ),
    EARNS_NOTHING: (
        "This kind is counted and earns nothing.",
        "Deze soort telt mee en levert niets op.",
    ),
    UNVERIFIED: (
        "Not weighed on a verified scale: it earns nothing that can be redeemed.",
        "Niet op een geijkte weegschaal gewogen: het levert niets op dat in te wisselen is.",
    ),
    CHARGED: (
        "The rules ask something for this kind.",
        "De spelregels rekenen iets voor deze soort.",
    ),
}

DAY_COUNTED = (
    "This day is counted already.",
    "Deze dag is al geteld.",
)
TOO_LITTLE = (
    "Too little for the smallest amount; it counts together with what follows.",
    "Te weinig voor het kleinste bedrag; het telt mee met wat nog volgt.",
)
_CAP = (
    "The most for {} has been reached; what is more is counted and {} nothing.",
    "Het meeste voor {} is bereikt; wat meer is telt mee en {}.",
)
# What is beyond the cap of a reward, and of a charge.
_BEYOND = {False: ("earns", "levert niets op"), True: ("costs", "kost niets")}
_SPANS = {0: ("one day", "één dag"), 1: ("one week", "één week")}

# Of what a statement is not sure of yet.
BEING_SETTLED = (
    "It is being settled.",
    "Dit wordt nog verrekend.",
)
NOT_HEARD = (
    "This meter was not heard since; what it counts is added when it is.",
    "Deze meter is sindsdien niet gehoord; wat hij telt komt erbij zodra dat wel zo is.",
)
NOT_SHARED = (
    "The energy of this day is shared out once every house was heard after it.",
    "De energie van deze dag wordt verdeeld zodra elk huis erna is gehoord.",
)
COUNTS_LATER = (
    "These weeks are not over; what they earn counts in the period in which they end.",
    "Deze weken zijn nog niet om; wat ze opleveren telt in de periode waarin ze eindigen.",
)

# Of a correction that does nothing, and of an emptying.
CORRECTION = {
    deposits.LATE: (
        "Taken back more than five minutes later; a steward decides.",
        "Meer dan vijf minuten later teruggenomen; de beheerder beslist.",
    ),
    deposits.NOT_THEIRS: (
        "Only an operator can say that it was another kind; a steward decides.",
        "Alleen iemand van het punt kan zeggen dat het een andere soort was; de beheerder beslist.",
    ),
    deposits.UNKNOWN: (
        "The deposit that this is about has not come.",
        "De inworp waar dit over gaat is niet aangekomen.",
    ),
    deposits.REVOKED: (
        "Said by a recycling point that was revoked; it does nothing.",
        "Gezegd door een punt dat is ingetrokken; het doet niets.",
    ),
    deposits.DECIDED: (
        "A steward has decided on this deposit.",
        "De beheerder heeft over deze inworp beslist.",
    ),
}
# Of records that the point made while it had no clock, by whether that start of it is over.
CLOCKLESS = {
    False: (
        "Made while the point had no clock; it counts once a later record tells the time.",
        "Gemaakt toen het punt geen klok had; het telt zodra een later bericht de tijd vertelt.",
    ),
    True: (
        "Made while the point had no clock, and it was switched off before it had one.",
        "Gemaakt toen het punt geen klok had, en het ging uit voordat het er een had.",
    ),
}
LESS_HAULED = (
    "The haulier weighed less than was brought; the emptying waits for a steward.",
    "De ophaler woog minder dan er is gebracht; de lediging wacht op de beheerder.",
)
OFF = (
    "The scale was further off at the test weight than its class allows; have it looked at.",
    "De weegschaal zat er bij het testgewicht verder naast dan haar klasse toelaat; laat kijken.",
)

# In which of the two languages.
ENGLISH, DUTCH = 0, 1


def of_cap(weeks: int, *, is_charge: bool = False) -> tuple[str, str]:
    """That a claim over so many weeks (0: a day) has reached its cap."""
    spans = _SPANS.get(weeks, (f"{weeks} weeks", f"{weeks} weken"))
    beyond = _BEYOND[is_charge]
    return (
        _CAP[ENGLISH].format(spans[ENGLISH], beyond[ENGLISH]),
        _CAP[DUTCH].format(spans[DUTCH], beyond[DUTCH]),
    )


def of_correction(booking: int) -> tuple[str, str]:
    """That a booking is about a period that another one had closed."""
    return (
        f"A correction of a period that was closed by booking {booking}.",
        f"Een correctie op een periode die met boeking {booking} was afgesloten.",
    )


def of_counter(verdict: str, doubt: str = "", language: int = ENGLISH) -> str:
    """What there is to say of a counter's reading, "" where it counts as it stands."""
    if verdict:
        return COUNTER[verdict][language]
    return " ".join(DOUBT[word][language] for word in doubt.split() if word in DOUBT)


def of_sealed() -> tuple[str, str]:
    """That nothing changes any more about a period, whatever still comes."""
    return (
        "These days are sealed: what still comes about them is kept and counts for nothing.",
        "Deze dagen zijn verzegeld: wat er nog over binnenkomt, wordt bewaard en telt niet mee.",
    )
