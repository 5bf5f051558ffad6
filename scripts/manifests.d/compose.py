"""The image's recipe and the compose files: their specification's schema, and what no schema says."""

import json
import os
import pathlib
import re

import jsonschema
import yaml

from kit import CONTEXTS, DEPLOY, PROGRAM, ROOT, check, check_command, check_variable

SCHEMA = json.loads(pathlib.Path(os.environ["COMPOSE_SCHEMA"]).read_text())


def check_all():
    check_recipe()
    for name in ("compose.yaml", "compose.split.yaml"):
        check_compose(name, yaml.safe_load((DEPLOY / name).read_text()))
    services = yaml.safe_load((DEPLOY / "compose.split.yaml").read_text())["services"]
    run_by = [service["command"][-1] for service in services.values() if service.get("command", [""])[0] == "serve"]
    check(set(run_by) == set(CONTEXTS), f"compose: split runs {sorted(set(run_by))}")
    gateway = services["gateway"]["environment"]
    for context in CONTEXTS:
        check(f"ONEPOINT_GATEWAY__{context.upper()}" in gateway, f"compose: the gateway does not know {context}")


def check_compose(name, file):
    where = f"compose: {name}"
    for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(file):
        check(False, f"{where}: {list(error.path)}: {error.message}")
    services, secrets = file["services"], file.get("secrets", {})
    for secret, source in secrets.items():
        check(source.get("file", "").startswith("./secrets/"), f"{where}: secret {secret} is no file")
    for called, service in services.items():
        check_service(f"{where}, {called}", service, services, secrets)
        for volume in service.get("volumes", []):
            check(volume.split(":")[0] in file.get("volumes", {}), f"{where}, {called}: volume {volume}")


def check_service(where, service, services, secrets):
    check(re.search(r":[^/]+$", service["image"]), f"{where}: an image without a version")
    own = "onepoint" in service["image"]
    for secret in service.get("secrets", []):
        check(secret in secrets, f"{where}: secret {secret}")
    for other, when in service.get("depends_on", {}).items():
        check(other in services, f"{where}: depends on {other}")
        needs_health = when["condition"] == "service_healthy"
        check(not needs_health or "healthcheck" in services[other], f"{where}: {other} has no health")
    for variable, value in service.get("environment", {}).items():
        check_variable(where, variable, str(value))
        looks_secret = re.search(r"PASSWORD$|SECRET$|TOKEN$|KEY$", variable)
        check(not looks_secret or variable == "MARIADB_RANDOM_ROOT_PASSWORD", f"{where}: {variable} in the open")
        if str(value).startswith("/run/secrets/"):
            check(value.removeprefix("/run/secrets/") in service["secrets"], f"{where}: {value} is not given to it")
        for host in re.findall(r"http://([a-z0-9-]+):808[01]", str(value)):
            check(host in services, f"{where}: {variable} leads to {host}")
    if not own:
        check("healthcheck" in service, f"{where}: no healthcheck")
        return
    check_command(where, service["command"])
    for word in service["command"]:
        if str(word).startswith("/run/secrets/"):
            check(word.removeprefix("/run/secrets/") in service["secrets"], f"{where}: {word} is not given to it")
    check(service["read_only"] and service["cap_drop"] == ["ALL"] and service["user"] == "65532:65532", f"{where}: rights")
    runs_on = service["command"][0] in ("serve", "gateway")
    check(not runs_on or "healthcheck" in service, f"{where}: no healthcheck")
    check(not runs_on or int(service["stop_grace_period"].removesuffix("s")) >= 36, f"{where}: it is killed before it has ended")
    for port in service.get("ports", []):
        check(port.startswith("127.0.0.1:"), f"{where}: {port} is open to others")


def check_recipe():
    text = (DEPLOY / "Containerfile").read_text()
    lines = [line.strip() for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip() and not line.startswith("#")]
    steps = [line.split(None, 1) for line in lines]
    by = {}
    for word, rest in steps:
        by.setdefault(word, []).append(rest)
    toolchain = re.search(r'rust-version = "([^"]+)"', (ROOT / "Cargo.toml").read_text()).group(1)
    check(by["FROM"][0].startswith(f"docker.io/library/rust:{toolchain}-") and len(by["FROM"]) == 2, f"image: {by['FROM']}")
    check(by["USER"] == ["65532:65532"], f"image: user {by.get('USER')}")
    entry = json.loads(by["ENTRYPOINT"][0])
    check(entry == ["/usr/local/bin/onepoint"], f"image: entry {entry}")
    check_command("image", json.loads(by["CMD"][0]))
    health = json.loads(by["HEALTHCHECK"][0].split("CMD", 1)[1])
    check(health[0] == entry[0], f"image: health {health}")
    check_command("image", health[1:])
    check("/data" in by["VOLUME"][0], "image: no volume")
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', " ".join(by["LABEL"])))
    check({"title", "description", "licenses", "version", "revision"} <= labels.keys(), f"image: labels {labels}")
    for name, value in re.findall(r"(ONEPOINT_\w+)=(\S+)", " ".join(by["ENV"])):
        check_variable("image", name, value)
    check_sources()


def check_sources():
    """What the program is compiled from is what the image's build is given."""
    listed = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    given = [ROOT / line[1:] for line in listed if line.startswith("!")]
    for needed in ("Cargo.toml", "Cargo.lock", "LICENSE", ".cargo"):
        check(ROOT / needed in given and (ROOT / needed).exists(), f"image: the build is not given {needed}")
    made_from = pathlib.Path(PROGRAM + ".d").read_text().split(":", 1)[1].split()
    sources = [pathlib.Path(os.path.normpath(path)) for path in made_from]
    inside = [path for path in sources if path.is_relative_to(ROOT)]
    check(len(inside) > 100, f"image: {len(inside)} sources are known")
    for path in inside:
        check(any(path == one or one in path.parents for one in given), f"image: the build is not given {path.relative_to(ROOT)}")
