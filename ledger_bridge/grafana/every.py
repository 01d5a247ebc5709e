"""All dashboards, as the files that Grafana reads."""

from collections.abc import Iterable

from ledger_bridge.grafana import coop, household
from ledger_bridge.grafana.drawing import built, encode
from ledger_bridge.grafana.operations import OPERATIONS
from ledger_bridge.grafana.panels import Board, Community
from ledger_bridge.grafana.recycling import RECYCLING
from ledger_bridge.grafana.words import Language

# What a community shows before its policy is known: the demonstration's.
USUAL = Community("Europe/Amsterdam", {"ENERGY": 6, "KWH": 6, "WASTE": 6})


def boards(community: Community) -> tuple[Board, ...]:
    return coop.board(community), household.board(community), RECYCLING, OPERATIONS


def every(community: Community, languages: Iterable[Language]) -> dict[str, bytes]:
    """All dashboards of a community, by their path: `nl/coop.json`."""
    return {
        f"{language}/{board.name}.json": encode(built(board, language, community.zone))
        for language in languages
        for board in boards(community)
    }
