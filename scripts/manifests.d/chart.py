"""The chart: rendered in the ways it is meant for, compared with the schemas of Kubernetes, refused where it must be."""

import os
import pathlib
import shutil
import tempfile

import kubernetes_validate
import yaml

from kit import CONTEXTS, DEPLOY, check, check_command, check_variable, run

HELM = os.environ["HELM"]
CHART = DEPLOY / "helm/onepoint"
# The oldest that the chart names, one in the middle, and the newest with a schema.
VERSIONS = ["1.27", "1.33", kubernetes_validate.latest_version().rsplit(".", 1)[0]]
GRACE_S = 20
MESSAGES_S = 15

KEYS = ["secrets.programme.existingSecret=onepoint", "secrets.operatorKey.existingSecret=onepoint"]
SERVER = ["database.engine=postgres", "database.existingSecret=database"]
SPLIT = [*KEYS, *SERVER, "topology=split", "secrets.internalKey.existingSecret=onepoint", "kafka.url=kafka://kafka:9092"]
SCRAPED = ["serviceMonitor.enabled=true", "serviceMonitor.bearerToken.existingSecret=onepoint"]
MARIADB = [f"database.contexts.{name}.{field}" for name in ("notification", "coupon") for field in ("existingSecret=maria", "key=url")]
EVERYTHING = [
    "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.a=b",
    "networkPolicy.from[0].namespaceSelector.matchLabels.a=b",
    "networkPolicy.extraEgress[0].ports[0].port=443",
    "serviceMonitor.enabled=true",
    "serviceMonitor.bearerToken.existingSecret=onepoint",
    "secrets.paymentKey.existingSecret=onepoint",
    "secrets.smtpPassword.existingSecret=onepoint",
    "secrets.smsUrl.existingSecret=onepoint",
    "secrets.smsHeader.existingSecret=onepoint",
    "imagePullSecrets[0].name=registry",
    "image.digest=sha256:" + "0" * 64,
    "service.annotations.a=b",
    "podLabels.a=b",
    "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key=a",
    "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].operator=Exists",
    "podAnnotations.a=b",
    "nodeSelector.a=b",
    "tolerations[0].key=a",
    "baseUrl=https://points.example.org",
    "settings.otel\\.endpoint=http://collector:4318",
    "settings.points\\.welcome=500",
    "settings.gateway\\.lag_limit_s=9",
]
SOUND = {
    "single": KEYS,
    "single on a server": [*KEYS, *SERVER, "replicas=3", "autoscaling.enabled=true"],
    "split": SPLIT,
    "split, scaled": [*SPLIT, *MARIADB, "autoscaling.enabled=true", "autoscaling.profile=steady", "parts.gateway.replicas=2",
                      "parts.deal.autoscaling.enabled=false", "parts.settlement.autoscaling.enabled=true", "parts.point.autoscaling.maxReplicas=4"],
    "split, everything": [*SPLIT, *MARIADB, *EVERYTHING, "kafka.existingSecret=kafka"],
    "single, everything": [*KEYS, *EVERYTHING],
    "single, everything on a server": [*KEYS, *SERVER, *EVERYTHING],
    "single, scraped": [*KEYS, *SCRAPED],
    "split, scraped without policies": [*SPLIT, *SCRAPED, "networkPolicy.enabled=false"],
}
# Parts with an autoscaler in the split topology where autoscaling is on and values say no more.
SCALED = {"gateway", "point", "deal", "mypage"}
REFUSED = {
    "secrets.programme.existingSecret is empty": [],
    "secrets.operatorKey.existingSecret is empty": KEYS[:1],
    "2 replicas cannot share sqlite: files": [*KEYS, "replicas=2"],
    "3 replicas cannot share sqlite: files": [*KEYS, "parts.all.replicas=3"],
    "autoscaling cannot share sqlite: files": [*KEYS, "autoscaling.enabled=true"],
    "topology split needs a database server": [*KEYS, "topology=split"],
    "database.existingSecret is empty": [*KEYS, "database.engine=postgres"],
    "secrets.internalKey.existingSecret is empty": [*KEYS, *SERVER, "topology=split"],
    "topology split needs kafka.url": [*SPLIT, "kafka.url="],
    "settings.payment.key is a secret": [*KEYS, "settings.payment\\.key=x"],
    "settings.programme.secret is a secret": [*KEYS, "settings.programme\\.secret=x"],
    "settings.point.database.url is a secret": [*KEYS, "settings.point\\.database\\.url=x"],
    "settings.listen is set by this chart": [*KEYS, "settings.listen=x"],
    "settings.bus.url is set by this chart": [*KEYS, "settings.bus\\.url=x"],
    "settings.gateway.point is set by this chart": [*KEYS, "settings.gateway\\.point=x"],
    "kafka.url holds more than addresses": [*SPLIT, "kafka.url=kafka://kafka:9092?sasl.password=x"],
    "would stand in the Deployment": [*SPLIT, "kafka.url=kafka://user:x@kafka:9092"],
    "networkPolicy.metricsFrom is empty": [*SPLIT, *SCRAPED],
    "the NetworkPolicy lets no Prometheus in": [*KEYS, *SCRAPED, EVERYTHING[1]],
    "topology single has no such part": [*KEYS, "parts.point.replicas=1"],
    "serviceMonitor.bearerToken.existingSecret is empty": [*KEYS, "serviceMonitor.enabled=true"],
    # By values.schema.json.
    "topology": [*KEYS, "topology=double"],
    "replicsa": [*KEYS, "replicsa=2"],
    "maxUnavailable": [*KEYS, "podDisruptionBudget.maxUnavailable=0"],
}


def template(sets, version="1.33", chart=CHART):
    words = [word for one in sets for word in ("--set", one)]
    return run(HELM, "template", "loyal", str(chart), "--namespace", "points", "--kube-version", f"{version}.0", *words)


def check_all():
    told = run(HELM, "lint", "--strict", str(CHART), *[word for one in KEYS for word in ("--set", one)])
    check(told.returncode == 0, f"chart: helm lint: {told.stdout}{told.stderr}")
    for name, sets in SOUND.items():
        objects = []
        for version in VERSIONS:
            told = template(sets, version)
            if not check(told.returncode == 0, f"chart: {name} is refused: {told.stderr}"):
                continue
            objects = [one for one in yaml.safe_load_all(told.stdout) if one]
            check_schemas(name, version, objects)
        try:
            check_meaning(name, objects)
        except (KeyError, IndexError, StopIteration) as error:
            check(False, f"chart: {name}: {error!r} is missing")
    check_connections()
    for words, sets in REFUSED.items():
        told = template(sets)
        check(told.returncode != 0 and words in told.stderr, f"chart: {sets} must be refused with '{words}': {told.stderr}")


def check_schemas(name, version, objects):
    for one in objects:
        if one["apiVersion"].startswith("monitoring.coreos.com/"):
            continue  # A resource of Prometheus's operator, which Kubernetes's schemas do not know.
        try:
            kubernetes_validate.validate(one, version, strict=True)
            check(True, "chart: schema")
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            check(False, f"chart: {name}, Kubernetes {version}: {one['kind']} {one['metadata']['name']}: {error}")


def check_meaning(name, objects):
    of = {}
    for one in objects:
        of.setdefault(one["kind"], {})[one["metadata"]["name"]] = one
    parts = [*CONTEXTS, "gateway"] if name.startswith("split") else ["all"]
    found = {one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] for one in of["Deployment"].values()}
    check(found == set(parts), f"chart: {name} has parts {found}")
    is_shared = "Job" in of
    check(is_shared == ("PersistentVolumeClaim" not in of), f"chart: {name}: a volume for SQLite, a Job for servers")
    pods = [(kind, one["metadata"]["name"], one["spec"]["template"]) for kind in ("Deployment", "Job") for one in of.get(kind, {}).values()]
    for kind, called, pod in pods:
        check_pod(f"chart: {name}, {called}", pod, of, kind)
    for called, one in of["Deployment"].items():
        strategy = one["spec"]["strategy"]
        fits = strategy == {"type": "Recreate"} if not is_shared else strategy["rollingUpdate"]["maxUnavailable"] == 0
        check(fits, f"chart: {name}, {called}: replaced by {strategy}")
        labels = one["spec"]["template"]["metadata"]["labels"]
        service = of["Service"][called]
        check(service["spec"]["selector"].items() <= labels.items(), f"chart: {name}, {called}: its Service finds it")
        ports = {port["name"] for port in one["spec"]["template"]["spec"]["containers"][0]["ports"]}
        check({port["targetPort"] for port in service["spec"]["ports"]} <= ports, f"chart: {name}, {called}: ports")
        scaled = of.get("HorizontalPodAutoscaler", {}).get(called)
        check(("replicas" in one["spec"]) == (scaled is None), f"chart: {name}, {called}: replicas or an autoscaler")
    for called, one in of.get("HorizontalPodAutoscaler", {}).items():
        target = one["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"]
        steady = "steady" if "scaled" in name else "seed"
        expected = (2, 4 if called.endswith("-point") else 10, 70) if steady == "steady" else (1, 10, 4)
        check((one["spec"]["minReplicas"], one["spec"]["maxReplicas"], target) == expected, f"chart: {name}, {called}: {steady}")
    scaled = {one["spec"]["scaleTargetRef"]["name"].removeprefix("loyal-onepoint-") for one in of.get("HorizontalPodAutoscaler", {}).values()}
    check(not name.startswith("split") or scaled == (SCALED - {"deal"} | {"settlement"} if "scaled" in name else set()), f"chart: {name}: {scaled} scale")
    for called, one in of["Service"].items():
        is_context = called.removeprefix("loyal-onepoint-") in CONTEXTS
        check((one["spec"].get("clusterIP") == "None") == is_context, f"chart: {name}, {called}: who knows the addresses of its pods")
        # Behind such a name the port is the pod's own.
        is_own = {port["port"] for port in one["spec"]["ports"]} == {8080, 8081}
        check(is_own == is_context, f"chart: {name}, {called}: ports of the pods")
    if "NetworkPolicy" in of:
        check_policies(name, of, parts)
    check_command_pods(name, of)


def check_command_pods(name, of):
    """What runs before the program has its settings, and stands where it may stand."""
    if "everything" not in name:
        return
    pods = [one["spec"]["template"] for kind in ("Job", "Deployment") for one in of.get(kind, {}).values()]
    for pod in pods:
        check(pod["metadata"].get("annotations") == {"a": "b"}, f"chart: {name}: annotations of pods")
        check(pod["spec"]["nodeSelector"] == {"a": "b"} and "nodeAffinity" in pod["spec"]["affinity"], f"chart: {name}: where pods stand")
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            given = {variable["name"]: variable["value"] for variable in container["env"]}
            check(given.get("ONEPOINT_POINTS__WELCOME") == "500", f"chart: {name}, {container['name']}: settings")


def check_connections():
    """How many connections the notes after an install say that the databases must allow."""
    scaled = [*SPLIT, "autoscaling.enabled=true", "parts.point.autoscaling.maxReplicas=4",
              "parts.deal.autoscaling.enabled=false", "parts.mypage.autoscaling.enabled=false"]
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(CHART, f"{folder}/onepoint")
        # Notes themselves are shown only by what asks a cluster.
        pathlib.Path(f"{copy}/templates/told.yaml").write_text('told: {{ include "onepoint.connections" . }}')
        # One each of 14 contexts and one more in a rollout, 7 each and 14 on MariaDB; then four of point.
        for sets, connections in ((SPLIT, 196), ([*SPLIT, *MARIADB], 224), (scaled, 217), (SOUND["single on a server"], 1320)):
            told = template(sets, chart=copy)
            check(f"\ntold: {connections}\n" in told.stdout, f"chart: connections are not {connections}: {told.stderr}")


def check_pod(where, pod, of, kind):
    spec = pod["spec"]
    check(spec["automountServiceAccountToken"] is False, f"{where}: no token")
    check(spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", f"{where}: restricted")
    files = set()
    for volume in spec["volumes"]:
        for source in volume.get("projected", {}).get("sources", []):
            check(source["secret"]["name"], f"{where}: a Secret without a name")
            files |= {f"/etc/onepoint/secrets/{item['path']}" for item in source["secret"]["items"]}
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        security = container["securityContext"]
        check(security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"], f"{where}: restricted")
        check(security["capabilities"] == {"drop": ["ALL"]}, f"{where}: no capabilities")
        check("limits" in container["resources"], f"{where}: a limit on memory")
        check_command(where, container["args"])
        names = [variable["name"] for variable in container["env"]]
        check(len(names) == len(set(names)), f"{where}: a variable twice")
        for variable in container["env"]:
            check_variable(where, variable["name"], variable.get("value", ""))
            if variable["name"].endswith("_FILE"):
                check(variable["value"] in files, f"{where}: {variable['value']} is not mounted")
            if "http://loyal-" in variable.get("value", ""):
                host, port = variable["value"].removeprefix("http://").split(":")
                ports = [str(one["port"]) for one in of["Service"].get(host, {"spec": {"ports": []}})["spec"]["ports"]]
                check(port in ports, f"{where}: {variable['name']} leads to no Service")
    if kind == "Deployment":
        grace_ms = next(int(one["value"]) for one in spec["containers"][0]["env"] if one["name"] == "ONEPOINT_DRAIN__GRACE_MS")
        needed = grace_ms / 1000 + GRACE_S + MESSAGES_S
        check(spec["terminationGracePeriodSeconds"] >= needed, f"{where}: it is killed before it has ended")
        probes = {probe: spec["containers"][0][f"{probe}Probe"] for probe in ("readiness", "liveness", "startup")}
        check(probes["readiness"]["httpGet"]["path"] == "/readyz", f"{where}: readiness")
        # One that has as many connections as it takes must not be killed for it.
        check("tcpSocket" in probes["liveness"], f"{where}: liveness")


def check_policies(name, of, parts):
    """Who is let in: clients to the entry alone, the gateway to public ports, contexts to internal ones."""
    policies = of["NetworkPolicy"]
    entry = policies["loyal-onepoint-entry"]["spec"]
    is_entry = entry["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == ("gateway" if len(parts) > 1 else "all")
    check(is_entry and entry["ingress"][0]["ports"] == [{"port": 8080, "protocol": "TCP"}], f"chart: {name}: the entry")
    egress = policies["loyal-onepoint-egress"]["spec"]
    check({port["port"] for port in egress["egress"][0]["ports"]} == {53} and egress["policyTypes"] == ["Egress"], f"chart: {name}: egress")
    if len(parts) == 1:
        return
    contexts = policies["loyal-onepoint-contexts"]["spec"]
    for one in of["Deployment"].values():
        labels = one["spec"]["template"]["metadata"]["labels"]
        is_context = labels["app.kubernetes.io/component"] != "gateway"
        chosen = contexts["podSelector"]["matchLabels"].items() <= labels.items()
        check(chosen == is_context, f"chart: {name}: the policy of contexts and {labels['app.kubernetes.io/component']}")
    let_in = [(next(iter(rule["from"]))["podSelector"]["matchLabels"], [port["port"] for port in rule["ports"]]) for rule in contexts["ingress"][:2]]
    check(let_in[0][0]["app.kubernetes.io/component"] == "gateway" and let_in[0][1] == [8080], f"chart: {name}: the gateway is let in")
    check(let_in[1][0]["onepoint/role"] == "context" and let_in[1][1] == [8081], f"chart: {name}: contexts reach internal ports only")
