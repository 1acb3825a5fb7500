"""*Health*: what callers wait for, what we add, which deployment is sick, and whether the ledger keeps up."""

from dashboards.panel import Board, Panel, Query, Row
from dashboards.promql import CHOSEN, HOUR, quantile, rate, series, share, total

REQUESTS, ATTEMPTS = "router_requests_total", "router_attempts_total"
OURS = (
    'outcome=~"upstream_.*|out_of_files|fusion_failed|no_deployment_available|overloaded|internal_error", '
    'outcome!="upstream_rejected"'
)
"""Errors that are not the caller's fault; what a provider rejects is wrong with the request itself."""

FAILED = (
    'outcome!~"ok|aborted|upstream_rejected|context_length_exceeded|capability_unavailable|content_filter|out_of_files"'
)
"""Of calls: those that speak against the deployment."""

_SERVED = 'model!="none"'

_NOW = Row(
    "Now",
    (
        Panel(
            "How many gateways can be scraped?",
            "stat",
            (Query(f"sum (up{{{CHOSEN}}})", "up"), Query(f"count (up{{{CHOSEN}}})", "known")),
            "Instances that answer Prometheus, of those it knows.",
            width=4,
        ),
        Panel(
            "How many requests are in flight?",
            "stat",
            (Query(f"sum ({series('router_in_flight_requests')})"),),
            "More than `limits.max_in_flight` on one worker are refused.",
            width=4,
            drawn=True,
        ),
        Panel(
            "How many requests failed through no fault of the caller?",
            "stat",
            (Query(share(total(REQUESTS, where=OURS), total(REQUESTS))),),
            "Share of requests that ended in an error of ours or of the providers, after all retries and fallbacks.",
            "percentunit",
            width=4,
            limits=(0.01, 0.05),
            decimals=2,
            drawn=True,
        ),
        Panel(
            "Which deployments get calls?",
            "bars",
            (Query(f"min by (deployment) ({series('router_deployment_up')})", "{{deployment}}"),),
            "1: calls go there. 0: a worker leaves it out after failures.",
            width=6,
            limits=(1.0,),
            low_is_bad=True,
            drawn=True,
        ),
        Panel(
            "What is running?",
            "table",
            (Query(f"count by (version, classifier, policy, instance) ({series('router_build_info')} == 1)"),),
            "Release, artifact and policy of each instance.",
            width=6,
            column="running",
        ),
    ),
)

_CALLERS = Row(
    "What callers wait for",
    (
        Panel(
            "How long do requests take?",
            "lines",
            (
                Query(quantile(0.5, "router_request_seconds", "route"), "{{route}} p50"),
                Query(quantile(0.95, "router_request_seconds", "route"), "{{route}} p95"),
            ),
            "From the request's arrival to the answer's last byte.",
            "s",
            drawn=True,
        ),
        Panel(
            "How long until the first token?",
            "lines",
            (
                Query(quantile(0.5, "router_time_to_first_token_seconds", "route"), "{{route}} p50"),
                Query(quantile(0.95, "router_time_to_first_token_seconds", "route"), "{{route}} p95"),
            ),
            "Streams only: from the request's arrival to the first content.",
            "s",
            drawn=True,
        ),
        Panel(
            "Which errors do callers get?",
            "stacked",
            (Query(rate(REQUESTS, "outcome", 'outcome!="ok"') + f" * {HOUR}", "{{outcome}}"),),
            "By code; `aborted` are callers who hung up.",
            axis="per hour",
            drawn=True,
        ),
    ),
)

_OURS = Row(
    "What we add",
    (
        Panel(
            "How much time do we add, station by station?",
            "stacked",
            (Query(f"{rate('router_overhead_seconds_sum', 'station')} / scalar({rate(REQUESTS)})", "{{station}}"),),
            "Mean of our own time per request; waiting for providers is not in it.",
            "s",
            width=12,
            drawn=True,
        ),
        Panel(
            "How slow are the slowest requests at each station?",
            "lines",
            (Query(quantile(0.99, "router_overhead_seconds", "station"), "{{station}} p99"),),
            "One request in a hundred takes longer.",
            "s",
            width=12,
            drawn=True,
        ),
    ),
)

_DEPLOYMENTS = Row(
    "Which deployment is sick?",
    (
        Panel(
            "How do calls end?",
            "stacked",
            (Query(rate(ATTEMPTS, "deployment, outcome"), "{{deployment}} {{outcome}}"),),
            "Every upstream call, retries and panelists included.",
            "ops",
            axis="calls per second",
            drawn=True,
        ),
        Panel(
            "What share of its calls does each deployment fail?",
            "bars",
            (
                Query(
                    share(total(ATTEMPTS, "deployment", FAILED), total(ATTEMPTS, "deployment")),
                    "{{deployment}}",
                ),
            ),
            "Calls that ended in an error of the deployment's; those we hung up on, and those in which the request was at "
            "fault, are not counted as failed.",
            "percentunit",
            limits=(0.05, 0.2),
            decimals=1,
            drawn=True,
        ),
        Panel(
            "How long do calls take?",
            "lines",
            (Query(quantile(0.95, "router_attempt_seconds", "deployment", 'outcome="ok"'), "{{deployment}} p95"),),
            "Calls that were answered.",
            "s",
            drawn=True,
        ),
        Panel(
            "How often are deployments left out?",
            "stacked",
            (Query(rate("router_cooldowns_total", "deployment") + f" * {HOUR}", "{{deployment}}"),),
            "Cooldowns begun or lengthened, after failures or a 429.",
            axis="per hour",
            width=12,
            drawn=True,
        ),
        Panel(
            "How many calls does a request take?",
            "lines",
            (Query(f"{rate(ATTEMPTS)} / {rate(REQUESTS, where=_SERVED)}", "calls per request"),),
            "1 is one call each; retries, fallbacks and panels add to it.",
            width=12,
            axis="calls per request",
        ),
    ),
)

_LEDGER = Row(
    "Is everything written down?",
    (
        Panel(
            "How many rows does the ledger get?",
            "lines",
            (Query(rate("router_ledger_rows_total"), "rows"),),
            "Requests, once they and their calls are in the database.",
            "ops",
            width=5,
        ),
        Panel(
            "Are rows lost?",
            "lines",
            (Query(rate("router_ledger_dropped_rows_total", "reason") + f" * {HOUR}", "{{reason}}"),),
            "Rows given up because the queue was full or the database did not take them. Requests never wait for the ledger.",
            axis="per hour",
            width=5,
            drawn=True,
        ),
        Panel(
            "How many rows are waiting?",
            "lines",
            (
                Query(f"sum ({series('router_ledger_queue_rows')})", "rows"),
                Query(f"sum ({series('router_ledger_unwritable')})", "gateways that cannot write"),
            ),
            "Rows not written yet; when the queue is full, rows are dropped.",
            axis="rows",
            width=5,
            drawn=True,
        ),
        Panel(
            "How long does a write take?",
            "lines",
            (
                Query(quantile(0.5, "router_ledger_write_seconds"), "p50"),
                Query(quantile(0.99, "router_ledger_write_seconds"), "p99"),
            ),
            "One batch into the database.",
            "s",
            width=5,
        ),
        Panel(
            "How large is the ledger?",
            "lines",
            (Query(f"max ({series('router_ledger_size_bytes')})", "ledger"),),
            "Its rows without free pages; `ledger.max_mb` and the retention keep it in bounds.",
            "bytes",
            width=4,
        ),
    ),
)

HEALTH = Board(
    "health",
    "Health",
    "What callers wait for, what the gateway adds, which deployment is sick, and whether the ledger keeps up.",
    (_NOW, _CALLERS, _OURS, _DEPLOYMENTS, _LEDGER),
)
