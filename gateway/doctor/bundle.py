"""What the doctor found, packed for whoever helps: without secrets, numbers or readings."""

import io
import json
import platform
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import tomlkit
import tomlkit.exceptions

from gateway.contract.errors import Problem, UsageError
from gateway.doctor.patient import Finding, Patient

HIDDEN = "…"
# Keys of settings that may stay as they are; whatever else has a text is hidden.
OPEN = {
    "community", "gateway", "driver", "line", "mode", "unit", "ask", "language", "steady",
    "register", "layout", "end", "protocol", "frame", "wake", "medium", "quirk", "division",
    "page", "health", "screen", "discovery", "journal_max", "bridge_key",
}  # fmt: skip
LOG_LINES = 300
LOG_S_MAX = 10.0
LOG_UNIT = "meterkast-gateway"
# What could name a meter, an adapter or a card: six digits and letters, two of them digits.
_NUMBERS = re.compile(r"(?=[A-Za-z]*\d+[A-Za-z]*\d)[A-Za-z0-9]{6,}")
SPEEDS = {"115200", "230400", "460800", "921600"}
# Where something is: an address or a port.
_PLACE = re.compile(r"(\w+://|/dev/)\S+")
# As far as the last @: a password may have one in it, or a slash, and no // before it.
_LOGIN = re.compile(r"(\w+://)?\S*@")
_QUERY = re.compile(r"(://\S*?)\?\S*")


def write(path: Path, config: Path, findings: list[Finding], patient: Patient | None) -> list[str]:
    """Write the bundle; gives the names of what is in it. Raises UsageError."""
    texts = {
        "findings.json": json.dumps(
            [{name: hidden(text) for name, text in one._asdict().items()} for one in findings],
            indent=1,
            ensure_ascii=False,
        ),
        "versions.json": json.dumps(_versions(), indent=1),
        "gateway.toml": _settings(config),
        "running.json": hidden(json.dumps(_running(patient), indent=1)),
        "log.txt": hidden(_log()),
    }
    try:
        with tarfile.open(path, "x:gz") as archive:
            for name, text in texts.items():
                data = text.encode()
                entry = tarfile.TarInfo(f"meterkast/{name}")
                entry.size, entry.mtime = len(data), int(time.time())
                archive.addfile(entry, io.BytesIO(data))
    except OSError as error:
        what = f"the bundle cannot be written: {error.strerror}"
        raise UsageError(Problem(what, str(path), "--bundle FILE.tar.gz elsewhere")) from error
    return list(texts)


def hidden(text: str) -> str:
    """The text without logins and without whatever could be a number of somebody or something."""
    without_logins = _QUERY.sub(rf"\1?{HIDDEN}", _LOGIN.sub(rf"\1{HIDDEN}@", text))
    return _NUMBERS.sub(_number, without_logins)


def _number(match: re.Match[str]) -> str:
    return match[0] if match[0] in SPEEDS else HIDDEN


def _settings(config: Path) -> str:
    """The settings as they stand, with every text hidden that need not be known."""
    try:
        document = tomlkit.parse(config.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomlkit.exceptions.ParseError) as error:
        return f"# cannot be read: {error}\n"
    bare: dict[str, Any] = document.unwrap()  # also without comments, which may say anything
    return tomlkit.dumps(_without(bare))


def _without(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _value(key, value) for key, value in table.items()}


def _value(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _without(value)
    if isinstance(value, list):
        return [_value(key, one) for one in value]
    if key in OPEN:
        return value
    if isinstance(value, str):
        return hidden(value) if _PLACE.fullmatch(value) else HIDDEN
    # A key or a number of a meter can be written without quotes.
    return value if hidden(f"{value}") == f"{value}" else HIDDEN


def _versions() -> dict[str, str]:
    names = ("meterkast", "aiomqtt", "paho-mqtt", "pyserial", "cryptography", "msgspec")
    own = {name: metadata.version(name) for name in names}
    return {**own, "python": platform.python_version(), "machine": platform.machine(),
            "kernel": platform.release()}  # fmt: skip


def _running(patient: Patient | None) -> object:
    """What a running gateway said of itself, without its readings."""
    running = patient.running if patient else None
    return running and {"alarms": running["alarms"]}


def _log() -> str:
    """The last lines of the gateway's log, where the system keeps one."""
    program = shutil.which("journalctl")
    if program is None:
        return ""
    command = [program, "--unit", LOG_UNIT, "--lines", str(LOG_LINES), "--no-pager", "-o", "cat"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LOG_S_MAX, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return "journalctl does not answer\n"
    return done.stdout.decode(errors="replace")
