"""What this machine is called in EHLO, and how many descriptors it gives."""

import resource
from collections.abc import Iterator

import pytest

from exporter.machine import SPARE_DESCRIPTORS, descriptors_for, fit_for_ehlo


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("probe.example.net", True),
        ("probe-1.eu.example.net", True),
        ("probe", False),
        ("localhost", False),
        ("localhost.localdomain", False),
        ("probe.local", False),
        ("Probe.Local", False),
        ("probe.internal", False),
        ("ip-10-0-0-1.eu-central-1.compute.internal", False),
        ("probe.lan", False),
        ("probe.localdomain", False),
        ("probe.home.arpa", False),
        ("probe.localhost", False),
        ("probe.corp", False),
        ("smtp-exporter-7d9f8b6c5-abcde.default.svc.cluster.local", False),
        ("3f2a9b0c1d2e.example.net", False),
        ("3F2A9B0C1D2E.example.net", False),
        ("probe.example.arpa", True),
        ("internal.example.net", True),
        ("probe.mylan", True),
        ("lan.example.net", True),
        ("localhost.example.net", False),
        ("probe_1.example.net", False),
        ("192.0.2.1", False),
        ("probe.example.net.", False),
        ("x" * 64 + ".example.net", False),
        ("evil\r\n.example.net", False),
        ("", False),
    ],
)
def test_which_names_may_be_said_in_ehlo(name: str, fit: bool) -> None:
    assert fit_for_ehlo(name) is fit


# --- descriptors ----------------------------------------------------------------------------------------------


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_is_raised_as_far_as_needed(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    assert descriptors_for(300) == 300
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300 + SPARE_DESCRIPTORS, hard)


def test_a_limit_that_suffices_is_left_alone(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    assert descriptors_for(100) == 100
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (512, hard)


def test_too_low_a_limit_means_fewer_probes_and_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    assert descriptors_for(5000) == 1024 - SPARE_DESCRIPTORS
    assert asked == [(1024, 1024)]
    assert "too few file descriptors" in caplog.text
