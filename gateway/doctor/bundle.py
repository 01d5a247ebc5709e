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
LOG_UNIT = "meterkast-gateway"
# What could name a meter, an adapter or a card: six digits and letters, two of them digits.
_NUMBERS = re.compile(r"(?=[A-Za-z]*\d+[A-Za-z]*\d)[A-Za-z0-9]{6,}")
SPEEDS = {"115200", "230400", "460800", "921600"}
_LOGIN = re.compile(r"//[^/@\s]*@")


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
        with tarfile.open(path, "w:gz") as archive:
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
    return _NUMBERS.sub(_number, _LOGIN.sub(f"//{HIDDEN}@", text))


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
    if isinstance(value, str) and key not in OPEN:
        return hidden(value) if "://" in value or value.startswith("/dev/") else HIDDEN
    return value


def _versions() -> dict[str, str]:
    names = ("meterkast", "aiomqtt", "paho-mqtt", "pyserial", "cryptography", "msgspec")
    own = {name: metadata.version(name) for name in names}
    return {**own, "python": platform.python_version(), "machine": platform.machine(),
            "kernel": platform.release()}  # fmt: skip


def _running(patient: Patient | None) -> object:
    """What a running gateway said of itself, without its readings."""
    if patient is None or patient.running is None:
        return None
    return {"alarms": patient.running["alarms"]}


def _log() -> str:
    """The last lines of the gateway's log, where the system keeps one."""
    program = shutil.which("journalctl")
    if program is None:
        return ""
    command = [program, "--unit", LOG_UNIT, "--lines", str(LOG_LINES), "--no-pager", "-o", "cat"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    return done.stdout
