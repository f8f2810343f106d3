"""The command line that probes the same by hand, as a shell takes it."""

import re
import shlex


def probe(what: str, config_file: str = "") -> str:
    """Write the command that probes something as the configuration says, or without one."""
    options = [f"--config.file={config_file}"] if config_file else []
    return " ".join(map(quoted, ("smtp-exporter", "probe", *options, what)))


def at(host: str, port: str) -> str:
    """Write host and port as `probe` takes them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def quoted(word: str) -> str:
    """Quote a word for the shell; with escapes where it has characters that cannot be seen or typed."""
    name, equals, value = word.partition("=")
    if equals and re.fullmatch("--[a-z.-]+", name):
        return f"{name}={_quoted(value)}"
    return _quoted(word)


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
