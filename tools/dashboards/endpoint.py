"""One endpoint: a port of a host, on all its addresses, over time; and where its transcripts are."""

from tools.dashboards.certificates import DAY, OF_CERTIFICATE, of_addresses
from tools.dashboards.columns import PAGE, TO_TRANSCRIPT, most, paged
from tools.dashboards.thresholds import LASTS, NONE_GOOD, PROBLEM, SEEN, STATE, VALID
from tools.grafana import Column, Panel
from tools.grafana.panels import DAYS

NOW = "smtp_probe_success{@endpoint} or ignoring (reason) 2 * smtp_probe_untestable{@endpoint}"
CERTIFICATES = of_addresses("{@endpoint}")
LEFT = f"({CERTIFICATES.left} / {DAY})"


def certificates(timestamp: str) -> str:
    """A date of each certificate that was served within the time of the dashboard, in milliseconds."""
    served = f"smtp_certificate_info{{@endpoint}} * ignoring ({OF_CERTIFICATE}) group_left () {timestamp}{{@endpoint}}"
    return most(f"(1000 * max by (subject, issuer, serial, key) (max_over_time(({served})[$__range:$__interval])))")


ENDPOINT: dict[str, tuple[Panel, ...]] = {
    "Now": (
        Panel("stat", "State", "Of the address that is worst off.",
              {"": f"min({NOW})"}, (4, 3), words=STATE),
        Panel("stat", "Failures in a row", "On the address that has most of them; alerts wait for three.",
              {"": "max(smtp_probe_consecutive_failures{@endpoint})"}, (4, 3), thresholds=NONE_GOOD),
        Panel("stat", "Worked", "Share of the time on the dashboard, of all addresses that could be tested.",
              {"": "avg(avg_over_time(smtp_probe_success{@endpoint}[$__range]))"}, (4, 3), "percentunit"),
        Panel("stat", "Certificate", "Whether it, or what its path needs, has expired or an alert waits for it, on the "
              "address where it is worst: days left and share of the lifetime.",
              {"": f"max({CERTIFICATES.level})"}, (4, 3), words=LASTS, empty="not seen"),
        Panel("stat", "A probe takes", "On the slowest address, from DNS to the close.",
              {"": "max(smtp_probe_duration_seconds{@endpoint})"}, (4, 3), "s"),
        Panel("stat", "Last probe", "When the last probe ended, on the address where that is longest ago.",
              {"": "1000 * min(smtp_probe_last_timestamp_seconds{@endpoint})"}, (4, 3), "dateTimeFromNow"),
    ),
    "What happened": (
        Panel("state-timeline", "State of each address", "Whether the last probe succeeded, failed, or could not tell.",
              {"{{address}}": NOW}, (24, 5), words=STATE),
        Panel("state-timeline", "Problems", "When each reason held, on any address.",
              {"{{reason}}": 'max by (reason) (smtp_probe_problem{@endpoint,severity="warning"} or '
                             '2 * smtp_probe_problem{@endpoint,severity="critical"})'},
              (24, 5), words=PROBLEM, empty="Nothing was wrong."),
    ),
    "What answers": (
        Panel("table", "Addresses", "What is probed, which certificate is expected, and what answers. "
              "An address leads to what was said.",
              {"info": paged(most("smtp_endpoint_info{@endpoint}")),
               "state": paged(most(f"({NOW})")),
               "greeting": paged(most("smtp_greeting_info{@endpoint}")),
               "tls": paged(most("smtp_tls_info{@endpoint}")),
               "size limit": paged(most("smtp_message_size_limit_bytes{@endpoint}"))},
              (24, 6),
              columns=(Column("address", links=(TO_TRANSCRIPT,)), Column("state", width=100, words=STATE),
                       Column("module"), Column("security", width=90), Column("certificate", width=100),
                       Column("software"), Column("version", width=90), Column("cipher"),
                       Column("size limit", unit="bytes", width=100),
                       *(Column(name, hidden=True) for name in ("target", "host", "port")), PAGE),
              sort=("address",)),
        Panel("table", "Validity and offers", "Whether chain, name and dates fit, and what EHLO offers.",
              {"valid": most("smtp_certificate_valid{@endpoint}"),
               "offers": most("smtp_extensions_info{@endpoint}")},
              (24, 6),
              columns=(Column("address", width=220), Column("valid", width=120, words=VALID), Column("extensions")),
              sort=("address",), empty="No reply to EHLO was seen."),
    ),
    "How long it takes": (
        Panel("timeseries", "Time by stage", "What the stages of a probe take, on average over the addresses.",
              {"{{stage}}": "avg by (stage) (smtp_probe_stage_duration_seconds{@endpoint})"},
              (12, 8), "s", stacked=True),
        Panel("timeseries", "Probes and failures", "Probes in ten minutes, on all addresses together.",
              {"probes": "sum(increase(smtp_probes_total{@endpoint}[10m]))",
               "failures": "sum(increase(smtp_probe_failures_total{@endpoint}[10m]))"},
              (12, 8)),
    ),
    "Certificate": (
        Panel("timeseries", "Days left", "Of the certificate that each address serves.",
              {"{{address}}": LEFT}, (12, 8), DAYS, empty="No certificate was seen."),
        Panel("state-timeline", "Serial numbers", "When each certificate was served, by the end of its number.",
              {"{{end}}": "max by (end) (label_replace("
                          'smtp_certificate_info{@endpoint}, "end", "...$1", "serial", ".*(.{8})"))'},
              (12, 8), words=SEEN, empty="No certificate was seen."),
        Panel("table", "Certificates served", "All that were seen in the time of the dashboard, the newest on top.",
              {"from": certificates("smtp_certificate_not_before_timestamp_seconds"),
               "until": certificates("smtp_certificate_not_after_timestamp_seconds")},
              (24, 5),
              columns=(Column("from", unit="dateTimeAsIso", width=180),
                       Column("until", unit="dateTimeAsIso", width=180),
                       Column("subject"), Column("issuer"), Column("serial", width=370), Column("key", width=100)),
              sort=("-from",), empty="No certificate was seen."),
    ),
}  # fmt: skip
