"""What can be said of a new version before anything is touched."""

import hashlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from gateway.contract.backup import numbers
from gateway.contract.errors import Problem, UsageError
from gateway.update.place import VERSIONS, Place

# Beside what a package unpacks to.
ROOM_BYTES = 50_000_000
# An environment that cannot say its version in this time cannot run.
SAID_S_MAX = 60.0


class Package(NamedTuple):
    """What a .deb says of itself."""

    name: str
    version: str
    architecture: str
    size_bytes: int


def read(file: Path) -> Package:
    """A .deb, looked through to its last byte. Raises UsageError."""
    if shutil.which("dpkg-deb") is None:
        what = "packages are for Debian and its kin, and this is another system"
        raise UsageError(Problem(what, str(file), "an environment in a folder: docs/updates.md"))
    form = "${Package}\n${Version}\n${Architecture}\n${Installed-Size}"
    told = _said(file, "--show", f"--showformat={form}").decode().splitlines()
    if len(told) != 4 or not told[3].isdecimal():
        raise _damaged(file, "it does not say what it is")
    _must_be_whole(file)
    return Package(told[0], told[1], told[2], int(told[3]) * 1024)


def must_fit(package: Package, place: Place, file: Path) -> None:
    """Raises UsageError where this package is none for here, older than what runs, or too large.

    What it needs of other packages it names as Pre-Depends: so dpkg, too, asks before it unpacks.
    """
    here = place.root.name
    if package.name != here:
        what = f"a package of {package.name}, and this is {here}"
        raise UsageError(Problem(what, str(file), f"a file called {here}_….deb"))
    machine = _done("dpkg", "--print-architecture").stdout.decode().strip()
    if package.architecture != machine:
        what = f"a package for {package.architecture}, and this machine is {machine}"
        raise UsageError(Problem(what, str(file), f"a file called …_{machine}.deb"))
    ours = version_of(place.current)
    if _done("dpkg", "--compare-versions", package.version, "lt", ours).returncode == 0:
        raise _older(package.version, ours, file)
    _must_have_room(package.size_bytes, place, file)
    _must_be_taken(file)


def must_run(folder: Path, place: Place) -> str:
    """The name of an environment beside those that are there. Raises UsageError."""
    if folder.resolve().parent != (place.root / VERSIONS).resolve():
        what = "a new version lies beside those that are there"
        raise UsageError(Problem(what, str(folder), f"make it in {place.root / VERSIONS}"))
    name = f"{VERSIONS}/{folder.resolve().name}"
    if name == place.current:
        raise UsageError(Problem("this version runs already", str(folder), "another folder"))
    program = folder / "bin" / "meterkast"
    try:
        done = _done(program, "--version", seconds=SAID_S_MAX)
        said = done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    if not numbers(said):
        what = "this environment does not even say its version"
        try_ = f"{program} --version, to see why; then make it anew"
        raise UsageError(Problem(what, str(folder), try_))
    ours = _done(place.root / place.current / "bin" / "meterkast", "--version").stdout.decode()
    if numbers(said) < numbers(ours):
        raise _older(said, ours.strip(), folder)
    return name


def goes_to(version: str, place: Place) -> str:
    """Where a package's postinst puts it: not where what runs lies, nor the one before."""
    name = f"{VERSIONS}/{version}"
    while name in {place.current, place.previous}:
        name += ".again"
    return name


def version_of(name: str) -> str:
    """What runs: versions/0.1.0-1.again is 0.1.0-1 once more."""
    return name.removeprefix(f"{VERSIONS}/").partition(".again")[0]


def _older(version: str, ours: str, where: Path) -> UsageError:
    what = f"version {version} is older than {ours}, which runs"
    try_ = "a newer one; what ran before comes back by itself where an update does not run"
    return UsageError(Problem(what, str(where), try_))


def _must_have_room(size_bytes: int, place: Place, file: Path) -> None:
    free = shutil.disk_usage(place.root).free
    if free < size_bytes + ROOM_BYTES:
        what = (
            f"{file.name} wants {_mb(size_bytes + ROOM_BYTES)},"
            f" and {_mb(free)} of the disk are free"
        )
        raise UsageError(Problem(what, str(place.root), "make room (df -h)"))


def _must_be_taken(file: Path) -> None:
    """What dpkg itself would refuse. Raises UsageError."""
    done = _done("env", "LC_ALL=C", "dpkg", "--simulate", "--install", file)
    if done.returncode == 0:
        return
    # First what is missing or in the way, indented, and after an empty line what that means.
    said = done.stderr.decode("utf-8", "replace").partition("\n\n")[0].splitlines()
    why = "; ".join(line.strip().rstrip(".") for line in said if line.startswith(" "))
    what = f"dpkg would not take it: {why or ' '.join(said)}"
    try_ = f"one made for this Debian; or sudo apt install {file.resolve()}, if that can be had"
    raise UsageError(Problem(what, str(file), try_))


def _mb(size_bytes: int) -> str:
    return f"{size_bytes // 1_000_000:,} MB"


def _must_be_whole(file: Path) -> None:
    """Every file of a package is what its list of sums says. Raises UsageError."""
    sums = _sums(file)
    unpack = ["dpkg-deb", "--fsys-tarfile", str(file)]
    with subprocess.Popen(unpack, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        assert process.stdout
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                for member in tar:
                    data = tar.extractfile(member) if member.isreg() else None
                    name = member.name.removeprefix("./")
                    if data and hashlib.file_digest(data, "md5").hexdigest() != sums.pop(name, ""):  # type: ignore[arg-type]
                        raise _damaged(file, f"{name} has changed")
        except tarfile.TarError as error:
            raise _damaged(file, str(error)) from error
        finally:
            process.stdout.close()
    if process.returncode or sums:
        raise _damaged(file, f"it ends before {min(sums, default='its end')}")


def _sums(file: Path) -> dict[str, str]:
    try:
        with tarfile.open(fileobj=io.BytesIO(_said(file, "--ctrl-tarfile"))) as control:
            listed = control.extractfile("./md5sums")
            assert listed
            lines = listed.read().decode().splitlines()
    except (tarfile.TarError, KeyError, UnicodeDecodeError) as error:
        raise _damaged(file, str(error)) from error
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _said(file: Path, *words: str) -> bytes:
    if not file.is_file():
        raise UsageError(Problem("there is no such file", str(file), "a .deb, or a folder"))
    done = _done("dpkg-deb", words[0], *([file] if len(words) == 1 else [*words[1:], file]))
    if done.returncode:
        raise _damaged(file, " ".join(done.stderr.decode("utf-8", "replace").split())[:200])
    return done.stdout


def _done(*command: object, seconds: float | None = None) -> subprocess.CompletedProcess[bytes]:
    words = [str(word) for word in command]
    return subprocess.run(words, check=False, capture_output=True, timeout=seconds)  # noqa: S603


def _damaged(file: Path, why: str) -> UsageError:
    return UsageError(Problem(f"a damaged package: {why}", str(file), "copy or fetch it again"))
