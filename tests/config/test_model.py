"""TABLE 3 says the same as the contract and as the defaults of `exporter.model`."""

from dataclasses import fields

import pytest

from exporter.config.loaded import module_of
from exporter.config.model import Auth, EndpointKeys, Expect
from exporter.config.table import keys
from exporter.model import AuthSettings, Settings
from exporter.model import Expect as ExpectSettings


@pytest.mark.parametrize(
    ("section", "settings"),
    [(EndpointKeys, Settings), (Expect, ExpectSettings), (Auth, AuthSettings)],
    ids=lambda each: each.__name__,
)
def test_the_table_and_the_settings_have_the_same_keys_and_defaults(
    section: type[EndpointKeys], settings: type
) -> None:
    ours = {field.name: field.default for field in fields(settings) if field.name != "user_wants_trust"}
    assert section.model_fields.keys() == ours.keys()
    for name, info in section.model_fields.items():
        default = tuple(info.default) if isinstance(info.default, list) else info.default
        assert default is None or default == ours[name], name


@pytest.mark.parametrize(
    ("port", "module"),
    [(25, "relay"), (465, "submissions"), (587, "submission"), (2525, "submission"), (10025, "relay")],
)
def test_a_port_means_a_module(port: int, module: str) -> None:
    assert module_of(port) == module


def test_every_key_says_what_it_is_for() -> None:
    assert [key.path for key in keys() if len(key.description) < 5 or key.description.endswith(".")] == []
