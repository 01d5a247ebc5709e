"""What `meterkast install grafana` writes, by path from Grafana's own folder."""

from ledger_bridge.grafana.alerts import alerting
from ledger_bridge.grafana.every import USUAL, every
from ledger_bridge.grafana.panels import Community
from ledger_bridge.grafana.provisioning import HOME, SECRET, dashboard_folders, data_sources
from ledger_bridge.grafana.rollups import Database, set_up
from ledger_bridge.grafana.words import Language
from ledger_bridge.hub import Hub
from ledger_bridge.reader import Reader


def texts(
    database: Database, community: Community, languages: tuple[Language, ...]
) -> dict[str, str]:
    """All files: what Grafana reads, what sets the database up, and what to do with them."""
    return {
        **_grafana(database, community, languages),
        **{f"meterkast/{name}": text for name, text in set_up(database).items()},
        "meterkast/README.md": _readme(database),
    }


def community_of(hub: Hub | None) -> Community:
    """What the hub's policies say; before the first one, or without a hub, what is usual."""
    if hub is None:
        return USUAL
    _, policies = Reader(hub.books, hub.community).papers()
    codes = {code for one in policies.in_order for code in one.policy.assets}
    if not codes:
        return USUAL
    return Community(policies.zone, {code: policies.asset(code).scale for code in sorted(codes)})


def _grafana(
    database: Database, community: Community, languages: tuple[Language, ...]
) -> dict[str, str]:
    """What Grafana itself reads. Nothing where it could not ask the database."""
    if database.engine == "victoriametrics":
        return {}
    provisioning = {
        "datasources": data_sources(database),
        "dashboards": dashboard_folders(languages),
        "alerting": alerting(languages),
    }
    return {
        **{f"provisioning/{kind}/meterkast.yaml": text for kind, text in provisioning.items()},
        **{
            f"meterkast/{path}": told.decode() for path, told in every(community, languages).items()
        },
    }


def _readme(database: Database) -> str:
    """What to do with these files, for whoever finds them."""
    if database.engine == "victoriametrics":
        return _README_VICTORIA
    name = next(iter(set_up(database)))
    steps = [
        f"1. Set the database up once: {name} says how at its top.",
        f"2. Copy `provisioning` and `meterkast` to {HOME}, if they are not there.",
        "3. Start Grafana anew, and open the folder Meterkast.",
    ]
    if database.is_guarded:
        reads = f"{SECRET}, mode 640, owner root, group grafana"
        steps[2:2] = [f"   What lets Grafana read the database goes to {reads}."]
    return "\n".join(["# Meterkast in Grafana", "", *steps, "", _README_END])


_README_END = """\
All of it is written by `meterkast install grafana`: run it again rather than change files here.
Dashboards are for stewards: whoever may look at one of them may look at every household.
More: docs/grafana.md
"""

_README_VICTORIA = """\
# Meterkast and VictoriaMetrics

`victoriametrics.sh` starts it with what the series need. It knows no InfluxQL, so dashboards and
alert rules cannot ask it and are not written. More: docs/grafana.md
"""
