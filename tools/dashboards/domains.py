"""Mail domains: which of them cannot be delivered to and why, their MX hosts, and what their records promise."""

from tools.dashboards.certificates import DAY, of_ports
from tools.dashboards.columns import (
    AGENT,
    DOMAIN,
    MISSING,
    MX_HOST,
    OF_ADDRESS,
    PAGE,
    REASON,
    SEVERITIES,
    STAGE,
    TARGET,
    by_severity,
    least,
    most,
    paged,
)
from tools.dashboards.thresholds import ALL_GOOD, DELIVERABLE, NONE_BETTER, NONE_GOOD, STATE, VALID, YES
from tools.grafana import Column, Panel

OF_DOMAIN = "on (job, instance, target, domain)"
OF_HOST = "on (job, instance, target, host)"
BY_HOST = "by (job, instance, target, host)"
OF_TARGET = 'job=~"$job",target=~"$target"'
CERTIFICATES = of_ports(f"{{{OF_TARGET}}}")
AGENTS = "without (instance, vantage)"
MX = f"smtp_domain_mx_info{{@domains}} * {OF_HOST} group_left"
SUCCESS = "smtp_domain_success{@domains}"
FAILS = f"({SUCCESS} == 0)"
EVERY_DOMAIN = f"({SUCCESS} or 2 + 0 * smtp_domain_mx_records{{@domains}})"
"""2 where a domain is untestable, which is neither good nor bad."""
LOWEST = f"and {OF_DOMAIN} {least(f'({SUCCESS} or 0.5 + 0 * smtp_domain_mx_records{{@domains}})')}"
"""The domains that fail first, then those that are untestable."""
PROBED = f"(smtp_probe_success{{{OF_TARGET}}} or ignoring (reason) %s * smtp_probe_untestable{{{OF_TARGET}}})"
PRIMARY = f'smtp_probe_problem{{{OF_TARGET},primary="true"}}'
WHY = f"topk {BY_HOST} (1, max by (job, instance, target, host, stage, reason) ({PRIMARY}))"


def each_host(expression: str) -> str:
    """The lowest value of each MX host, for every domain that names it."""
    return f"{MX} () min {BY_HOST} ({expression})"


FAILING = "target:smtp_domain_success:failing{@targets}"
WORST = most(f"sum by (target) (sum_over_time({FAILING}[$__range] @ end()))", 10)
HOSTS = least(each_host(PROBED % "0.5"))
"""The MX hosts of a domain that fail first, then those that are untestable."""


def of_hosts(expression: str) -> str:
    """A value of the MX hosts of the table."""
    return paged(f"({each_host(expression)} and {HOSTS})")


DOMAINS: dict[str, tuple[Panel, ...]] = {
    "Now": (
        Panel("stat", "Domains that work", "Share of the domains that could be tested and take mail.",
              {"": f"avg(min {AGENTS} ({SUCCESS}))"}, (4, 3), "percentunit", ALL_GOOD, empty="not tested"),
        Panel("stat", "Domains that fail", "No MX host works, or a record stops mail.",
              {"": f"count(min {AGENTS} ({SUCCESS}) == 0) or vector(0)"}, (4, 3), thresholds=NONE_GOOD),
        Panel("stat", "Problems of records", "Domains with a problem of their records, whether or not it stops mail.",
              {"": "count(max without (instance, vantage, stage, reason, severity) (smtp_domain_problem{@domains})) "
                   "or vector(0)"},
              (4, 3), thresholds=NONE_BETTER),
        Panel("stat", "DANE not valid", "Ports of MX hosts whose certificate fits no TLSA record, on some address. "
              "That is a problem only where a record can be used.",
              {"": f"count(min without ({OF_ADDRESS}) (smtp_dane_valid{{{OF_TARGET}}} "
                   f"and {OF_HOST} smtp_domain_mx_info{{@domains}}) == 0) or vector(0)"},
              (4, 3), thresholds=NONE_BETTER),
        Panel("stat", "MTA-STS enforced", "Share of the domains whose policy is in mode enforce.",
              {"": f'(count(max {AGENTS} (smtp_domain_mta_sts_info{{@domains,mode="enforce"}})) or vector(0)) '
                   f"/ count(max {AGENTS} (smtp_domain_mta_sts_present{{@domains}}))"},
              (4, 3), "percentunit"),
        Panel("stat", "TLS-RPT", "Share of the domains that ask for reports (RFC 8460).",
              {"": f"avg(max {AGENTS} (smtp_domain_tlsrpt_present{{@domains}}))"}, (4, 3), "percentunit"),
    ),
    "What is wrong now": (
        Panel("table", "Problems of records", "Those that stop mail first. A reason leads to what it means.",
              {"": paged(by_severity('smtp_domain_problem{@domains,severity="critical"}',
                                     'smtp_domain_problem{@domains,severity="warning"}'))},
              (14, 8),
              columns=(SEVERITIES, REASON, STAGE, DOMAIN, TARGET, AGENT, PAGE),
              sort=("severity", "reason"), empty="Nothing is wrong with any record."),
        Panel("timeseries", "Problems of records, over time", "For how many domains of the targets each reason holds.",
              {"{{reason}} ({{severity}})":
                  "sum by (reason, severity) (target:smtp_domain_problem:count{@targets})"},
              (10, 8), stacked=True, empty="Nothing is wrong with any record, or rules/dashboards.yml is not loaded."),
        Panel("table", "Problems of MX hosts", "The primary one of each host of a domain that fails. "
              "A host leads to its dashboard.",
              {"": paged(most(f"({MX} (stage, reason) {WHY} and {OF_DOMAIN} {FAILS})"))},
              (14, 9),
              columns=(DOMAIN, REASON, STAGE, MX_HOST, TARGET, PAGE),
              sort=("domain",), empty="No domain fails because of its hosts."),
        Panel("timeseries", "Domains that fail, over time", "The ten targets with the most of them.",
              {"{{target}}": f"sum by (target) ({FAILING}) and on (target) {WORST}"},
              (10, 9), stacked=True, empty=MISSING),
    ),
    "Every domain": (
        Panel("table", "Domains", "What their records say; those that fail first, then those that are untestable.",
              {"state": paged(f"({EVERY_DOMAIN} {LOWEST})"),
               "MX": paged(f"(smtp_domain_mx_records{{@domains}} {LOWEST})"),
               "null MX": paged(f"(smtp_domain_null_mx{{@domains}} {LOWEST})"),
               "MTA-STS": paged(f"(smtp_domain_mta_sts_valid{{@domains}} {LOWEST})"),
               "policy": paged(f"(smtp_domain_mta_sts_info{{@domains}} {LOWEST})"),
               "kept for": paged(f"(smtp_domain_mta_sts_max_age_seconds{{@domains}} {LOWEST})"),
               "TLS-RPT": paged(f"(smtp_domain_tlsrpt_present{{@domains}} {LOWEST})")},
              (24, 9),
              columns=(Column("state", width=90, words=DELIVERABLE), DOMAIN, TARGET,
                       Column("MX", width=70), Column("null MX", width=90, words=YES),
                       Column("MTA-STS", width=100, words=VALID), Column("mode", width=100),
                       Column("kept for", unit="dtdurations", width=120), Column("TLS-RPT", width=90, words=YES), PAGE),
              sort=("state", "domain")),
        Panel("table", "MX hosts", "The lowest of all addresses and ports of a host: whether it works, its primary "
              "problem, whether its certificate fits its TLSA records, and how long it lasts. Those that fail first.",
              {"state": of_hosts(PROBED % "2"),
               "why": paged(f"({MX} (stage, reason) {WHY} and ignoring (stage, reason) {HOSTS})"),
               "DANE": of_hosts(f"smtp_dane_valid{{{OF_TARGET}}}"),
               "certificate": of_hosts(f"smtp_certificate_valid{{{OF_TARGET}}}"),
               "days left": of_hosts(f"({CERTIFICATES.left} / {DAY})")},
              (24, 9),
              columns=(Column("state", width=100, words=STATE), DOMAIN,
                       Column("preference", width=100), MX_HOST, REASON,
                       Column("DANE", width=100, words=VALID), Column("certificate", width=100, words=VALID),
                       Column("days left", width=100, decimals=1), TARGET, PAGE),
              sort=("state", "domain", "preference"), empty="No domain has an MX host."),
    ),
}  # fmt: skip
