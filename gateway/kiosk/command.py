"""`meterkast kiosk`: what a recycling point needs before it runs."""

import getpass
import sys
from pathlib import Path

import cyclopts

from gateway.contract.errors import Problem, UsageError
from gateway.kiosk import pin as pins

app = cyclopts.App(name="kiosk", help="Set up a recycling point.")


@app.command
def pin(file: Path = Path("operator.pin"), /) -> None:
    """Choose the operator's PIN: asked twice at a terminal, else read from the first line of stdin.

    Parameters
    ----------
    file
        where its hash is kept; `[kiosk] pin` in gateway.toml names this file
    """
    if sys.stdin.isatty():
        chosen = getpass.getpass("PIN: ")
        if chosen != getpass.getpass("once more: "):
            raise UsageError(Problem("the two PINs differ", str(file), "meterkast kiosk pin"))
    else:
        chosen = sys.stdin.readline().strip()
    if not pins.is_pin(chosen):
        what = f"a PIN has {pins.DIGITS_MIN} to {pins.DIGITS_MAX} digits and nothing else"
        raise UsageError(Problem(what, str(file), "choose another"))
    try:
        pins.write(file, chosen)
    except OSError as error:
        what = f"the file cannot be written: {error.strerror}"
        raise UsageError(Problem(what, str(file), "another folder")) from error
    print(f'kept in {file}; gateway.toml names it under [kiosk]: pin = "{file}"')
