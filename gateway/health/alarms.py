"""What is wrong with this gateway now, in words that people can act on.

An alarm is found anew each time somebody asks; nothing is kept. The page, the health topic, the
metrics, Home Assistant and `doctor` all tell these.
"""

from typing import NamedTuple

from gateway.health.reasons import in_dutch


class Alarm(NamedTuple):
    """One thing that is wrong. `about` is the device, chain or file it concerns, "" for the whole.

    `code` is one of `SENTENCES`; `facts` fill its sentence.
    """

    code: str
    about: str = ""
    facts: str = ""


class Sentence(NamedTuple):
    """In Dutch and in English, with `{about}` and `{facts}`; `tries` say what helps."""

    nl: str
    en: str
    probeer: str
    try_: str


def told(alarm: Alarm, language: str) -> tuple[str, str]:
    """What is wrong, and what to try, in `nl` or `en`."""
    nl, en, probeer, try_ = SENTENCES[alarm.code]
    if language != "nl":
        return en.format(**alarm._asdict()), try_.format(**alarm._asdict())
    facts = {"about": alarm.about, "facts": in_dutch(alarm.facts)}
    return nl.format(**facts), probeer.format(**facts)


# With these, something is being lost or not taken now.
URGENT = {"journal-stuck", "journal-full", "journal-aside", "line-lost"}

# Only a gateway of a community can have these.
OF_A_COMMUNITY = {"receipts-overdue", "receipt-refused", "chain-held", "forged"}

SENTENCES = {
    "journal-stuck": Sentence(
        "Er kan niets bewaard worden: {facts}.",
        "Nothing can be kept: {facts}.",
        "Maak ruimte op de geheugenkaart, of vervang haar; de meters tellen intussen door.",
        "Make room on the card, or replace it; the meters go on counting meanwhile.",
    ),
    "journal-full": Sentence(
        "Het dagboek is vol met wat nog niet geleverd is ({facts}).",
        "The journal is full of what was not delivered yet ({facts}).",
        "Herstel de verbinding met de centrale; tot dan wordt er niet gelezen.",
        "Mend the connection to the hub; until then nothing is read.",
    ),
    "journal-aside": Sentence(
        "Het dagboek was beschadigd en ligt nu apart: {facts}.",
        "The journal was damaged and was moved aside: {facts}.",
        "Bewaar dat bestand, en vervang de geheugenkaart.",
        "Keep that file, and replace the card.",
    ),
    "journal-lost": Sentence(
        "Van {about} zijn {facts} metingen weggelaten omdat er geen ruimte was.",
        "{facts} records of {about} were dropped for want of room.",
        "Geef het dagboek meer ruimte, of herstel de verbinding met de centrale.",
        "Give the journal more room, or mend the connection to the hub.",
    ),
    "update-taken-back": Sentence(
        "Versie {about} draaide niet; de versie ervoor draait weer ({facts}).",
        "Version {about} did not run, and the one before runs again ({facts}).",
        "Er is niets verloren. Installeer een nog nieuwere versie als die er is.",
        "Nothing is lost. Install a version after it, once there is one.",
    ),
    "clock-unset": Sentence(
        "De klok is niet gezet.",
        "The clock is not set.",
        "Laat het kastje aan het netwerk; wat nu gemeten wordt krijgt zijn tijd daarna.",
        "Leave the gateway on the network; what is measured now gets its time afterwards.",
    ),
    "clock-held": Sentence(
        "De klok wordt door niemand bijgehouden.",
        "Nobody keeps the clock right.",
        "timedatectl set-ntp true",
        "timedatectl set-ntp true",
    ),
    "line-lost": Sentence(
        "{about} is niet te bereiken: {facts}.",
        "{about} cannot be reached: {facts}.",
        "meterkast doctor",
        "meterkast doctor",
    ),
    "device-silent": Sentence(
        "{about} zegt niets meer, al {facts}.",
        "{about} has been silent for {facts}.",
        "Kijk of de kabel nog goed zit.",
        "See whether the cable still sits well.",
    ),
    "line-noisy": Sentence(
        "{about} is slecht te verstaan: {facts} van de berichten klopt niet.",
        "{about} is hard to understand: {facts} of its messages are damaged.",
        "Een kortere of andere kabel, of de leeskop rechter op de meter.",
        "A shorter or another cable, or the reading head straighter on the meter.",
    ),
    "link-down": Sentence(
        "Geen verbinding met {about}: {facts}.",
        "No connection to {about}: {facts}.",
        "Er gaat niets verloren. Blijft het zo: meterkast doctor",
        "Nothing is lost. If it stays so: meterkast doctor",
    ),
    "publish-denied": Sentence(
        "{about} laat dit kastje niets zeggen.",
        "{about} does not let this gateway say anything.",
        "Laat de beheerder van de broker kijken naar de rechten van dit kastje.",
        "Have whoever keeps the broker look at the rights of this gateway.",
    ),
    "receipts-overdue": Sentence(
        "De centrale bevestigt niets, al {facts}.",
        "The hub has confirmed nothing for {facts}.",
        "Er gaat niets verloren. Vraag de coöperatie of de centrale draait.",
        "Nothing is lost. Ask the co-op whether the hub runs.",
    ),
    "chain-held": Sentence(
        "De centrale neemt {about} niet meer aan: {facts}.",
        "The hub takes no more of {about}: {facts}.",
        "Wat nog niet bevestigd was, gaat in een nieuwe reeks. Kaart gekopieerd? Bel de beheerder.",
        "What it had not confirmed goes into a new chain. Was this card copied? Call the steward.",
    ),
    "receipt-refused": Sentence(
        "De centrale bevestigt iets anders dan hier bewaard is: {facts}.",
        "The hub confirms something else than is kept here: {facts}.",
        "Bel de beheerder, en vergelijk beide dagboeken. Er wordt niets weggegooid.",
        "Call the steward, and compare both journals. Nothing is thrown away.",
    ),
    "forged": Sentence(
        "Iemand deed zich voor als de centrale ({facts} keer).",
        "Somebody pretended to be the hub ({facts} times).",
        "Laat de beheerder van de broker kijken wie er mag schrijven.",
        "Have whoever keeps the broker look who may write there.",
    ),
    "disk-short": Sentence(
        "De geheugenkaart is bijna vol: nog {facts}.",
        "The card is nearly full: {facts} left.",
        "Ruim op; eerst gaan anders de dichtere metingen weg.",
        "Clean up; else the denser readings go first.",
    ),
    "under-voltage": Sentence(
        "De voeding geeft te weinig spanning.",
        "The power supply gives too little voltage.",
        "Gebruik de voeding die bij de Raspberry Pi hoort.",
        "Use the power supply that belongs to the Raspberry Pi.",
    ),
    "certificate-ends": Sentence(
        "Het certificaat {about} verloopt op {facts}.",
        "The certificate {about} ends on {facts}.",
        "Vraag de coöperatie om een nieuw certificaat.",
        "Ask the co-op for a new certificate.",
    ),
    "config-refused": Sentence(
        "De nieuwe instellingen zijn niet bruikbaar; de vorige gelden nog: {facts}.",
        "The new settings cannot be used; those before still hold: {facts}.",
        "meterkast check",
        "meterkast check",
    ),
}
