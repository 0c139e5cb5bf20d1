#!/usr/bin/env python3
"""Checks config/alerts.yml and config/grafana-dashboard.json against a page of /metrics.

monitoring_check.py PAGE ALERTS DASHBOARD: prints what is wrong, one line each; exit 1 when anything is.
"""

import json
import re
import sys

import yaml

# Labels that Prometheus or the expression itself adds.
ADDED_LABELS = {"instance", "le", "job"}


def read_page(path):
    """Name of each metric, as queries know it, with the labels its samples have; none when it has no samples."""
    labels, histograms = {}, []
    for line in open(path, encoding="utf-8"):
        if match := re.match(r"# TYPE (\S+) (\S+)", line):
            labels[match[1]] = None
            if match[2] == "histogram":
                histograms.append(match[1])
        elif match := re.match(r"([a-z_0-9]+)(?:\{(.*)\})? \S+$", line):
            family = re.sub(r"_(bucket|sum|count)$", "", match[1])
            family = match[1] if match[1] in labels else family
            seen = labels[family] or set()
            labels[family] = seen | set(re.findall(r'(\w+)="', match[2] or ""))
    for name in histograms:
        for suffix in ("_bucket", "_sum", "_count"):
            labels[name + suffix] = labels[name]
        del labels[name]
    return labels


def check_expression(where, expression, metrics):
    """Faults of one expression: metrics that do not exist, labels that none of its metrics has."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    names = set(re.findall(r"billsync_\w+", bare))
    if not names:
        yield f"{where}: no metric in: {expression}"
    for name in sorted(names - metrics.keys()):
        yield f"{where}: no such metric: {name}"
    for name, selector in re.findall(r"(billsync_\w+)\{([^}]*)\}", bare):
        known = metrics.get(name)
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector):
            if known is not None and label not in known | ADDED_LABELS:
                yield f"{where}: {name} has no label {label}"
    known = set().union(ADDED_LABELS, *(metrics.get(name) or set() for name in names))
    if all(metrics.get(name) is not None for name in names):
        for group in re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", bare):
            for label in re.findall(r"\w+", group):
                if label not in known:
                    yield f"{where}: no metric of it has the label {label}"
        if bare.count("(") != bare.count(")"):
            yield f"{where}: brackets do not match"


def check_alerts(path, metrics):
    seen = set()
    for group in yaml.safe_load(open(path, encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            where = f"{path}: {rule.get('alert')}"
            if not rule.get("alert") or rule["alert"] in seen:
                yield f"{where}: needs a name of its own"
            seen.add(rule.get("alert"))
            if rule.get("labels", {}).get("severity") not in ("page", "ticket"):
                yield f"{where}: severity is page or ticket"
            for key in ("summary", "mend"):
                if not rule.get("annotations", {}).get(key):
                    yield f"{where}: has no {key}"
            if not re.fullmatch(r"\d+[smhd]", rule.get("for", "0s")):
                yield f"{where}: for is no duration"
            yield from check_expression(where, rule["expr"], metrics)
            for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
                if label not in rule["expr"]:
                    yield f"{where}: its text names {label}, which the expression does not keep"
    if not seen:
        yield f"{path}: has no rules"


def check_dashboard(path, metrics):
    panels = [p for p in json.load(open(path, encoding="utf-8"))["panels"] if p["type"] != "row"]
    if len({p["id"] for p in panels}) != len(panels) or not panels:
        yield f"{path}: panels need ids of their own"
    for panel in panels:
        for target in panel["targets"]:
            yield from check_expression(f"{path}: {panel['title']}", target["expr"], metrics)


def main(page, alerts, dashboard):
    metrics = read_page(page)
    faults = list(check_alerts(alerts, metrics)) + list(check_dashboard(dashboard, metrics))
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
