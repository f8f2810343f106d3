"""Files that are something else: what gives them away, and what to do with them."""

from collections.abc import Callable
from typing import Any

from exporter.config.errors import Where

MIGRATING = "see docs/migrating-from-blackbox.md"
PROMETHEUS = f"this is a Prometheus configuration: {MIGRATING}"


def _having(*names: str) -> Callable[[dict[str, Any]], Where | None]:
    """Find the first of some keys."""
    return lambda root: next(((name,) for name in names if name in root), None)


def _prober(root: dict[str, Any]) -> Where | None:
    modules = root.get("modules")
    for name, module in modules.items() if isinstance(modules, dict) else ():
        if isinstance(module, dict) and "prober" in module:
            return "modules", name, "prober"
    return None


def _global(root: dict[str, Any]) -> Where | None:
    settings = root.get("global")
    known = ("evaluation_interval", "scrape_interval", "scrape_timeout")
    return next((("global", name) for name in known if isinstance(settings, dict) and name in settings), None)


FOREIGN: tuple[tuple[Callable[[dict[str, Any]], Where | None], str], ...] = (
    (_prober, f"this is a blackbox_exporter configuration: {MIGRATING}"),
    (_having("scrape_configs", "scrape_config_files", "rule_files", "remote_write", "static_configs"), PROMETHEUS),
    (_global, PROMETHEUS),
    (_having("receivers", "inhibit_rules"), "this is an Alertmanager configuration, not one of smtp-exporter"),
    (_having("groups"), "this is a file of Prometheus rules, not a configuration of smtp-exporter"),
    (
        _having("tls_server_config", "http_server_config", "basic_auth_users"),
        "this is a web configuration: pass it with --web.config.file",
    ),
)


def mapping_for_a_list(root: dict[str, Any]) -> str:
    """Say what to do with a target file that is a mapping; a sentence, or nothing."""
    if other := foreign(root):
        return other[1]
    listed = root.get("targets")
    if isinstance(listed, list) and all(isinstance(each, str) for each in listed):
        return "begin with `- targets:`"
    return "leave `targets:` out and write only the list" if "targets" in root else ""


def foreign(root: object) -> tuple[Where, str] | None:
    """Tell that a file is something else, and where one sees it."""
    if isinstance(root, dict):
        return next(((where, message) for find, message in FOREIGN if (where := find(root))), None)
    if isinstance(root, list) and root and all(isinstance(each, dict) for each in root):
        if any("job_name" in each for each in root):
            return (0,), PROMETHEUS
        if any({"targets", "host", "hosts", "domain", "domains", "domains_file"} & each.keys() for each in root):
            return (), "this is a list of targets: name the file in `target_files`, or write `targets:` before the list"
    return None
