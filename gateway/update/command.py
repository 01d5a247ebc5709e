"""`meterkast update`: another version, which has to show that it runs; else the one before does."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import structlog
from cyclopts import Parameter

from gateway.contract.errors import PeopleError, Problem, UsageError
from gateway.contract.record import to_json
from gateway.update import package
from gateway.update.place import VERSIONS, Place, no_place
from gateway.update.trial import GOOD_S, LOOK_S, UNITS, Services, Systemd, running, watch

log = structlog.get_logger()


class NotKept(PeopleError):
    """The new version did not run, and the one before does."""


def update(
    new: Path | None = None,
    /,
    *,
    watch_over: Annotated[bool, Parameter(name="--watch", negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Have another version run. One that does not run within two minutes is taken back.

    Without a version: what runs, what ran before it, and what became of the last update.

    Parameters
    ----------
    new
        a package (.deb) that is newer than what runs; or a folder beside those of the versions
        that are there, with an environment in it
    watch_over
        only watch over the version on trial, as the service NAME-trial does after each start
    as_json
        JSON on stdout
    """
    place = Place.own()
    if place is None:
        raise no_place()
    services = Systemd()
    if watch_over:
        return _watch(place, services)
    if new is None:
        return _tell(_places(place), as_json=as_json)
    if new.is_dir():
        version = package.must_run(new, place)
        _must_be_ours(place, new)
        _switch(place, services, version)
    else:
        said = package.read(new)
        place = _place_of(said.name, place)
        package.must_fit(said, place, new)
        _must_be_ours(place, new)
        version = package.goes_to(said.version, place)
        _install(new)
    is_known = _follow(place, services, version)
    if as_json:
        return _tell([place], as_json=True)
    stays = "runs, and stays" if is_known else "is watched over once its service is started"
    print(f"{package.version_of(version)} {stays}")
    return 0


def _place_of(name: str, own: Place) -> Place:
    """Where a package lies; where both are on one machine, `meterkast` is the bridge's."""
    return next((place for place in _places(own) if place.root.name == name), own)


def _places(own: Place) -> list[Place]:
    """This one, and that of the other package where it is on this machine too."""
    others = [Place(own.root.with_name(unit.removesuffix(".service"))) for unit in UNITS]
    return [own, *(place for place in others if place != own and place.current)]


def _must_be_ours(place: Place, new: Path) -> None:
    if not os.access(place.root, os.W_OK):
        what = "only who may write there can change what runs"
        raise UsageError(Problem(what, str(place.root), f"sudo meterkast update {new}"))


def _switch(place: Place, services: Services, version: str) -> None:
    """Lead to a version, start it, and take away what is older than the one before it."""
    try:
        place.begin(version)
        for unit in running(services, place):
            services.restart(unit)
        # In this order: one that is taken back meanwhile makes `current` of `previous`.
        kept = {place.previous, place.current, f"{VERSIONS}/{Path(sys.prefix).name}"}
        for old in (place.root / VERSIONS).iterdir():
            if f"{VERSIONS}/{old.name}" not in kept:
                shutil.rmtree(old)
    except OSError as error:
        what = f"the version cannot be changed: {error.strerror}"
        try_ = "the same again, with room on the disk; whatever was done, a whole version runs"
        raise UsageError(Problem(what, str(error.filename or place.root), try_)) from error


def _install(file: Path) -> None:
    """What dpkg says goes to the terminal; what it does, it does on trial."""
    install = ["dpkg", "--install", str(file)]
    done = subprocess.run(install, check=False, stdout=sys.stderr)  # noqa: S603
    if done.returncode:
        what = f"dpkg ended with {done.returncode}; a whole version runs all the same"
        raise NotKept(Problem(what, str(file), "what dpkg said above; then the same again"))


def _follow(place: Place, services: Services, version: str) -> bool:
    """Wait until it is known, whoever watches; False where nothing runs that could show it.

    Raises NotKept.
    """
    while place.on_trial == version:
        if not running(services, place):
            _line("")
            return False
        with place.watching() as is_ours:
            if is_ours:
                watch(place, services, tell=_progress)
        time.sleep(LOOK_S)
    _line("")
    if place.current == version:
        return True
    told = place.taken_back
    is_of_it = told and told.version == version.removeprefix(f"{VERSIONS}/")
    why = f"was taken back: {told.why}" if told and is_of_it else "does not run any more"
    what, where = package.version_of(version), f"{package.version_of(place.current)} runs"
    raise NotKept(Problem(f"{what} {why}", where, f"journalctl -u {place.root.name}"))


def _progress(ran_s: float) -> None:
    _line(f"on trial: ran well for {ran_s:.0f} of {GOOD_S:.0f} s")


def _line(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)


def _watch(place: Place, services: Services) -> int:
    """As a service; ends with 1 where the version was taken back, by whomever."""
    version = place.on_trial
    while place.on_trial:
        with place.watching() as is_ours:
            if is_ours:
                watch(place, services, tell=lambda _: None)
                break
        time.sleep(LOOK_S)
    if not version:
        return 0
    if place.current == version:
        log.info("update_kept", version=version)
        return 0
    told = place.taken_back
    log.error("update_taken_back", version=version, why=told and told.why, runs=place.current)
    return 1


def _tell(places: list[Place], *, as_json: bool) -> int:
    """Of one place or of both; 1 where the last update of one was taken back, for people."""
    if as_json:
        print(to_json([_told(place) for place in places]).decode())
        return 0
    for place in places:
        if len(places) > 1:
            print(place.root.name)
        trial = ", on trial" if place.on_trial else ""
        print(f"runs:   {package.version_of(place.current)}{trial}")
        print(f"before: {package.version_of(place.previous) or 'none'}")
        if taken_back := place.taken_back:
            print(f"taken back: {taken_back.version}: {taken_back.why}")
    return int(any(place.taken_back for place in places))


def _told(place: Place) -> dict[str, object]:
    return {
        "place": str(place.root),
        "runs": package.version_of(place.current),
        "before": package.version_of(place.previous),
        "on_trial": bool(place.on_trial),
        "taken_back": place.taken_back,
    }
