"""The command `meterkast`. Other packages' commands are mounted by name and loaded when called."""

import difflib
import errno
import logging
import os
import signal
import sqlite3
import sys
from importlib import metadata

import cyclopts
import structlog

from gateway.contract.errors import PeopleError, Problem, UsageError

# What a disk says that is full or broken, or that nobody may write to, and a database on it.
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
DATABASE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}

COMMANDS = {
    "demo": "firmware_sim.demo:demo",
    "gateway": "gateway.run:gateway",
    "bridge": "ledger_bridge.bridge:bridge",
    "broker": "gateway.broker:broker",
    "drivers": "gateway.tools.catalogue:drivers",
    "discover": "gateway.tools.discover:discover",
    "check": "gateway.tools.check:check",
    "watch": "gateway.tools.watch:watch",
    "doctor": "gateway.doctor.command:doctor",
    "decode": "gateway.tools.decode:decode",
    "capture": "gateway.tools.capture:capture",
    "replay": "gateway.tools.replay:replay",
    "sim": "firmware_sim.command:sim",
    "enrol": "gateway.enrol:enrol",
    "scale": "gateway.tools.scale:app",
    "kiosk": "gateway.kiosk.command:app",
    "install": "gateway.tools.install:app",
    "update": "gateway.update.command:update",
    "backup": "gateway.tools.backup:backup",
    "restore": "gateway.tools.backup:restore",
    "hub": "ledger_bridge.commands.hub:app",
    "member": "ledger_bridge.commands.member:app",
    "account": "ledger_bridge.commands.account:app",
    "device": "ledger_bridge.commands.device:app",
    "evidence": "ledger_bridge.commands.evidence:app",
    "deposit": "ledger_bridge.commands.deposit:app",
    "container": "ledger_bridge.commands.container:app",
    "policy": "ledger_bridge.commands.policy:app",
    "ledger": "ledger_bridge.commands.ledger:app",
    "verify": "ledger_bridge.commands.verify:verify",
}


def build() -> cyclopts.App:
    """The command tree; nothing but its names is loaded."""
    app = cyclopts.App(
        name="meterkast",
        help="From a byte on a wire to a credit in an account.",
        version=lambda: metadata.version("meterkast"),
        version_flags=["--version"],
        result_action="return_value",
    )
    for name, target in COMMANDS.items():
        app.command(target, name=name)
    return app


def configure_log() -> None:
    """One line per event on stderr, facts as keys."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["at", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _wrong_use(error: cyclopts.CycloptsError) -> Problem:
    """What the command line said that no command takes."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    command = next((word for word in words if word in COMMANDS), "")
    is_unknown = isinstance(error, cyclopts.UnknownCommandError)
    what = _unknown(error) if is_unknown else " ".join(str(error).split())
    where = " ".join(["meterkast", *sys.argv[1:]])
    return Problem(what, where, " ".join(["meterkast", command, "--help"]).replace("  ", " "))


def _unknown(error: cyclopts.CycloptsError) -> str:
    """In our words: for its own, cyclopts loads every command, and not all can be loaded here."""
    assert error.app
    assert error.unused_tokens
    word = error.unused_tokens[0]
    near = difflib.get_close_matches(word, [name for name in error.app if name[:1] != "-"], n=1)
    return f"there is no command {word!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _not_installed(lacking: ModuleNotFoundError) -> Problem:
    """What a command needs that this environment was not made with."""
    what = f"this command needs a package that is not installed: {lacking.name}"
    where = " ".join(["meterkast", *sys.argv[1:]])
    return Problem(what, where, "at a hub: apt install meterkast-bridge, or 'meterkast[bridge]'")


def _disk(error: OSError | sqlite3.OperationalError) -> Problem | None:
    """What a disk said in the middle of a command; None where it is something else."""
    where = " ".join(["meterkast", *sys.argv[1:]])
    if isinstance(error, OSError):
        told, is_disk = error.strerror, error.errno in DISK
        where = str(error.filename or where)
    else:
        # The rest of the number says more of the same.
        told, is_disk = str(error), error.sqlite_errorcode & 0xFF in DATABASE
    what = f"the disk does not take it: {told}"
    return Problem(what, where, "make room there, and then the same again") if is_disk else None


def main() -> None:
    """Run one command. Exit 0 good, 1 found something, 2 wrong use, 3 configuration, 4 silence."""
    configure_log()
    try:
        code = build()(exit_on_error=False, print_error=False)
    except cyclopts.CycloptsError as error:
        print(_wrong_use(error), file=sys.stderr)
        sys.exit(UsageError.exit_code)
    except PeopleError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except ImportError as error:
        # cyclopts says which command could not be loaded; what that one lacks is the cause.
        if not isinstance(error.__cause__, ModuleNotFoundError):
            raise
        print(_not_installed(error.__cause__), file=sys.stderr)
        sys.exit(UsageError.exit_code)
    except BrokenPipeError:
        # Whoever read has seen enough, as in `meterkast drivers | head`; what is still buffered
        # must not raise once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except (OSError, sqlite3.OperationalError) as error:
        if not (problem := _disk(error)):
            raise
        print(problem, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    sys.exit(code if isinstance(code, int) else 0)
