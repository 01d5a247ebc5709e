"""How far somebody has checked the signatures of a community's records before, in a file of theirs.

A look that was interrupted goes on where it was. Only signatures are taken as seen: every record is
hashed again, follows the one before it, and must be the same at the number up to which it was seen.
"""

from pathlib import Path

import msgspec

from gateway.contract.errors import PeopleError, Problem

# gateway, chain.
ChainKey = tuple[str, str]


class _File(msgspec.Struct):
    community: str
    # "gateway/chain" to the number and the digest of the last record seen.
    chains: dict[str, tuple[int, str]] = {}


class Seen:
    """Up to where each chain was seen; without a file nothing was, and nothing is kept."""

    def __init__(self, community: str, path: Path | None = None) -> None:
        """Raises PeopleError where the file is not one of these."""
        self._path = path
        self._file = _File(community)
        if path is None or not path.exists():
            return
        try:
            self._file = msgspec.json.decode(path.read_bytes(), type=_File)
        except (OSError, msgspec.MsgspecError) as error:
            what = f"it does not say what was verified: {error}"
            raise PeopleError(Problem(what, str(path), "another file, or begin anew")) from error
        if self._file.community != community:
            what = f"it is about {self._file.community}"
            raise PeopleError(Problem(what, str(path), f"another file for {community}"))

    def of(self, chain: ChainKey) -> tuple[int, str]:
        """Number and digest of the last record of a chain that was seen; (0, "") for none."""
        return self._file.chains.get("/".join(chain), (0, ""))

    def note(self, chain: ChainKey, seq: int, digest: str) -> None:
        if seq > self.of(chain)[0]:
            self._file.chains["/".join(chain)] = (seq, digest)

    def keep(self) -> None:
        """Write the file, all of it or none."""
        if self._path is None:
            return
        beside = self._path.with_name(f".{self._path.name}.new")
        try:
            beside.write_bytes(msgspec.json.format(msgspec.json.encode(self._file)) + b"\n")
            beside.replace(self._path)
        except OSError as error:
            what = f"how far it is cannot be kept: {error.strerror}"
            raise PeopleError(Problem(what, str(self._path), "another place")) from error
