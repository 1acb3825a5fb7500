"""*Cost and savings*: what is spent, where, what the baseline would have cost, and what judging prompts costs."""

from dashboards.panel import Board, Panel, Query, Row
from dashboards.promql import (
    estimated,
    per_hour,
    rate,
    savings_per_hour,
    savings_total,
    share,
    total,
)

SPEND, BASELINE, REQUESTS = "router_cost_usd_total", "router_counterfactual_cost_usd_total", "router_requests_total"
USD, USD_PER_HOUR = "currencyUSD", "USD per hour"
UNPRICED = "Calls of models without a known price are in neither side; the panel of unpriced calls counts them."

RESTARTED = (
    "Exact while no gateway restarts; what was counted by one that restarted in the time is Prometheus's estimate "
    "(`increase`). The ledger's sum is exact: `fusion-router savings`."
)

OVERHEAD, CPU_PRICE = "router_overhead_seconds_sum", "scalar(router:cpu_price_usd_per_second)"
_ASSESS = 'station="assess"'

_GLANCE = Row(
    "In the chosen time",
    (
        Panel(
            "What did we spend?",
            "stat",
            (Query(total(SPEND), "spent"), Query(estimated(SPEND), "of it estimated")),
            "Every upstream call with a known price: answers, retries, panels, judges, failed and cancelled calls. "
            + RESTARTED,
            USD,
            width=4,
            drawn=True,
        ),
        Panel(
            "What would the baseline have cost?",
            "stat",
            (Query(total(BASELINE)),),
            "An estimate: the same prompts and answers at the baseline model's prices, answered at the first try. "
            + f"{UNPRICED} {RESTARTED}",
            USD,
            width=4,
            drawn=True,
        ),
        Panel(
            "What did we save?",
            "stat",
            (Query(savings_total()),),
            "Baseline minus spend, request by request; money spent on requests that failed counts against us. "
            + f"{UNPRICED} {RESTARTED}",
            USD,
            width=4,
            limits=(0.0,),
            low_is_bad=True,
            drawn=True,
        ),
        Panel(
            "What share of the baseline's cost did we save?",
            "stat",
            (Query(f"{savings_total()} / {total(BASELINE)}"),),
            f"Savings over what the baseline would have cost. {UNPRICED}",
            "percentunit",
            width=4,
            limits=(0.0,),
            low_is_bad=True,
            decimals=1,
            drawn=True,
        ),
        Panel(
            "What do 1,000 requests cost?",
            "stat",
            (Query(f"1000 * {total(SPEND)} / {total(REQUESTS)}"),),
            "Spend over all requests, failed ones included.",
            USD,
            width=4,
            drawn=True,
        ),
        Panel(
            "How many calls could not be priced?",
            "stat",
            (Query(total("router_unpriced_calls_total")),),
            "Their spend is unknown, not zero. Give the deployment a `price` in the config.",
            width=4,
            limits=(1.0,),
            drawn=True,
        ),
    ),
)

_SPEND = Row(
    "Where the money goes",
    (
        Panel(
            "Which route do we spend on?",
            "stacked",
            (Query(per_hour(SPEND, "route"), "{{route}}"),),
            "Spend per hour by route.",
            USD,
            axis=USD_PER_HOUR,
            drawn=True,
        ),
        Panel(
            "Which model do we spend on?",
            "stacked",
            (Query(per_hour(SPEND, "model"), "{{model}}"),),
            "Spend per hour by the model that was called.",
            USD,
            axis=USD_PER_HOUR,
            drawn=True,
        ),
        Panel(
            "Which stage do we spend on?",
            "stacked",
            (Query(per_hour(SPEND, "stage"), "{{stage}}"),),
            "`answer` is the first call, `retry` any later one; `panel` and `judge` are fusion's.",
            USD,
            axis=USD_PER_HOUR,
            drawn=True,
        ),
        Panel(
            "What did each route, model and stage cost?",
            "table",
            (Query(total(SPEND, "route, model, stage")),),
            "Spend in the chosen time. The rows add up to the first panel.",
            USD,
            width=12,
            column="spend",
        ),
        Panel(
            "How many tokens do the models read and write?",
            "lines",
            (Query(rate("router_tokens_total", "model, direction"), "{{model}} {{direction}}"),),
            "`cached` is part of `input`, `reasoning` part of `output`.",
            axis="tokens per second",
            width=12,
            drawn=True,
        ),
    ),
)

_SAVINGS = Row(
    "What routing is worth",
    (
        Panel(
            "Are we saving, and on which route?",
            "lines",
            (Query(savings_per_hour("route"), "{{route}}"), Query(savings_per_hour(), "all routes")),
            "Signed: below zero a route costs more than the baseline would. Fusion usually does; it buys quality.",
            USD,
            axis=USD_PER_HOUR,
            drawn=True,
        ),
        Panel(
            "What share of the baseline's cost does each route save?",
            "bars",
            (Query(f"{savings_total('route')} / {total(BASELINE, 'route')}", "{{route}}"),),
            "Negative: the route costs more than the baseline would have.",
            "percentunit",
            limits=(0.0,),
            low_is_bad=True,
            decimals=1,
            drawn=True,
        ),
        Panel(
            "What do 1,000 requests cost on each route, and on the baseline?",
            "bars",
            (
                Query(f"1000 * {total(SPEND, 'route')} / {total(REQUESTS, 'route')}", "{{route}}"),
                Query(f"1000 * {total(BASELINE)} / {total(REQUESTS)}", "baseline for all"),
            ),
            "Spend over all requests of the route, failed ones included.",
            USD,
            drawn=True,
        ),
        Panel(
            "What does the classifier cost?",
            "lines",
            (
                Query(f"{per_hour(OVERHEAD, where=_ASSESS)} * {CPU_PRICE}", "judging prompts"),
                Query(per_hour(SPEND), "upstream calls"),
            ),
            "CPU time spent on judging prompts at the price set in rules/recording.yml, beside what is paid upstream.",
            USD,
            axis=USD_PER_HOUR,
            drawn=True,
        ),
        Panel(
            "What does judging 1,000 prompts cost?",
            "stat",
            (Query(f"1000 * {total(OVERHEAD, where=_ASSESS)} * {CPU_PRICE} / {total('router_complexity_count')}"),),
            "CPU seconds of the classifier at the price set in rules/recording.yml.",
            USD,
        ),
        Panel(
            "What share of calls could not be priced?",
            "bars",
            (
                Query(
                    share(
                        total("router_unpriced_calls_total"),
                        total("router_attempts_total"),
                    ),
                    "all calls",
                ),
                Query(
                    f"{total('router_unpriced_calls_total', 'model')} / scalar({total('router_attempts_total')}) > 0",
                    "{{model}}",
                ),
            ),
            "Savings say nothing about them.",
            "percentunit",
            limits=(0.001, 0.05),
            decimals=1,
            drawn=True,
        ),
    ),
)

COST = Board(
    "cost-and-savings",
    "Cost and savings",
    "What is spent and where, what the baseline would have cost, and whether routing pays for itself.",
    (_GLANCE, _SPEND, _SAVINGS),
)
