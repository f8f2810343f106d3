"""smtp-exporter: probes SMTP servers as their clients do and tells Prometheus what is wrong, and why.

How to find your way, in four sentences:

1. A probe is a script that yields commands (`smtp.dialogue`); a shell performs them (`probe` on a `wire`).
2. What was seen is one frozen `model.Result`, kept however far the probe came.
3. Problems (`checks`), metrics (`families`, `exposition`), page and command line are pure functions of results.
4. Tables are the contract: reasons (`reasons`), metric families (`families`) and configuration keys
   (`config.model`) are each written once; documentation, alert rules, dashboards and the JSON Schema are
   printed from them (`reference`).

config.yaml -> config -> targets -> resolve -> schedule -> probe -> Result -> board -> families -> /metrics
"""

__version__ = "0.1.0"
