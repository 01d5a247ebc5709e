"""Whether a gateway runs with these settings, and what it says of itself."""

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

import msgspec

from gateway.addresses import reached
from gateway.config import Config
from gateway.lines.holders import holder

ANSWER_S_MAX = 3.0
# Beside the journal; a gateway that runs holds it.
LOCK = "journal.lock"


def is_running(config: Config) -> bool:
    return holder(str(config.data / LOCK)) is not None


def asked(config: Config) -> Mapping[str, Any] | None:
    """What the gateway with these settings says of itself, its alarms among it: nothing where it
    cannot be asked, None where none runs.
    """
    if not is_running(config):
        return None
    for address, path in ((config.health, "/healthz"), (config.page, "/api/now")):
        told = _told(address, path) if address else None
        if told and told.get("gateway") == config.gateway:
            return told
    return {}


def _told(address: str, path: str) -> Mapping[str, Any] | None:
    """None where no gateway answers."""
    connection = HTTPConnection(*reached(address), timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", path)
        told = msgspec.json.decode(connection.getresponse().read())
    except (OSError, HTTPException, msgspec.DecodeError):
        return None
    finally:
        connection.close()
    return told if isinstance(told, dict) and "alarms" in told else None
