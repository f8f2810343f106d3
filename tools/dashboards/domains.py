"""Mail domains: which of them cannot be delivered to and why, their MX hosts, and what their records promise."""

from tools.dashboards.columns import DOMAIN, MX_HOST, PAGE, REASON, SEVERITIES, STAGE, TARGET, paged
from tools.dashboards.thresholds import ALL_GOOD, DAYS_LEFT, DELIVERABLE, NONE_BETTER, NONE_GOOD, STATE, VALID, YES
from tools.grafana import Column, Panel

OF_DOMAIN = "on (job, instance, target, domain)"
OF_HOST = "on (job, instance, target, host)"
BY_HOST = "by (job, instance, target, host)"
OF_TARGET = 'job=~"$job",target=~"$target"'
MX = f"smtp_domain_mx_info{{@domains}} * {OF_HOST} group_left"
FAILS = "(smtp_domain_success{@domains} == 0)"
LOWEST = f"and {OF_DOMAIN} bottomk(500, smtp_domain_success{{@domains}})"
"""As many domains as a browser shows with ease, those that fail first."""
LEFT = f"(smtp_certificate_not_after_timestamp_seconds{{{OF_TARGET}}} - time()) / 86400"
NOW = f"(smtp_probe_success{{{OF_TARGET}}} or ignoring (reason) 2 * smtp_probe_untestable{{{OF_TARGET}}})"
PRIMARY = f'smtp_probe_problem{{{OF_TARGET},primary="true"}}'
WHY = f"topk {BY_HOST} (1, max by (job, instance, target, host, stage, reason) ({PRIMARY}))"


def of_hosts(expression: str) -> str:
    """A value of the MX hosts, the lowest of each, for every domain that names them."""
    return paged(f"({MX} () min {BY_HOST} ({expression}) {LOWEST})")


DOMAINS: dict[str, tuple[Panel, ...]] = {
    "Now": (
        Panel("stat", "Domains that work", "Share of the domains that could be tested and take mail.",
              {"": "avg(smtp_domain_success{@domains})"}, (4, 3), "percentunit", ALL_GOOD),
        Panel("stat", "Domains that fail", "No MX host works, or a record stops mail.",
              {"": f"count({FAILS}) or vector(0)"}, (4, 3), thresholds=NONE_GOOD),
        Panel("stat", "Problems of records", "Domains with a problem of their records, whether or not it stops mail.",
              {"": "count(max without (stage, reason, severity) (smtp_domain_problem{@domains})) or vector(0)"},
              (4, 3), thresholds=NONE_BETTER),
        Panel("stat", "DANE not valid", "Addresses of MX hosts whose certificate fits no TLSA record. That is a "
              "problem only where a record can be used.",
              {"": f"count((smtp_dane_valid{{{OF_TARGET}}} == 0) and {OF_HOST} smtp_domain_mx_info{{@domains}}) "
                   "or vector(0)"},
              (4, 3), thresholds=NONE_BETTER),
        Panel("stat", "MTA-STS enforced", "Share of the domains whose policy is in mode enforce.",
              {"": '(count(smtp_domain_mta_sts_info{@domains,mode="enforce"}) or vector(0)) '
                   "/ count(smtp_domain_mta_sts_present{@domains})"},
              (4, 3), "percentunit"),
        Panel("stat", "TLS-RPT", "Share of the domains that ask for reports (RFC 8460).",
              {"": "avg(smtp_domain_tlsrpt_present{@domains})"}, (4, 3), "percentunit"),
    ),
    "What is wrong now": (
        Panel("table", "Problems of records", "All of them; those that stop mail first. "
              "A reason leads to what it means.",
              {"": paged("smtp_domain_problem{@domains}")},
              (14, 8),
              columns=(SEVERITIES, REASON, STAGE,
                       DOMAIN, TARGET, PAGE),
              sort=("severity", "reason"), empty="Nothing is wrong with any record."),
        Panel("timeseries", "Problems of records, over time", "For how many domains each reason holds.",
              {"{{reason}} ({{severity}})": "count by (reason, severity) (smtp_domain_problem{@domains})"},
              (10, 8), stacked=True, empty="Nothing is wrong with any record."),
        Panel("table", "Problems of MX hosts", "The primary one of each host of a domain that fails. "
              "A host leads to its dashboard.",
              {"": paged(f"({MX} (stage, reason) {WHY} and {OF_DOMAIN} {FAILS})")},
              (14, 9),
              columns=(DOMAIN, REASON, STAGE, MX_HOST, TARGET,
                       PAGE),
              sort=("domain",), empty="No domain fails because of its hosts."),
        Panel("timeseries", "Domains that fail, over time", "By target.",
              {"{{target}}": "count by (target) (smtp_domain_success{@domains}) "
                             "- sum by (target) (smtp_domain_success{@domains})"},
              (10, 9), stacked=True),
    ),
    "Every domain": (
        Panel("table", "Domains", "What their records say; the 500 that work least.",
              {"state": paged("bottomk(500, smtp_domain_success{@domains})"),
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
              "problem, whether its certificate fits its TLSA records, and how long it lasts.",
              {"state": of_hosts(NOW),
               "why": paged(f"({MX} (stage, reason) {WHY} {LOWEST})"),
               "DANE": of_hosts(f"smtp_dane_valid{{{OF_TARGET}}}"),
               "certificate": of_hosts(f"smtp_certificate_valid{{{OF_TARGET}}}"),
               "days left": of_hosts(LEFT)},
              (24, 9),
              columns=(Column("state", width=100, words=STATE), DOMAIN,
                       Column("preference", width=100), MX_HOST, REASON,
                       Column("DANE", width=100, words=VALID), Column("certificate", width=100, words=VALID),
                       Column("days left", width=100, decimals=1, thresholds=DAYS_LEFT), TARGET, PAGE),
              sort=("state", "domain", "preference"), empty="No domain has an MX host."),
    ),
}  # fmt: skip
