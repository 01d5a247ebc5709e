"""Everything that the local page says, in Dutch and in English."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = ("nl", "en")

_WORDS = {
    # What is measured
    "taking": ("Afname", "Taking"),
    "giving": ("Teruglevering", "Giving back"),
    "measured_at": ("gemeten om", "measured at"),
    "today": ("Vandaag per kwartier", "Today in quarter-hours"),
    "month": ("Deze maand per dag", "This month by day"),
    "taken": ("afgenomen", "taken"),
    "given": ("teruggeleverd", "given back"),
    "gap": ("geen metingen", "no readings"),
    "partly": ("een deel van de dag", "part of the day"),
    "per_quarter": ("kWh per kwartier, plaatselijke tijd", "kWh per quarter-hour, local time"),
    "per_day": ("kWh per dag", "kWh per day"),
    "also_today": ("Vandaag ook", "Also today"),
    "only_today": ("Vandaag", "Today"),
    # Where it stands
    "standing": ("Waar het is", "Where it stands"),
    "meter": ("Meter", "Meter"),
    "box": ("Kastje", "Gateway"),
    "hub": ("Centrale", "Hub"),
    "account": ("Bijgeschreven", "Credited"),
    "heard": ("gehoord om", "heard at"),
    "never_heard": ("nog niets gehoord", "nothing heard yet"),
    "kept_until": ("bewaard tot", "kept up to"),
    "nothing_kept": ("nog niets bewaard", "nothing kept yet"),
    "confirmed_until": ("bevestigd tot", "confirmed up to"),
    "nothing_confirmed": ("nog niets bevestigd", "nothing confirmed yet"),
    "waits": ("wacht op verbinding", "waits for a connection"),
    "after": ("na", "after"),
    "settled": (
        "{energy} teruggeleverd vandaag; verrekend na {time}.",
        "{energy} given back today; settled after {time}.",
    ),
    "settled_taken": (
        "Vandaag is er niets teruggeleverd.",
        "Nothing has been given back today.",
    ),
    # Devices
    "more": ("{n} andere registers", "{n} more registers"),
    "one_more": ("1 ander register", "1 more register"),
    "ok": ("luistert", "listening"),
    "silent": ("stil", "silent"),
    "lost": ("niet te bereiken", "line lost"),
    "serial": ("nummer", "number"),
    "messages": ("{n} berichten", "{n} messages"),
    "one_message": ("1 bericht", "1 message"),
    "last_at": ("het laatste om {time}", "last at {time}"),
    "line": ("Lijn", "Line"),
    "damaged": ("beschadigd", "damaged"),
    "damaged_none": ("niets beschadigd", "nothing damaged"),
    "faults": ("storingen", "faults"),
    "opened": ("{n} keer geopend", "opened {n} times"),
    "longest_silence": ("langste stilte", "longest silence"),
    "not_heard_since": (
        "{kind}, meter {serial} niet gehoord sinds {day}",
        "{kind}, meter {serial} not heard since {day}",
    ),
    "not_heard": ("{kind}, meter {serial} niet gehoord", "{kind}, meter {serial} not heard"),
    # The gateway itself
    "this_box": ("Dit kastje", "This gateway"),
    "accepted": ("aangenomen", "accepted"),
    "delivered": ("geleverd", "delivered"),
    "pending": ("wachtend", "pending"),
    "expired": ("vervallen", "expired"),
    "oldest": ("oudste wachtende", "oldest that waits"),
    "size": ("dagboek", "journal"),
    "of": ("van", "of"),
    "written": ("geschreven", "written"),
    "written_today": ("vandaag", "today"),
    "written_before": ("gisteren", "yesterday"),
    "disk": ("vrij op de kaart", "free on the card"),
    "clock": ("klok", "clock"),
    "clock_synced": ("loopt gelijk", "in step"),
    "clock_held": ("loopt los", "runs freely"),
    "clock_meter": ("volgens de meter", "by the meter"),
    "clock_unset": ("niet gezet", "not set"),
    "set": ("{ago} geleden {s} s verzet", "set by {s} s {ago} ago"),
    "bound": ("hooguit {ms} ms ernaast", "off by {ms} ms at most"),
    "temperature": ("temperatuur", "temperature"),
    "voltage": ("voeding", "power supply"),
    "voltage_low": ("te weinig spanning", "too little voltage"),
    "voltage_good": ("in orde", "in order"),
    "home_link": ("koppeling in huis", "home link"),
    "connected": ("verbonden", "connected"),
    "not_connected": ("geen verbinding", "no connection"),
    "kept_here": ("geen verbinding, alles wordt hier bewaard", "no connection, kept here"),
    # The recycling point
    "point": ("Milieustraat", "Recycling point"),
    "pieces": ("stuks", "pieces"),
    # The page
    "wrong": ("Er is iets aan de hand", "Something is wrong"),
    "other_language": ("English", "Nederlands"),
    "gone": (
        "Het kastje antwoordt niet; dit is wat het het laatst zei.",
        "The gateway does not answer; this is what it said last.",
    ),
    "never": ("nooit", "never"),
}

_DAYS = (
    ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)
_MONTHS = (
    ("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
     "oktober", "november", "december"),
    ("January", "February", "March", "April", "May", "June", "July", "August", "September",
     "October", "November", "December"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """One language of the page; `words["taken"]` is a word, `say` fills a sentence."""

    language: Language

    def __getitem__(self, name: str) -> str:
        return _WORDS[name][LANGUAGES.index(self.language)]

    def say(self, name: str, **facts: object) -> str:
        return self[name].format(**facts)

    def count(self, name: str, one: str, n: int) -> str:
        """The sentence for so many, or the one for a single one."""
        return self[one] if n == 1 else self.say(name, n=n)

    @property
    def other(self) -> Language:
        return "en" if self.language == "nl" else "nl"

    def day(self, day: date) -> str:
        """Without the year: dinsdag 23 juni, or Tuesday 23 June."""
        place = LANGUAGES.index(self.language)
        return f"{_DAYS[place][day.weekday()]} {day.day} {_MONTHS[place][day.month - 1]}"

    def month_of(self, day: date) -> str:
        return f"{_MONTHS[LANGUAGES.index(self.language)][day.month - 1]} {day.year}"


def chosen(asked: str | None, kept: str | None, usual: Language) -> Language:
    """The language asked for, else the one kept in a cookie, else that of the settings."""
    for language in (asked, kept):
        if language in LANGUAGES:
            return language
    return usual
