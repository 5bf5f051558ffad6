"""What the checks of manifests share: the program, and a list of what is wrong."""

import functools
import json
import os
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
PROGRAM = os.environ["ONEPOINT"]
CONTEXTS = (
    "member notification point coupon mypage donation deal settlement dashboard product membership payment gifticon cart"
).split()
wrong = []
counts = {}


def check(holds, what):
    """Notes `what` unless it holds."""
    kind = what.split(":", 1)[0]
    counts[kind] = counts.get(kind, 0) + 1
    if not holds:
        wrong.append(what)
    return bool(holds)


def run(*words, **more):
    """Runs a program to its end, away from any settings of this machine."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ONEPOINT_", "OTEL_"))}
    environment |= more.pop("environment", {})
    more.setdefault("cwd", tempfile.gettempdir())
    return subprocess.run(words, capture_output=True, text=True, timeout=60, env=environment, check=False, **more)


def settings():
    """The program's settings: variable -> row of `onepoint config`."""
    told = run(PROGRAM, "config", "--json")
    return {row["variable"]: row for row in json.loads(told.stdout)}


def secret_settings():
    """Keys whose rows say that they are secret."""
    rows = (ROOT / "crates/server/src/config/rows.rs").read_text()
    return set(re.findall(r'secret\(\s*"([^"]+)"', rows))


SETTINGS = settings()
SECRETS = secret_settings()


def check_variable(where, name, value):
    """A variable of a manifest is one that the program reads, and a secret comes out of a file."""
    if not name.startswith("ONEPOINT_"):
        return
    row = SETTINGS.get(name) or SETTINGS.get(name.removesuffix("_FILE"))
    if not check(row, f"{where}: the program has no setting {name}"):
        return
    # An address without a password may stand in the open.
    if row["key"] in SECRETS and not (row["key"] == "bus.url" and re.fullmatch(r"kafka://[\w.:,-]+", value)):
        is_file = name.endswith("_FILE") and value.startswith("/")
        check(is_file, f"{where}: {name} is a secret and must be read from a file")


@functools.cache
def help_of(*words):
    return run(PROGRAM, *words, "--help")


def check_command(where, words):
    """The program knows this command and its options."""
    words = [str(word) for word in words]
    told = help_of(*words)
    check(told.returncode == 0, f"{where}: the program has no command {' '.join(words)}: {told.stderr[:200]}")
