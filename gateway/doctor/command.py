"""`meterkast doctor`: examine everything, say what is wrong first, and pack it up for others."""

import asyncio
import json
import logging
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import structlog
from cyclopts import Parameter

from gateway import config as files
from gateway.config import Config
from gateway.contract.clock import SystemClock
from gateway.contract.errors import ConfigError
from gateway.doctor import bundle as bundles
from gateway.doctor import journal, lines, links, machine, ports, settings
from gateway.doctor.patient import Finding, Patient

RUNNING_S_MAX = 3.0

ConfigFile = Annotated[Path, Parameter(name="--config")]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]


def doctor(
    *,
    config: ConfigFile = Path("gateway.toml"),
    bundle: Path | None = None,
    as_json: AsJson = False,
) -> int:
    """Examine settings, ports, lines, clock, power, disk, journal and links. Ends with 1 if ill.

    Parameters
    ----------
    config
        the gateway's settings; the gateway may run or not
    bundle
        also write what was found into this file (.tar.gz) for whoever helps; without secrets
    as_json
        one JSON object a line
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        loaded = files.load(config)
    except ConfigError as error:
        findings, patient = settings.mistakes(error), None
    else:
        patient = Patient(config, loaded, SystemClock(), running(loaded))
        findings = asyncio.run(_all(patient))
    findings.sort(key=lambda finding: not finding.is_wrong)
    _show(findings, as_json=as_json)
    if bundle:
        inside = bundles.write(bundle, config, findings, patient)
        print(f"written to {bundle}: {', '.join(inside)}", file=sys.stderr)
    return 1 if any(finding.is_wrong for finding in findings) else 0


async def _all(patient: Patient) -> list[Finding]:
    return [finding async for finding in examine(patient)]


async def examine(patient: Patient) -> AsyncIterator[Finding]:
    """Everything, what takes long at the end."""
    for finding in settings.examine(patient):
        yield finding
    for finding in _running(patient):
        yield finding
    for look in (ports.examine, machine.examine, journal.examine):
        for finding in look(patient):
            yield finding
    async for finding in links.examine(patient):
        yield finding
    if patient.running is None:
        print("listening on the lines …", file=sys.stderr)
    async for finding in lines.examine(patient):
        yield finding


def _running(patient: Patient) -> Iterator[Finding]:
    """What a running gateway knows better than we could find out."""
    if patient.running is None:
        yield Finding("no gateway runs with these settings, or it has no page", "meterkast gateway")
        return
    yield Finding("the gateway runs", "meterkast gateway")
    for alarm in patient.running["alarms"]:
        if not alarm["code"].startswith(_OURS):
            yield Finding(alarm["what"].rstrip("."), alarm["about"] or "gateway", alarm["try"])


# Alarms that the doctor looks into itself.
_OURS = ("clock-", "under-voltage", "disk-short", "journal-aside", "certificate-ends")


def running(config: Config) -> Mapping[str, Any] | None:
    """What the gateway with these settings says of itself, None where none runs."""
    for address, path in ((config.health, "/healthz"), (config.page, "/api/now")):
        if address is None:
            continue
        url = f"http://{address.replace('0.0.0.0', '127.0.0.1')}{path}"  # noqa: S104 - asked only
        try:
            with urllib.request.urlopen(url, timeout=RUNNING_S_MAX) as answer:
                said = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read()
        except OSError:
            continue
        try:
            told: Mapping[str, Any] = msgspec.json.decode(said)
        except msgspec.DecodeError:
            continue
        if "alarms" in told:
            return told
    return None


def _show(findings: list[Finding], *, as_json: bool) -> None:
    for finding in findings:
        if as_json:
            print(json.dumps({**finding._asdict(), "wrong": finding.is_wrong}, ensure_ascii=False))
        else:
            print(f"{finding}\n" if finding.is_wrong else finding)
    wrong = sum(finding.is_wrong for finding in findings)
    if not as_json:
        print(f"{wrong} wrong, {len(findings) - wrong} in order")
