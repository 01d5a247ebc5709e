"""`[kiosk]` of gateway.toml: the devices of a recycling point, its crates, containers and pins."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from drivers import sdk
from drivers.wire.mass import milligrams
from gateway.addresses import address, is_loopback
from gateway.contract.keys import PublicKey
from gateway.contract.settings import Id, Mistake, Settings
from gateway.devices import CARD
from gateway.lines import loadcell, pins

# Far beyond any scale and any container.
MASS_MG_MAX = 100 * 10**9
LAMPS = ("green", "amber", "red")


def mass_mg(text: str) -> int:
    """The milligrams of a mass above zero as people write it. Raises ValueError.

    >>> mass_mg("1.5 kg")
    1500000
    """
    mass = milligrams(text)
    if mass is None or not 0 < mass <= MASS_MG_MAX:
        raise ValueError(f'{text!r} is no mass such as "1.5 kg" or "20 g"')
    return mass


def _mass(text: str) -> str:
    mass_mg(text)
    return text


Mass = Annotated[str, AfterValidator(_mass)]
Pin = Annotated[int, Field(ge=0, le=pins.PIN_MAX, strict=True)]


class CrateSettings(Settings):
    """A crate of the point's own: its empty weight, and what people call it."""

    tare: Mass
    nl: str
    en: str


class PanelSettings(Settings):
    """Buttons, lamps and buzzer by the BCM numbers of their pins; what is left out is not there."""

    buttons: dict[str, Pin] = Field(default_factory=dict)
    confirm: Pin | None = None
    cancel: Pin | None = None
    green: Pin | None = None
    amber: Pin | None = None
    red: Pin | None = None
    buzzer: Pin | None = None


class KioskSettings(Settings):
    """The recycling point; paths are absolute once `config.load` has given it."""

    scale: Id
    readers: tuple[Id, ...] = ()
    card_key: Path
    stewards: Annotated[tuple[str, ...], Field(min_length=1)]
    division: Mass
    screen: str | None = None
    pin: Path | None = None
    language: Literal["nl", "en"] = "nl"
    steady: Literal["scale", "clock"] = "scale"
    crates: dict[Id, CrateSettings] = Field(default_factory=dict)
    containers: dict[str, Mass] = Field(default_factory=dict)
    panel: PanelSettings | None = None


def mistakes(tables: Mapping[str, Any], devices: Mapping[str, Any]) -> Iterator[Mistake]:
    """What no type can tell of `[kiosk]`; `devices` are the tables of all devices."""
    kiosk = tables["kiosk"]
    yield from _devices(kiosk, devices)
    yield from _stewards(kiosk)
    yield from _screen(kiosk, page=tables.get("page"))
    yield from _ways(kiosk)
    if isinstance(kiosk.get("panel"), dict):
        yield from _pins(kiosk["panel"], devices)


def _devices(kiosk: Mapping[str, Any], devices: Mapping[str, Any]) -> Iterator[Mistake]:
    """The scale must weigh, the readers must tell cards."""
    readers = kiosk.get("readers")
    named: list[tuple[tuple[str | int, ...], object, set[str], str]] = [
        (("kiosk", "scale"), kiosk.get("scale"), {"net", "gross"}, "weighs nothing")
    ]
    for number, reader in enumerate(readers if isinstance(readers, list) else ()):
        named.append((("kiosk", "readers", number), reader, {CARD}, "reads no cards"))
    fitting = {
        kind: [name for name, device in devices.items() if _tells(device) & words]
        for kind, words in (("scale", {"net", "gross"}), ("readers", {CARD}))
    }
    for path, name, words, what in named:
        if not isinstance(name, str):
            continue
        try_ = f"devices here that do: {', '.join(fitting[str(path[1])]) or 'none'}"
        if name not in devices:
            try_ = f"devices here: {', '.join(devices) or 'none'}"
            yield Mistake(path, f"no device is called {name!r}", try_)
        elif (told := _tells(devices[name])) and not told & words:
            yield Mistake(path, f"{name!r}, a {devices[name]['driver']}, {what}", try_)


def _tells(device: Any) -> set[str]:
    """The registers of a device's driver, none where there is no such driver."""
    driver = device.get("driver") if isinstance(device, dict) else None
    if isinstance(driver, str) and driver in set(sdk.names()):
        return {register.code for register in sdk.load(driver).registers}
    return set()


def _stewards(kiosk: Mapping[str, Any]) -> Iterator[Mistake]:
    stewards = kiosk.get("stewards")
    for number, x in enumerate(stewards if isinstance(stewards, list) else ()):
        try:
            PublicKey(str(x))
        except ValueError:
            what = f"{x!r} is not 32 bytes in base64url"
            try_ = "copy the stewards' keys that `meterkast hub init` printed"
            yield Mistake(("kiosk", "stewards", number), what, try_)


def _screen(kiosk: Mapping[str, Any], *, page: object) -> Iterator[Mistake]:
    """Whoever reaches the screen can act on it: it is for this machine's own display."""
    screen = kiosk.get("screen")
    if not isinstance(screen, str):
        return
    path, example = ("kiosk", "screen"), 'screen = "127.0.0.1:7090"'
    try:
        host, port = address(screen)
    except ValueError:
        yield Mistake(path, f"{screen!r} is not an address and a port", example)
        return
    if not is_loopback(host):
        yield Mistake(path, f"{screen!r} can be reached from other machines", example)
    elif screen == page and port:
        yield Mistake(path, f"{screen!r} is the address of the page as well", "another port")


def _ways(kiosk: Mapping[str, Any]) -> Iterator[Mistake]:
    """Somebody must be able to say what they bring, and who they are."""
    panel = kiosk.get("panel")
    buttons = panel.get("buttons") if isinstance(panel, dict) else None
    if "screen" not in kiosk and not buttons:
        what = "no screen and no buttons, so nothing can be chosen"
        yield Mistake(("kiosk",), what, 'add screen = "127.0.0.1:7090"')
    elif "screen" not in kiosk and not kiosk.get("readers"):
        what = "no screen and no reader, so nobody can say who they are"
        yield Mistake(("kiosk",), what, 'add readers = ["…"]')


def _pins(panel: Mapping[str, Any], devices: Mapping[str, Any]) -> Iterator[Mistake]:
    """One pin, one wire."""
    owners: dict[Any, str] = {}
    for name, device in devices.items():
        port = device.get("port") if isinstance(device, dict) else None
        kind, _, numbers = port.partition(":") if isinstance(port, str) else ("", "", "")
        if f"{kind}:" in {pins.PREFIX, loadcell.PINS}:
            owners |= dict.fromkeys(numbers.split(","), f"the device {name!r}")
    buttons = panel.get("buttons")
    named: list[tuple[tuple[str, ...], Any]] = []
    if isinstance(buttons, dict):
        named += [(("buttons", name), pin) for name, pin in buttons.items()]
    named += [((key,), panel[key]) for key in PanelSettings.model_fields if key in panel]
    for path, pin in named:
        if isinstance(pin, int):
            owner = owners.setdefault(str(pin), f"{path[-1]!r}")
            if owner != f"{path[-1]!r}":
                what = f"pin {pin} has {owner} already"
                yield Mistake(("kiosk", "panel", *path), what, "a pin of its own for each")
