"""The reasons that lines, links, the hub and the journal give, in Dutch.

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
    "it does not take our client id": "hij neemt onze naam (client id) niet aan",
    "it does not let us in; ask who keeps it which users and certificates it knows": (
        "hij laat ons niet binnen; vraag de beheerder welke gebruikers en certificaten hij kent"
    ),
    "the broker's certificate is not signed by our CA": "zijn certificaat is niet van onze CA",
    "the broker asks for a certificate, and we have none to show": (
        "hij vraagt om een certificaat, en wij hebben er geen"
    ),
    "the broker does not know the CA that signed our certificate": (
        "hij kent de CA niet die ons certificaat heeft ondertekend"
    ),
    "the broker says that our certificate is over": "ons certificaat is verlopen",
    "the broker says that our certificate was withdrawn": "ons certificaat is ingetrokken",
    "the broker does not take our certificate": "hij neemt ons certificaat niet aan",
    "the broker does not speak TLS 1.3": "hij spreekt geen TLS 1.3",
    "the broker does not speak TLS 1.3 as we do": "hij spreekt niet ons soort TLS 1.3",
    "what listens there does not speak TLS; perhaps mqtt:// instead of mqtts://": (
        "wat daar luistert spreekt geen TLS; misschien mqtt:// in plaats van mqtts://"
    ),
    "it closed the connection during the TLS handshake": (
        "hij verbrak de verbinding tijdens het begin van TLS"
    ),
    "it closed the connection without a word; perhaps it wants TLS, mqtts://": (
        "hij verbrak de verbinding zonder iets te zeggen; misschien wil hij TLS, mqtts://"
    ),
    "it closed the connection without a word; perhaps it speaks no TLS, mqtt://": (
        "hij verbrak de verbinding zonder iets te zeggen; misschien spreekt hij geen TLS, mqtt://"
    ),
    # The journal, as SQLite tells it
    "database or disk is full": "de geheugenkaart is vol",
    "disk I/O error": "de geheugenkaart geeft een fout",
    "attempt to write a readonly database": "er mag niet op de geheugenkaart geschreven worden",
}
_PATTERNS = (
    (
        r"the broker's certificate is not valid yet; the clock here says (.+)",
        r"zijn certificaat geldt nog niet; de klok hier zegt \1",
    ),
    (
        r"the broker's certificate is over; the clock here says (.+)",
        r"zijn certificaat is verlopen; de klok hier zegt \1",
    ),
    (
        r"the broker's certificate is for another (?:name|address) than (\S+)",
        r"zijn certificaat is niet voor \1",
    ),
    (r"held by (.+) \(process (\d+)\)", r"bezet door \1 (proces \2)"),
    (r"nobody answers within (\d+) s", r"niemand antwoordt binnen \1 s"),
    (r"it cannot do (\d+) baud (\w+)", r"hij kan geen \1 baud \2"),
    (r"no address is known for the name (\S+)", r"de naam \1 heeft geen adres"),
    (r"two records under number (\d+)", r"twee verschillende records met nummer \1"),
    (r"record (\d+) does not follow record (\d+)", r"record \1 sluit niet aan op record \2"),
    (r"meterkast-(\w+)\.service ended (\d+) times", r"meterkast-\1 stopte \2 keer"),
    (r"meterkast-(\w+)\.service did not get ready", r"meterkast-\1 kwam niet op gang"),
    (r"meterkast-(\w+)\.service stood still", r"meterkast-\1 stond stil"),
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
