"""`meterkast doctor`: examine everything, say what is wrong first, and pack it up for others."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated

import structlog
from cyclopts import Parameter

from gateway import config as files
from gateway.contract.clock import SystemClock
from gateway.contract.errors import ConfigError
from gateway.doctor import bundle as bundles
from gateway.doctor import journal, lines, links, machine, ports, settings
from gateway.doctor.patient import Finding, Patient
from gateway.tools.running import asked

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
        patient = Patient(config, loaded, SystemClock(), asked(loaded))
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
    where = patient.config.health or patient.config.page
    if patient.running is None:
        yield Finding("no gateway runs with these settings", "meterkast gateway")
    elif "alarms" in patient.running:
        yield Finding("the gateway runs", f"http://{where}")
        for alarm in patient.running["alarms"]:
            what = alarm["what"].rstrip(".")
            try_ = alarm["try"]
            # The gateway's own word for a lost link or line is to ask us.
            if alarm["code"] == "link-down":
                try_ = links.what_to_do(what)
            elif alarm["code"] == "line-lost":
                try_ = "its plugs and its power; what is said here of its port"
            if not alarm["code"].startswith(_OURS):
                yield Finding(what, alarm["about"] or "gateway", try_)
    elif where:
        try_ = "sudo systemctl restart meterkast-gateway"
        yield Finding("the gateway runs, and does not answer", f"http://{where}", try_)
    else:
        yield Finding(
            "the gateway runs; a page or health address would tell how", str(patient.file)
        )


# Alarms that the doctor looks into itself.
_OURS = ("clock-", "under-voltage", "disk-short", "journal-aside", "certificate-ends")


def _show(findings: list[Finding], *, as_json: bool) -> None:
    for finding in findings:
        if as_json:
            print(json.dumps({**finding._asdict(), "wrong": finding.is_wrong}, ensure_ascii=False))
        else:
            print(f"{finding}\n" if finding.is_wrong else finding)
    wrong = sum(finding.is_wrong for finding in findings)
    if not as_json:
        print(f"{wrong} wrong, {len(findings) - wrong} in order")
