"""Panels of what was booked: an asset is a line, as each counts something else."""

from typing import Literal, NamedTuple

from ledger_bridge.grafana import words
from ledger_bridge.grafana.panels import Column, Community, Line, Link, Panel, Row
from ledger_bridge.grafana.query import HERE, chosen, is_, select
from ledger_bridge.grafana.words import Said
from ledger_bridge.timeseries.schema import BALANCE, CREDIT

# From an account to its household.
HOUSEHOLD = Link(
    Said("Dit huishouden", "This household"),
    "household",
    {"community": "${community}", "account": "${__value.raw}"},
)

_NET = '(sum("plus") - sum("minus"))'
_OF_MEMBER = chosen("account")


class _Booked(NamedTuple):
    """Bookings of a kind: `what` comes of them, in smallest units."""

    title: Said
    about: Said
    what: str
    where: tuple[str, ...]


_GIVEN_OUT = _Booked(
    Said("Bijgeschreven", "Credited"),
    Said(
        "Wat volgens de spelregels is bijgeschreven, verrekend met correcties. Elke eenheid telt"
        " iets anders: bij elkaar optellen zegt niets.",
        "What was credited by the rules, corrections taken into account. Each asset counts"
        " something else: their sum says nothing.",
    ),
    '(sum("minus") - sum("plus"))',
    (is_("role", "issuance"), is_("kind", "entitlement")),
)
_EXCHANGED = _Booked(
    Said("Geruild", "Exchanged"),
    Said(
        "Wat leden inruilden voor een andere eenheid, in wat ze ervoor gaven.",
        "What members exchanged for another asset, in what they gave for it.",
    ),
    'sum("minus")',
    (is_("role", "member"), is_("kind", "exchange")),
)
_RETIRED = _Booked(
    Said("Ingeleverd", "Given back for good"),
    Said(
        "Wat leden voorgoed bij de gemeenschap inleverden; wat is teruggedraaid telt niet.",
        "What members gave back to the community for good, less what was reversed.",
    ),
    _NET,
    (is_("role", "retired"),),
)
_HELD = _Booked(
    Said("Tegoed van alle leden", "Held by all members"),
    Said(
        "Wat alle leden samen hadden aan het eind van de tijd in beeld: wat er sinds het begin bij"
        " en af is gegaan.",
        "What all members had together at the end of the time in view: what was added and taken"
        " since the beginning.",
    ),
    _NET,
    (is_("role", "member"),),
)


def of_all(community: Community) -> tuple[Row | Panel, ...]:
    """What all members were given, exchanged, gave back and have; nothing without an asset."""
    if not community.scales:
        return ()
    return (
        Row(200, Said("Tegoeden", "Credits")),
        _total(201, _GIVEN_OUT, community),
        _total(202, _EXCHANGED, community),
        _total(203, _RETIRED, community),
        _total(204, _HELD, community, since_ever=True),
        _days(211, _GIVEN_OUT, community),
        _days(212, _EXCHANGED, community),
        _days(213, _RETIRED, community),
        _by_member(community),
    )


def of_one(community: Community) -> tuple[Row | Panel, ...]:
    """What the member in view has, and what was added and taken; nothing without an asset."""
    if not community.scales:
        return ()
    added = _by_asset(community, 'sum("plus")', _OF_MEMBER, every="1d")
    taken = _by_asset(community, 'sum("minus")', _OF_MEMBER, every="1d")
    return (
        Row(300, Said("Tegoeden", "Credits")),
        Panel(
            301,
            "figures",
            Said("Tegoed", "Balance"),
            Said(
                "Wat dit lid had aan het eind van de tijd in beeld.",
                "What this member had at the end of the time in view.",
            ),
            _by_asset(community, _NET, _OF_MEMBER, since_ever=True),
            decimals=2,
            width=4,
        ),
        Panel(
            302,
            "bars",
            Said("Erbij en eraf, per dag", "Added and taken, by day"),
            Said(
                "Wat op een dag is bijgeschreven en gekregen, en naar beneden wat is gegeven,"
                " geruild of ingeleverd. De dag is die van de boeking, niet die van de meting.",
                "What was credited and received on a day, and downwards what was given, exchanged"
                " or given back. The day is that of the booking, not of the measurement.",
            ),
            (
                *(
                    one._replace(words=Said(f"{one.words} erbij", f"{one.words} added"))
                    for one in added
                ),
                *(
                    one._replace(
                        words=Said(f"{one.words} eraf", f"{one.words} taken"), is_below=True
                    )
                    for one in taken
                ),
            ),
            decimals=2,
            width=10,
        ),
        Panel(
            303,
            "steps",
            Said("Verloop van het tegoed", "Course of the balance"),
            Said(
                "Het tegoed na elke boeking; het blijft zo tot de volgende.",
                "The balance after each booking; it stays so until the next.",
            ),
            tuple(
                Line(
                    select(
                        f'last("has") / {10**scale}',
                        BALANCE,
                        *(HERE, is_("asset", code), _OF_MEMBER),
                        every="$__interval",
                        fill="none",
                    ),
                    code,
                )
                for code, scale in community.scales.items()
            ),
            decimals=2,
            width=10,
        ),
    )


def _by_asset(
    community: Community,
    what: str,
    *where: str,
    every: Literal["", "1d"] = "",
    since_ever: bool = False,
) -> tuple[Line, ...]:
    return tuple(
        Line(
            select(
                f"{what} / {10**scale}",
                CREDIT,
                *(HERE, is_("asset", code), *where),
                every=every,
                zone=community.zone if every else "",
                since_ever=since_ever,
            ),
            code,
        )
        for code, scale in community.scales.items()
    )


def _total(
    number: int, booked: _Booked, community: Community, *, since_ever: bool = False
) -> Panel:
    lines = _by_asset(community, booked.what, *booked.where, since_ever=since_ever)
    title, about = booked.title, booked.about
    return Panel(number, "figures", title, about, lines, decimals=2, width=6, height=5)


def _by_member(community: Community) -> Panel:
    """What each member has: also those who only bring waste, and so have no household."""
    lines = tuple(
        Line(
            select(
                f'{_NET} / {10**scale} AS "has"',
                CREDIT,
                *(HERE, is_("asset", code), is_("role", "member")),
                by=("account", "asset"),
                since_ever=True,
            )
        )
        for code, scale in community.scales.items()
    )
    return Panel(
        214,
        "table",
        Said("Tegoed van elk lid", "Held by each member"),
        Said(
            "Wat elk lid had aan het eind van de tijd in beeld. meterkast ledger balance zegt wie"
            " bij een rekening hoort.",
            "What each member had at the end of the time in view. meterkast ledger balance says"
            " whose an account is.",
        ),
        lines,
        decimals=2,
        width=24,
        order="account",
        columns=(
            Column("account", words.MEMBER, link=HOUSEHOLD),
            Column("asset", Said("Eenheid", "Asset")),
            Column("has", Said("Tegoed", "Balance")),
        ),
    )


def _days(number: int, booked: _Booked, community: Community) -> Panel:
    title = Said(f"{booked.title.nl}, per dag", f"{booked.title.en}, by day")
    lines = _by_asset(community, booked.what, *booked.where, every="1d")
    return Panel(number, "bars", title, booked.about, lines, decimals=2, width=8)
