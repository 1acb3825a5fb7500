"""Alerts fire when they should and not when they should not, and tell a person what to do."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from dashboards.promql import estimated, growth
from tests.dashboards.processes import DASHBOARDS, filled

TESTS = Path(__file__).with_name("alerts.test.yml")
ALERTS = [
    rule
    for group in yaml.safe_load((DASHBOARDS / "rules" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]


def promtool(*arguments: object) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_rules_and_configurations(prometheus_tools: None, tmp_path: Path) -> None:
    for name in ("recording", "alerts"):
        promtool("check", "rules", DASHBOARDS / "rules" / f"{name}.yml")
    promtool("check", "config", DASHBOARDS / "prometheus.yml")
    composed = tmp_path / "prometheus.yml"  # in the container the rules lie beside it
    composed.write_text((DASHBOARDS / "compose" / "prometheus.yml").read_text())
    (tmp_path / "rules").symlink_to(DASHBOARDS / "rules")
    assert "2 rule files found" in promtool("check", "config", composed)


def test_each_alert_fires_and_stays_silent_where_its_test_says(prometheus_tools: None) -> None:
    assert "SUCCESS" in promtool("test", "rules", TESTS)


def test_each_alert_is_tested_both_ways() -> None:
    said: dict[str, set[bool]] = {rule["alert"]: set() for rule in ALERTS}
    for case in yaml.safe_load(TESTS.read_text())["tests"]:
        for test in case["promql_expr_test"]:
            for name in re.findall(r'alertname="(\w+)"', test["expr"]):
                said[name].add(bool(test["exp_samples"]))
    assert {name for name, sides in said.items() if sides != {True, False}} == set()


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in ALERTS])
def test_each_alert_says_what_is_wrong_why_it_matters_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert rule["annotations"].keys() == {"summary", "description", "action"}
    assert rule["labels"]["severity"] in ("page", "ticket")


def test_the_readme_lists_the_alerts_with_their_severities() -> None:
    table = (DASHBOARDS / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.M))
    assert listed == {rule["alert"]: rule["labels"]["severity"] for rule in ALERTS}


RESETS = """
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - {{series: 'm{{job="j", instance="steady", kind="old"}}', values: "7+2x40"}}
      - {{series: 'm{{job="j", instance="steady", kind="young"}}', values: "_x30 5+1x10"}}
      - {{series: 'm{{job="j", instance="restarted", kind="old"}}', values: "100+2x20 0+2x20"}}
      - {{series: 'm{{job="j", instance="restarted", kind="gone"}}', values: "100+2x30 stale"}}
    promql_expr_test:
      - expr: round({growth}, 0.001)
        eval_time: 10m
        exp_samples:
          - {{labels: '{{job="j", instance="steady", kind="old"}}', value: 40}}
          - {{labels: '{{job="j", instance="steady", kind="young"}}', value: 15}}
          - {{labels: '{{job="j", instance="restarted", kind="gone"}}', value: 20}}
          - {{labels: '{{job="j", instance="restarted", kind="old"}}', value: 38}}
      - expr: round({estimated}, 0.001)
        eval_time: 10m
        exp_samples: [{{labels: '{{}}', value: 38}}]
      - expr: round({estimated}, 0.001)
        eval_time: 4m
        exp_samples: [{{labels: '{{}}', value: 0}}]
"""


def test_growth_is_exact_without_restarts_counts_young_and_ended_series_and_tells_what_restarts_left_to_estimate(
    prometheus_tools: None, tmp_path: Path
) -> None:
    path = tmp_path / "resets.test.yml"
    path.write_text(RESETS.format(growth=filled(growth("m"), 300), estimated=filled(estimated("m"), 300)))
    assert "SUCCESS" in promtool("test", "rules", path)
