"""The reasons that lines, links and the journal give, in Dutch.

The commonest; whoever meets another reads it in English.
"""

import re

_DUTCH = {
    # Lines
    "there is no such port": "die poort is er niet",
    "unplugged": "de stekker is eruit",
    "the other end hung up": "de andere kant heeft opgehangen",
    "this user may not open it": "deze gebruiker mag hem niet openen",
    "this is no serial port": "dit is geen seriële poort",
    "held by another program": "een ander programma houdt hem bezet",
    "the line takes no more bytes": "de lijn neemt niets meer aan",
    "no telegrams any more": "er komen geen telegrammen meer",
    # Links
    "not tried yet": "nog niet geprobeerd",
    "nobody listens there": "daar luistert niemand",
    "it does not answer": "hij antwoordt niet",
    "it closed the connection": "hij heeft de verbinding verbroken",
    "user or password is wrong": "de gebruiker of het wachtwoord klopt niet",
    "it says that it is not ready": "hij zegt dat hij nog niet zover is",
    "the broker's certificate is not signed by our CA": "zijn certificaat is niet van onze CA",
    "the broker says that our certificate is over": "ons certificaat is verlopen",
    "the broker says that our certificate was withdrawn": "ons certificaat is ingetrokken",
    "the broker asks for a certificate, and we have none to show": (
        "hij vraagt om een certificaat, en wij hebben er geen"
    ),
    # The journal, as SQLite tells it
    "database or disk is full": "de geheugenkaart is vol",
    "disk I/O error": "de geheugenkaart geeft een fout",
    "attempt to write a readonly database": "er mag niet op de geheugenkaart geschreven worden",
}
_PATTERNS = (
    (r"held by (.+) \(process (\d+)\)", r"bezet door \1 (proces \2)"),
    (r"nobody answers within (\d+) s", r"niemand antwoordt binnen \1 s"),
    (r"it cannot do (\d+) baud (\w+)", r"hij kan geen \1 baud \2"),
    (r"no address is known for the name (\S+)", r"de naam \1 heeft geen adres"),
    (r"1 d", "1 dag"),
    (r"(\d+) d", r"\1 dagen"),
    (r"(\d+) h", r"\1 uur"),
)


def in_dutch(reason: str) -> str:
    """The reason in Dutch where it is known, else as it is.

    >>> in_dutch("held by Home Assistant (process 812)")
    'bezet door Home Assistant (proces 812)'
    >>> in_dutch("5 h")
    '5 uur'
    """
    for pattern, dutch in _PATTERNS:
        if match := re.fullmatch(pattern, reason):
            return match.expand(dutch)
    return _DUTCH.get(reason, reason)
