"""All checks of manifests; see scripts/manifests."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import yaml

import chart
import compose
import figures
import words
from kit import DEPLOY, PROGRAM, ROOT, check, counts, run, wrong


def ask(url, body=None, method=None):
    request = urllib.request.Request(url, data=body, method=method)
    if body:
        request.add_header("Content-Type", "application/json")
    # Not by way of a proxy: it listens on this machine only.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def started(folder):
    """The program on a store of its own; where it listens."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ONEPOINT_", "OTEL_"))}
    words = [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data", f"{folder}/data", "--set", "log.format=json"]
    with open(f"{folder}/log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(words, stderr=log, stdout=subprocess.DEVNULL, env=environment, cwd=folder)
    for _ in range(300):
        with open(f"{folder}/log", encoding="utf-8") as log:
            found = re.search(r"open (http://[0-9.:]+)", log.read())
        if found:
            return server, found.group(1)
        time.sleep(0.1)
    server.kill()
    raise SystemExit("the program did not start")


def look_at_a_running_one():
    """The probes' paths answer, `healthcheck` tells the truth, and what figures there are after a little work."""
    values = yaml.safe_load((DEPLOY / "helm/onepoint/values.yaml").read_text())
    with tempfile.TemporaryDirectory() as folder:
        server, url = started(folder)
        try:
            for probe, when in ((probe, when) for probe, when in values["probes"].items() if "path" in when):
                check(ask(url + when["path"])[0] == 200, f"program: {probe} at {when['path']}")
            told = run(PROGRAM, "healthcheck", "--url", url)
            check(told.returncode == 0, f"program: healthcheck says {told.stderr}")
            told = run(PROGRAM, "demo", "--url", url, "--members", "5", "--force")
            check(told.returncode in (0, 3), f"program: demo says {told.stderr}")
            text = ask(f"{url}/metrics")[1]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=40)
        told = run(PROGRAM, "healthcheck", "--url", url)
        check(told.returncode == 1, "program: healthcheck of one that has ended")
    return set(re.findall(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{| )", text, re.MULTILINE))


def check_pipeline():
    files = sorted(str(path) for path in (ROOT / ".github/workflows").glob("*.y*ml"))
    check(files, "pipeline: there is none")
    told = run(os.environ["ACTIONLINT"], "-no-color", *files, cwd=ROOT)
    check(told.returncode == 0, f"pipeline: {told.stdout}{told.stderr}")
    for path in files:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        flow = yaml.safe_load(text)
        check(flow.get("permissions") == {"contents": "read"}, f"pipeline: {path}: permissions {flow.get('permissions')}")
        for used in re.findall(r"uses: *([^\s#]+)", text):
            check(re.fullmatch(r"[\w.-]+/[\w./-]+@(v\d+|[0-9a-f]{40})", used), f"pipeline: {used} is not pinned")
        check_machine(text)


def check_machine(pipeline):
    """The machine of the checks is given what scripts/test would install as root, and the Rust that the program names."""
    for packages in re.findall(r"packages\+=\(([^)]*)\)", (ROOT / "scripts/test").read_text()):
        for package in packages.split():
            check(re.search(rf"\s{re.escape(package)}(\s|$)", pipeline), f"pipeline: {package}, which scripts/test wants, is not installed")
    version = re.search(r'rust-version = "([^"]+)"', (ROOT / "Cargo.toml").read_text()).group(1)
    check(f"rustup toolchain install {version} " in pipeline, f"pipeline: Rust {version} is not installed")


def main():
    began = time.monotonic()
    compose.check_all()
    chart.check_all()
    check_pipeline()
    words.check_all()
    figures.check_all(look_at_a_running_one())
    for what in wrong:
        print(what, file=sys.stderr)
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    print(f"{sum(counts.values())} checks ({told}) in {time.monotonic() - began:.0f} s, {len(wrong)} wrong")
    raise SystemExit(1 if wrong else 0)


main()
