"""Secrets by the files that hold them, in every form in which one could leak; and who did."""

import json
import tarfile
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.contract.keys import unb64


def secrets(folder: Path) -> dict[Path, set[bytes]]:
    """What each file below a folder holds that is for its owner only, and its forms."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (some := set(_in_file(path))):
            found[path] = some
    return found


def _in_file(path: Path) -> Iterator[bytes]:
    """The forms of the keys in a file: a JWK, a PEM, or the hex digits of a card key."""
    data = path.read_bytes()
    if b"PRIVATE KEY" in data:
        key = load_pem_private_key(data, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        yield from forms(key.private_numbers().private_value.to_bytes(32))
        block = data.partition(b"-----END PRIVATE KEY")[0]
        yield from (line for line in block.splitlines() if len(line) == 64)
    elif data.startswith(b"{") and b'"kty"' in data:
        yield from forms(unb64(json.loads(data)["d"]))
    elif path.name == "card.key":
        yield from forms(bytes.fromhex(data.decode()))


def forms(raw: bytes) -> set[bytes]:
    """32 bytes as they are, in hex, and in both kinds of base64."""
    coded = {b64encode(raw).rstrip(b"="), urlsafe_b64encode(raw).rstrip(b"=")}
    return {raw, raw.hex().encode(), raw.hex().upper().encode(), *coded}


def leaked(folder: Path, known: set[bytes]) -> list[str]:
    """The files below a folder in which one of these stands that do not hold it by themselves."""
    holders = secrets(folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path not in holders]
    told = ((path, _all(path)) for path in files)
    return [
        str(path.relative_to(folder)) for path, said in told if any(one in said for one in known)
    ]


def _all(path: Path) -> bytes:
    """All that a file says; of an archive, what is packed in it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as bundle:
            return b"".join(bundle.read(name) for name in bundle.namelist())
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as packed:
            members = [packed.extractfile(one) for one in packed]
            return b"".join(one.read() for one in members if one)
    return path.read_bytes()
