"""*Routing and quality*: who answers what and why, whether the classifier still fits the traffic, what fusion does."""

from dashboards.panel import Board, Panel, Query, Row
from dashboards.promql import HOUR, quantile, rate, recorded, series, share, total

REQUESTS, FEEDBACK, COMPLEXITY = "router_requests_total", "router_feedback_total", "router_complexity"
RUNS, PANELISTS = "router_fusion_runs_total", "router_fusion_panelists_total"
AGREEMENT = "router_fusion_agreement"
FUSED, UPWARD = 'route="fusion"', 'route=~"strong|fusion"'
_BEYOND, _LOST = 'le="0.95"', 'outcome!="ok"'

_ROUTES = Row(
    "Which model handles what, and why",
    (
        Panel(
            "Which route do requests take?",
            "stacked",
            (Query(rate(REQUESTS, "route"), "{{route}}"),),
            "`none`: refused before anything was decided.",
            "reqps",
            drawn=True,
        ),
        Panel(
            "Why do they take it?",
            "stacked",
            (Query(rate(REQUESTS, "reason"), "{{reason}}"),),
            "The README explains each reason.",
            "reqps",
            drawn=True,
        ),
        Panel(
            "What share of routed prompts goes beyond the small model?",
            "lines",
            (
                Query(
                    share(rate(REQUESTS, where=UPWARD), rate(REQUESTS, where='route=~"small|strong|fusion"')),
                    "escalated",
                ),
            ),
            "Strong and fusion among all routed requests, forced ones included.",
            "percentunit",
            drawn=True,
        ),
        Panel(
            "Which model answered how many requests, on which route and why?",
            "table",
            (Query(total(REQUESTS, "route, reason, model")),),
            "Requests in the chosen time, failed ones included.",
            width=24,
            column="requests",
        ),
    ),
)

_DRIFT = Row(
    "Does the classifier still fit the traffic?",
    (
        Panel(
            "Are prompts as hard as those the thresholds were chosen on?",
            "columns",
            (
                Query(f"avg by (bin) ({recorded('router:complexity_reference_share')})", "training"),
                Query(f"avg by (bin) ({recorded('router:complexity_share:rate1d')})", "traffic"),
            ),
            "Share of prompts by complexity: the artifact's calibration split, and the last day's traffic.",
            "percentunit",
            width=12,
            drawn=True,
        ),
        Panel(
            "Has the traffic drifted away from the training data?",
            "lines",
            (Query(f"max ({recorded('router:complexity_psi:rate1d')})", "PSI"),),
            "Population stability index of the two distributions on the left, over the last day: below 0.1 alike, above 0.25 "
            "different. Then the thresholds' certificate no longer speaks of this traffic: retrain from the ledger.",
            width=6,
            limits=(0.1, 0.25),
            axis="PSI",
            drawn=True,
        ),
        Panel(
            "How unlike the training data are prompts?",
            "lines",
            (
                Query(
                    f"1 - {share(rate('router_novelty_bucket', where=_BEYOND), rate('router_novelty_count'))}",
                    "rarer than 1 in 20",
                ),
                Query(share(rate("router_novel_prompts_total"), rate("router_novelty_count")), "sent to strong for it"),
            ),
            "Share of prompts farther from the training data than 95 % of it, and share that the mode found too novel.",
            "percentunit",
            width=6,
            drawn=True,
        ),
        Panel(
            "How is complexity spread over time?",
            "heatmap",
            (Query(f"sum by (le) (increase({series(COMPLEXITY + '_bucket')}[$__rate_interval]))", "{{le}}"),),
            "Prompts by complexity.",
        ),
        Panel(
            "How hard are the prompts of each task?",
            "lines",
            (Query(quantile(0.5, COMPLEXITY, "task"), "{{task}}"),),
            "Median complexity by task.",
            "percentunit",
            drawn=True,
        ),
        Panel(
            "What is asked for?",
            "stacked",
            (Query(rate(COMPLEXITY + "_count", "task"), "{{task}}"),),
            "Judged prompts by task, as the classifier sees it.",
            "reqps",
        ),
        Panel(
            "How far from the training data is each task's complexity?",
            "bars",
            (
                Query(
                    f"{total(COMPLEXITY + '_sum', 'task')} / {total(COMPLEXITY + '_count', 'task')}"
                    f" - scalar(avg({recorded('router:complexity_reference_mean')}))",
                    "{{task}}",
                ),
            ),
            "Mean complexity of the task's prompts, minus the calibration split's over all tasks.",
            "percentunit",
            width=12,
            decimals=1,
        ),
        Panel(
            "How many prompts got no assessment?",
            "lines",
            (Query(rate("router_classifier_failures_total") + f" * {HOUR}", "failures"),),
            "No artifact, or an exception: such prompts go to strong.",
            axis="per hour",
            width=12,
        ),
    ),
)

_FEEDBACK = Row(
    "What callers say of the answers",
    (
        Panel(
            "How often was the small model too weak?",
            "stat",
            (
                Query(
                    share(
                        total(FEEDBACK, where='route="small", verdict=~"underpowered|failed|bad"'),
                        total(FEEDBACK, where='route="small"'),
                    )
                ),
            ),
            "Under-escalation: feedback `underpowered`, `failed` or `bad` among all feedback on the small route.",
            "percentunit",
            width=6,
            limits=(0.05, 0.15),
            decimals=1,
            drawn=True,
        ),
        Panel(
            "How often would less have done?",
            "stat",
            (
                Query(
                    share(
                        total(FEEDBACK, where=f'{UPWARD}, verdict="overprovisioned"'),
                        total(FEEDBACK, where=f'{UPWARD}, verdict!~"good|bad"'),
                    )
                ),
            ),
            "Over-escalation: feedback `overprovisioned` among the feedback on strong and fusion that speaks of the other route too.",
            "percentunit",
            width=6,
            limits=(0.2, 0.5),
            decimals=1,
            drawn=True,
        ),
        Panel(
            "What do callers say of each route?",
            "bars",
            (Query(total(FEEDBACK, "route, verdict") + " > 0", "{{route}} {{verdict}}"),),
            "Verdicts sent to /v1/feedback in the chosen time.",
            width=12,
            drawn=True,
        ),
    ),
)

_FUSION = Row(
    "Is fusion worth its money?",
    (
        Panel(
            "How do runs of the panel end?",
            "stacked",
            (Query(rate(RUNS, "mode, outcome") + f" * {HOUR}", "{{mode}} {{outcome}}"),),
            "`judged`, `agreed` without a judge, `degraded` to one member's answer, `failed`.",
            axis="runs per hour",
            drawn=True,
        ),
        Panel(
            "How much do panelists agree?",
            "lines",
            (
                Query(f"{rate(AGREEMENT + '_sum')} / {rate(AGREEMENT + '_count')}", "mean"),
                Query(
                    f"1 - {share(rate(AGREEMENT + '_bucket', where=_BEYOND), rate(AGREEMENT + '_count'))}",
                    "unanimous runs",
                ),
            ),
            "Share of the candidates that say the same, and share of the runs in which all do.",
            "percentunit",
            drawn=True,
        ),
        Panel(
            "Which panelists fail?",
            "bars",
            (
                Query(
                    f"{total(PANELISTS, 'model, outcome', _LOST)} / on (model) group_left () {total(PANELISTS, 'model')}",
                    "{{model}} {{outcome}}",
                ),
            ),
            "Share of the runs in which a member gave no candidate; `late` ones were not waited for.",
            "percentunit",
            limits=(0.1, 0.3),
            decimals=1,
            drawn=True,
        ),
        Panel(
            "How long do panel and judge take?",
            "lines",
            (
                Query(quantile(0.5, "router_fusion_stage_seconds", "stage"), "{{stage}} p50"),
                Query(quantile(0.95, "router_fusion_stage_seconds", "stage"), "{{stage}} p95"),
            ),
            "Waiting for the panel, and for the judge.",
            "s",
            drawn=True,
        ),
        Panel(
            "How many times one call to the baseline does a fused answer cost?",
            "stat",
            (
                Query(
                    f"{total('router_cost_usd_total', where=FUSED)} / {total('router_counterfactual_cost_usd_total', where=FUSED)}"
                ),
            ),
            "All calls of the runs over one call each to the baseline.",
            "suffix:×",
            decimals=1,
            drawn=True,
        ),
        Panel(
            "Are fused answers liked better than the strong model's?",
            "bars",
            (
                Query(
                    share(
                        total(FEEDBACK, "route", f'{UPWARD}, verdict=~"good|good_fit|overprovisioned"'),
                        total(FEEDBACK, "route", UPWARD),
                    ),
                    "{{route}}",
                ),
            ),
            "Share of good answers (`good`, `good_fit`, `overprovisioned`) among the feedback on each route.",
            "percentunit",
            decimals=1,
        ),
    ),
)

QUALITY = Board(
    "routing-and-quality",
    "Routing and quality",
    "Which model handles which request and why, whether the classifier still fits the traffic, and what fusion buys.",
    (_ROUTES, _DRIFT, _FEEDBACK, _FUSION),
)
