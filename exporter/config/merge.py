"""Layers of endpoint keys to Settings: global < module < target < port entry, key by key.

What the operator wrote beats what is built in, wherever it was written. What concerns several keys is checked here,
on what came out, and told at the nearest place that the operator wrote.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from exporter.config.durations import written as duration
from exporter.config.errors import ConfigError, Where
from exporter.config.loaded import BUILT_IN, BUILT_IN_PORTS, Config, module_of, unknown_module
from exporter.model import AuthSettings, Expect, Security, Settings, TlsSettings

MAX_CHAIN = 50
"""Modules that one builds on, each on the next."""
DOMAIN_INTERVAL = 300.0
"""Mail domains are other people's servers: `global.interval` is not for them."""
SHORTEST_DEFAULT_CONFIRMATION = 15.0
"""Seconds; a default of `confirm_interval` below this could trip the limits of servers that count connections."""

Values = Mapping[str, Any]


class Source(Protocol):
    """A file whose parts have places."""

    def error(self, where: Where, message: str) -> ConfigError:
        """Make an error at a part."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The endpoint keys written in one mapping, and where that is. `broken` keys had errors, told already."""

    values: Values
    source: Source | None = None
    where: Where = ()
    broken: frozenset[str | int] = frozenset()

    def error(self, at: Where, message: str) -> ConfigError | None:
        """Make an error at a key of this mapping; none where nobody wrote it."""
        return self.source.error((*self.where, *at), message) if self.source else None


def overlay(below: Values, above: Values) -> dict[str, Any]:
    """Lay a mapping over another, key by key. A password's new place replaces its old one, of whichever kind."""
    if "password_file" in above or "password_env" in above:
        below = {name: value for name, value in below.items() if not name.startswith("password_")}
    merged = {**below, **above}
    for name in below.keys() & above.keys():
        if isinstance(below[name], Mapping):
            merged[name] = overlay(below[name], above[name])
    return merged


class Merge:
    """The layers that all targets share, and the Settings made so far: equal ones are one object."""

    def __init__(self, base: Layer, modules: Mapping[str, Layer], report: Callable[[ConfigError], None]) -> None:
        self.base = base
        self.modules = modules
        self.report = report
        self.names = dict.fromkeys((*BUILT_IN, *modules))
        """All modules, the built-in ones first."""
        self.interned: dict[Settings, Settings] = {}
        self.plain: dict[tuple[str, str, bool], Settings | None] = {}
        self.unusable = {name for name in modules if self._check_chain(name)}

    def settings(self, port: int, own: Sequence[Layer] = (), *, domains: bool = False) -> Settings | None:
        """Merge what holds for a port, `own` layers last; None where an error (told) leaves nothing to go by."""
        user = (self.base, *own)
        naming = next((layer for layer in reversed(user) if "module" in layer.values), None)
        module = naming.values["module"] if naming else module_of(port)
        if module not in self.names:
            if naming and (error := naming.error(("module",), self.unknown(module))):
                self.report(error)
            return None
        if module in self.unusable:
            return None
        plain = (module, module_of(port), domains)
        if any(layer.values for layer in own):
            return self._merged(*plain, own)
        if plain not in self.plain:
            self.plain[plain] = self._merged(*plain, ())
        return self.plain[plain]

    def bare_ports(self) -> dict[tuple[str, str], Settings]:
        """What a bare port entry gets, by the module named ("": none) and the built-in module of its port."""
        return {
            (name, base): settings
            for name in ("", *self.names)
            for base, port in BUILT_IN_PORTS.items()
            if (settings := self.settings(port, [Layer({"module": name})] if name else []))
        }

    def unknown(self, module: str) -> str:
        """Say that there is no such module, and which may have been meant."""
        return unknown_module(module, self.names)

    def _merged(self, module: str, of_port: str, domains: bool, own: Sequence[Layer]) -> Settings | None:
        root, chain = self._chain(module)
        layers = [self.base, *chain, *own]
        base = {name: value for name, value in self.base.values.items() if not (domains and name == "interval")}
        nearer: dict[str, Any] = {}
        for layer in layers[1:]:
            nearer = overlay(nearer, layer.values)
        user = overlay(base, nearer)
        values = overlay(overlay(base, BUILT_IN[root or of_port]), nearer)
        if domains:
            values = {"interval": DOMAIN_INTERVAL, **values, "resolve": "dns"}
        settings = _assembled(module, values, user)
        for error in _faults(settings, user, layers):
            self.report(error)
        return self.interned.setdefault(settings, settings)

    def _chain(self, module: str) -> tuple[str | None, list[Layer]]:
        """List the layers of a module, what it builds on first, and the built-in module it names, if it names one."""
        chain: list[Layer] = []
        while module in self.modules and len(chain) <= min(len(self.modules), MAX_CHAIN):
            chain.insert(0, self.modules[module])
            if "module" not in self.modules[module].values:
                return (module if module in BUILT_IN else None), chain
            module = self.modules[module].values["module"]
        return module, chain

    def _check_chain(self, module: str) -> bool:
        """Tell whether a module cannot be used: it builds on itself, or on one that is not there."""
        root, chain = self._chain(module)
        layer = self.modules[module]
        base = layer.values.get("module")
        if root in self.modules and len(chain) > MAX_CHAIN:
            message = f"the module {module!r} builds on more than {MAX_CHAIN} others, or on itself, in the end"
        elif root in self.modules and len(chain) > len(self.modules):
            message = f"the module {module!r} builds on itself, in the end"
        elif base is not None and base not in self.names:
            message = self.unknown(base)
        else:
            return root is not None and root not in self.names
        if error := layer.error(("module",), message):
            self.report(error)
        return True


def _assembled(module: str, values: Values, user: Values) -> Settings:
    """Make Settings of merged keys. What nobody wrote has the default of `exporter.model`."""
    security = Security(values["security"])
    tls = values.get("tls", {})
    auth = values.get("auth", {})
    login = (
        AuthSettings(**{"username": "", **auth})
        if auth.keys() & {"username", "password_file", "password_env"}
        else None
    )
    trusted = user.get("expect", {}).get("certificate") == values["expect"]["certificate"] == "trusted"
    wants_trust = trusted or "server_name" in user.get("tls", {})
    expect = {**values["expect"], "user_wants_trust": wants_trust}
    if security is not Security.STARTTLS:
        expect["starttls"] = None
    if login:
        expect["auth"] = "required"
    if "extensions" in expect:
        expect["extensions"] = tuple(dict.fromkeys(expect["extensions"]))
    plain = {
        name: value
        for name, value in values.items()
        if name not in {"module", "tls", "auth", "expect", "security", "confirm_interval"}
    }
    settings = Settings(module, security=security, tls=TlsSettings(**tls), auth=login, expect=Expect(**expect), **plain)
    confirm_interval = _confirm_interval(values, settings.interval)
    connect_timeout = min(settings.connect_timeout, settings.timeout)
    return replace(settings, connect_timeout=connect_timeout, confirm_interval=confirm_interval)


def _confirm_interval(values: Values, interval: float) -> float | None:
    """Return the configured time, or else a quarter of the interval within bounds; None: off."""
    default = min(max(interval / 4, SHORTEST_DEFAULT_CONFIRMATION), interval)
    configured: float | str = values.get("confirm_interval", default)
    return None if isinstance(configured, str) else configured


def _contradictions(settings: Settings, auth: Values) -> Iterator[tuple[tuple[str, ...], str]]:
    """Tell what does not go together: the keys concerned, and why."""
    if settings.timeout > settings.interval:
        times = f"the timeout, {duration(settings.timeout)}, is above the interval, {duration(settings.interval)}"
        yield ("timeout", "interval"), times
    if settings.confirm_interval is not None and settings.confirm_interval > settings.interval:
        times = f"{duration(settings.confirm_interval)}, is above the interval, {duration(settings.interval)}"
        yield ("confirm_interval", "interval"), f"the confirm_interval, {times}"
    if settings.auth is None:
        return
    if settings.security is Security.NONE:
        yield ("auth",), "a login with `security: none` would send the password in clear"
    if "username" not in auth:
        yield ("auth",), "`auth` needs a `username`"
    places = auth.keys() & {"password_file", "password_env"}
    if not places:
        yield ("auth",), "`auth` needs a `password_file` or a `password_env`"
    elif len(places) == 2:
        yield ("auth",), "`auth` takes either `password_file` or `password_env`, not both"


def _faults(settings: Settings, user: Values, layers: Sequence[Layer]) -> Iterator[ConfigError]:
    """Tell what does not go together, each at the nearest place where a part of it was written."""
    for keys, message in _contradictions(settings, user.get("auth", {})):
        broken = any(layer.broken & {*keys, "security"} for layer in layers)
        writer = next((layer for layer in reversed(layers) if any(key in layer.values for key in keys)), None)
        if writer and not broken:
            key = next(key for key in keys if key in writer.values)
            if error := writer.error((key,), message):
                yield error
    for layer in layers:
        if error := starttls_fault(layer, layer.values.get("security", "starttls")):
            yield error


def starttls_fault(layer: Layer, security: str) -> ConfigError | None:
    """Tell that a mapping expects something of STARTTLS where none is tried."""
    if security == "starttls" or "starttls" not in layer.values.get("expect", {}):
        return None
    return layer.error(("expect", "starttls"), f"there is no STARTTLS with `security: {security}`")


def defaults() -> Config:
    """Make the configuration of somebody who wrote none: no targets, the built-in modules."""
    return Config((), Merge(Layer({}), {}, list[ConfigError]().append).bare_ports())
