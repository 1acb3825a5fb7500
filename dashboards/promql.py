"""The pieces that queries are made of.

Laws:

* Totals are exact while no gateway restarts. Prometheus's own ``increase`` extrapolates and loses what a series was born
  with; money must not depend on that. ``growth`` is the newest value minus the one at the range's start (0 for a younger
  series). For a series that a restart reset in the range there is only ``increase``, an estimate: what was counted after
  the last scrape before the restart is in the ledger alone. ``estimated`` is how much of a total is of that kind.
* Every series is chosen by the job and instance variables.
"""

CHOSEN = 'job=~"$job", instance=~"$instance"'
WINDOW = "$__rate_interval"
RANGE = "$__range"

HOUR = 3600
"""Seconds: spend is shown per hour."""


def series(metric: str, where: str = "") -> str:
    """A metric's series of the chosen instances."""
    return f"{metric}{{{CHOSEN}{', ' + where if where else ''}}}"


def growth(metric: str, where: str = "") -> str:
    """How much each counter grew in the dashboard's range."""
    found = series(metric, where)
    newest = f"last_over_time({found}[{RANGE}])"  # of a series that has ended, too
    exact = f"({newest} - ({found} offset {RANGE} or {newest} * 0)) and resets({found}[{RANGE}]) == 0"
    return f"({exact} or increase({found}[{RANGE}]))"


def estimated(metric: str) -> str:
    """How much of a counter's total is an estimate, because a gateway restarted in the dashboard's range; mostly 0."""
    found = series(metric)
    return f"(sum (increase({found}[{RANGE}]) and resets({found}[{RANGE}]) > 0) or vector(0))"


def total(metric: str, by: str = "", where: str = "") -> str:
    """What a counter amounts to in the dashboard's range."""
    return f"{_sum(by)} ({growth(metric, where)})"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """What a counter grows by per second, over time."""
    return f"{_sum(by)} (rate({series(metric, where)}[{WINDOW}]))"


def per_hour(metric: str, by: str = "", where: str = "") -> str:
    """What a counter grows by per hour, over time."""
    return f"{rate(metric, by, where)} * {HOUR}"


def quantile(share: float, histogram: str, by: str = "", where: str = "") -> str:
    """A quantile of a histogram, over time."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(histogram + '_bucket', labels, where)})"


def share(part: str, whole: str) -> str:
    """One sum as a share of another; 0 where the part never happened."""
    return f"({part} or {whole} * 0) / {whole}"


def savings_total(by: str = "") -> str:
    """What was saved in the range; negative where more was spent than the baseline would have cost."""
    saved, overspent = (growth("router_savings_usd_total", f'sign="{sign}"') for sign in ("saved", "overspent"))
    return f"{_sum(by)} ({saved} or -{overspent})"


def savings_per_hour(by: str = "") -> str:
    """What is saved per hour, over time; negative where more is spent than the baseline would cost."""
    saved, overspent = (series("router_savings_usd_total", f'sign="{sign}"') for sign in ("saved", "overspent"))
    return f"{_sum(by)} (rate({saved}[{WINDOW}]) or -rate({overspent}[{WINDOW}])) * {HOUR}"


def recorded(rule: str, where: str = "") -> str:
    """A recording rule's series; rules add up the instances of a job."""
    return f'{rule}{{job=~"$job"{", " + where if where else ""}}}'


def _sum(by: str) -> str:
    return f"sum by ({by})" if by else "sum"
