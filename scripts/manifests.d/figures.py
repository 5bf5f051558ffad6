"""Dashboard and alarms: they are sound, and every figure in them is one that the program shows."""

import json
import os
import pathlib
import re
import tempfile

import yaml

from kit import DEPLOY, ROOT, check, run

PROMTOOL = os.environ["PROMTOOL"]
WORDS = set(
    "sum max min avg count rate increase changes histogram_quantile vector by without on ignoring or and unless bool le "
    "offset group_left group_right clamp_min".split()
)
# Prometheus's own.
OTHERS = {"up"}
# Shown only where there is something to show: Kafka, a gateway, traces, more keys than memory holds.
IN_NEED = {
    "bus_reachable",
    "idempotency_run_keys",
    "bus_relay_lag_seconds",
    "bus_published_total",
    "events_missing_total",
    "gateway_upstream_requests_total",
    "gateway_upstream_ready",
    "trace_spans_total",
}


def names_in(expression):
    """The figures in an expression: words that are no functions, labels or numbers."""
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", expression)
    text = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", text)
    return {word for word in re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", text) if word not in WORDS}


def anchors_of(path):
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_all(shown):
    """`shown` are the names at /metrics of a running program that has done a little work."""
    used = check_alarms() | check_dashboard()
    sources = "".join(path.read_text() for path in ROOT.glob("crates/*/src/**/*.rs"))
    for name in used - OTHERS:
        if name in IN_NEED:
            check(f'"{name}"' in sources, f"figures: no part of the program counts {name}")
        else:
            check(name in shown, f"figures: a running program does not show {name}")
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    for name in {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown} - families:
        check(name in {"process_start_time_seconds"} | families, f"figures: nobody looks at {name}")


def check_alarms():
    folder = DEPLOY / "prometheus"
    for words in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
        told = run(PROMTOOL, *words, cwd=folder)
        check(told.returncode == 0, f"alarms: promtool {' '.join(words)}: {told.stdout}{told.stderr}")
    rules = [rule for group in yaml.safe_load((folder / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
    tests = yaml.safe_load((folder / "alerts.test.yaml").read_text())["tests"]
    tried = [one for test in tests for one in test["alert_rule_test"]]
    used = set()
    for rule in rules:
        name = rule["alert"]
        used |= names_in(rule["expr"])
        page, anchor = rule["annotations"]["runbook"].split("#")
        check(anchor in anchors_of(ROOT / page), f"alarms: {name}: {page} has no section {anchor}")
        check(rule["labels"]["severity"] in ("info", "warning", "critical"), f"alarms: {name}: severity")
        rings = [bool(one["exp_alerts"]) for one in tried if one["alertname"] == name]
        check(True in rings and False in rings, f"alarms: {name} has no test that it rings, and when it does not")
    return used


def check_dashboard():
    board = json.loads((DEPLOY / "grafana/onepoint.json").read_text())
    ids = [panel["id"] for panel in board["panels"]]
    check(len(ids) == len(set(ids)), "dashboard: a panel's id twice")
    variables = {one["name"] for one in board["templating"]["list"]}
    expressions = []
    for panel in board["panels"]:
        place = panel["gridPos"]
        check(place["x"] + place["w"] <= 24, f"dashboard: {panel['title']} is too wide")
        if panel["type"] == "row":
            continue
        check(panel["targets"], f"dashboard: {panel['title']} shows nothing")
        for target in panel["targets"]:
            expressions.append(target["expr"])
            named = set(re.findall(r"\$([a-z]\w*)", target["expr"]))
            check(named <= variables, f"dashboard: {panel['title']}: {named - variables}")
    # Read by Prometheus itself, as rules with names of no meaning.
    plain = [re.sub(r"\$__(rate_interval|range)", "5m", text).replace("$job", ".*").replace("$instance", ".*") for text in expressions]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(plain)]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "panels.yaml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
        told = run(PROMTOOL, "check", "rules", str(path))
        check(told.returncode == 0, f"dashboard: {told.stdout}{told.stderr}")
    return set().union(*(names_in(text) for text in plain))
