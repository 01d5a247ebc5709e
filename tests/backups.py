"""A gateway's folder to make backups of, and what a restore does with one that is not right."""

from contextlib import closing
from pathlib import Path

import pytest

from gateway.contract.errors import UsageError
from gateway.contract.keys import SigningKey
from gateway.journal import Journal
from gateway.tools.backup import restore
from tests.journals import put

BRIDGE = SigningKey(bytes([7] * 32)).public.x
HOUSE = f"""\
community = "zonstraat"
gateway = "home"
broker = "mqtt://127.0.0.1:1"
bridge_key = "{BRIDGE}"
[device.hall]
driver = "p1"
port = "tcp://127.0.0.1:9"
"""


def journal_in(folder: Path) -> Journal:
    return Journal.open(
        folder / "data",
        community="zonstraat",
        gateway="home",
        key=SigningKey.load(folder / "gateway.key"),
        boot="b",
    )


def house_in(folder: Path) -> Path:
    """A gateway with three records and what else lies in its folder."""
    (folder / "data").mkdir(parents=True)
    (folder / "gateway.toml").write_text(HOUSE)
    (folder / "gateway.key").write_text(
        '{"kty":"OKP","crv":"Ed25519","x":"O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik",'
        '"d":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}\n'
    )
    (folder / "gateway.key").chmod(0o600)
    (folder / "data" / "bridge.keys").write_text("told\n")
    (folder / "unrelated.bin").write_bytes(bytes(9))
    with closing(journal_in(folder)) as journal:
        put(journal, 3)
    return folder


def files(folder: Path) -> dict[str, int]:
    """All files of a folder with their modes."""
    found = [one for one in folder.rglob("*") if one.is_file()]
    return {str(one.relative_to(folder)): one.stat().st_mode & 0o777 for one in found}


def refused(file: Path, folder: Path) -> str:
    """What a restore says that does nothing."""
    before = files(folder) if folder.exists() else {}
    with pytest.raises(UsageError) as error:
        restore(file, folder)
    assert before == (files(folder) if folder.exists() else {})
    return error.value.problems[0].what
