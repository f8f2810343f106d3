"""Where links to the documentation and to Prometheus lead."""

from urllib.parse import parse_qs, urlsplit

import pytest

from exporter import flags
from exporter.families import EVERY
from exporter.links import NO_PROMETHEUS, PUBLIC, PUBLIC_DOCS, SITE, Docs, Prometheus, quoted
from exporter.page.environment import GRAPHS, GRAPHS_OF_DOMAIN, Links
from exporter.page.runbooks import runbooks
from exporter.reasons import REASONS, UNTESTABLE
from tests.docs.markdown import anchors, pages
from tests.results import endpoint, peer


@pytest.mark.parametrize(
    ("where", "base", "reason", "runbook", "page"),
    [
        ("", PUBLIC, "/reasons.md#tls_weak", "/runbooks/SmtpWarning.md", f"{PUBLIC}/alerts.md#numbers"),
        ("https://d.example/s", "https://d.example/s", "/reasons.md#tls_weak", "/runbooks/SmtpWarning.md",
         "https://d.example/s/alerts.md#numbers"),
        ("local", "/smtp", "/reasons/tls_weak", "/runbooks/SmtpWarning", f"{PUBLIC}/alerts.md#numbers"),
    ],
    ids=["public", "a copy", "local"],
)  # fmt: skip
def test_the_documentation_is_where_the_flag_says(where: str, base: str, reason: str, runbook: str, page: str) -> None:
    docs = Docs.of(where, "/smtp")
    assert docs.reason("tls_weak") == base + reason
    assert docs.runbook("SmtpWarning") == base + runbook
    assert docs.page("alerts.md", "numbers") == page


def test_the_public_address_has_every_reason_and_runbook() -> None:
    headings = {f"{PUBLIC}/reasons.md#{heading}" for heading in anchors("docs/reasons.md")}
    assert {PUBLIC_DOCS.reason(name) for name in (*REASONS, *UNTESTABLE)} <= headings
    assert {PUBLIC_DOCS.runbook(alert) for alert in runbooks()} <= {f"{SITE}/{name}" for name in pages()}


@pytest.mark.parametrize(
    "url", ["https://d.example/s/", "http://[::1]:8080", "http://docs", "https://d.example:8/a(b)"]
)
def test_a_flag_takes_a_url(url: str) -> None:
    assert flags.docs(url) == url.rstrip("/")
    assert flags.web_url("--web.prometheus-url", url, "") == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "ftp://x", "//x", "x", "LOCAL", "http://", "http:///x", "http://u:p@x", "http://x?a=b",
     "http://x#y", "http://x y", "http://x/\"><script>", "http://x\n", "http://x:123456", "data:text/html,x"],
)  # fmt: skip
def test_a_flag_takes_no_other_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"--web\.docs: .* is not a URL: write local or https://"):
        flags.docs(url)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("mail", '"mail"'),
        ('a"} or vector(1) #', r'"a\"} or vector(1) #"'),
        ("a\\", r'"a\\"'),
        ("a\nb\x1b", r'"a\U0000000ab\U0000001b"'),
        ("größe 📧", '"größe\u00a0📧"'.replace("\u00a0", " ")),
        ("\u202e", r'"\U0000202e"'),
    ],
)
def test_a_label_value_is_a_string_of_promql(value: str, said: str) -> None:
    assert quoted(value) == said


def test_a_graph_shows_the_series_of_one_endpoint() -> None:
    links = Links(prometheus=Prometheus("https://p.example/prom"))
    url = urlsplit(links.graph(endpoint('a"b&c', of=peer(port=465))))
    query = parse_qs(url.query)
    assert (url.netloc, url.path) == ("p.example", "/prom/graph")
    assert query["g0.expr"] == [
        'smtp_probe_success{target="a\\"b&c", host="mail.example.test", address="192.0.2.1", port="465"}'
    ]
    assert query["g2.expr"][0].startswith("smtp_probe_stage_duration_seconds{")
    domain = parse_qs(urlsplit(links.graph_of_domain("all", "example.org")).query)
    assert domain["g0.expr"] == ['smtp_domain_success{target="all", domain="example.org"}']


def test_graphs_are_of_families_that_exist() -> None:
    assert {*GRAPHS, *GRAPHS_OF_DOMAIN} <= {family.name for family in EVERY}


def test_there_are_no_graphs_without_prometheus() -> None:
    assert NO_PROMETHEUS.graph(GRAPHS, {"host": "a"}) == ""
