"""The part of `verify` that is about counters: official figures and sight-readings out of papers,
and the counts of gateways, which may be outranked or checked by those.
"""

from collections import defaultdict
from collections.abc import Iterable

from ledger_bridge.books.facts.beside import Stored
from ledger_bridge.books.facts.counters import Judge, Meter
from ledger_bridge.books.facts.evidence import Counter
from ledger_bridge.books.facts.official import Series, Sight, columns, figures
from ledger_bridge.books.verify.look import Look
from ledger_bridge.books.verify.papers import evidence

_OF_POINT = "SELECT * FROM counter WHERE community = ? AND gateway = '' AND device = ?"
_OF_GATEWAY = "SELECT * FROM counter WHERE community = ? AND gateway = ?"

# Number and time of a paper, and what it says of one point.
_Said = tuple[int, int, list[Series]]


def official(look: Look) -> None:
    """What papers say of meters: each point's figures, and every sight-reading."""
    series: dict[str, list[_Said]] = defaultdict(list)
    sights = []
    for seq, paper in evidence(look):
        of_points: dict[str, list[Series]] = defaultdict(list)
        for one in paper.said:
            if isinstance(one, Series):
                of_points[one.point].append(one)
            elif isinstance(one, Sight):
                sights.append((look.community, *columns(seq, one)))
        for point, some in of_points.items():
            series[point].append((seq, paper.time_ms, some))
    look.compare("sight", sights)
    for point, said in series.items():
        check(look, _facts(said), look.rows(_OF_POINT, point))
    for (point,) in look.rows(
        "SELECT DISTINCT device FROM counter WHERE community = ? AND gateway = ''"
    ):
        if point not in series:
            look.compare_rows("counter", look.rows(_OF_POINT, point), ())


def _facts(said: Iterable[_Said]) -> dict[Meter, list[Counter]]:
    found: dict[Meter, list[Counter]] = defaultdict(list)
    for seq, time_ms, series in said:
        for fact in figures(seq, time_ms, series):
            found[fact[:4]].append(fact)
    return found


def gateway(look: Look, name: str, counters: dict[Meter, list[Counter]]) -> None:
    """What a gateway counted."""
    check(look, counters, look.rows(_OF_GATEWAY, name))


def check(
    look: Look, counters: dict[Meter, list[Counter]], stored: Iterable[tuple[object, ...]]
) -> None:
    """Whether these rows, and no others, follow from the facts."""
    judge = Judge(look.registry, look.policies, Stored(look.db, look.community))
    expected = [
        row.columns(look.community) for facts in counters.values() for row in judge.history(facts)
    ]
    look.compare_rows("counter", stored, expected)
