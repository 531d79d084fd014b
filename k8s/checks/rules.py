"""What no schema knows of docker-compose.yml and k8s/base: names, versions and hardening that must agree.

rules.py                        lists the rules, a line each: name, tab, what it claims
rules.py <rule> <rendered.yaml> checks one rule; prints what breaks it and exits with 1

Every function below is a rule: its name, its docstring (the claim), and the findings that it yields.
"""

import inspect
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]

# The subcommands of `boxoffice` that run in containers of their own, and those of them that end.
ONE_SHOTS = {"migrate"}
ROLES = {"command-api", "query-api", "relay", "projector", "processes"} | ONE_SHOTS


def settings_exist():
    """every variable that a container of Boxoffice gets is one of platform/src/config/settings.rs"""
    table = (ROOT / "platform/src/config/settings.rs").read_text()
    known = set(re.findall(r'name: "([A-Z_]+)"', table))
    if not known:
        yield "platform/src/config/settings.rs lists no setting: has the table moved?"
    for where, given in [*compose_environments(), *manifest_environments()]:
        for name in sorted(given - known):
            yield f"{where}: there is no setting {name}"


def roles_are_complete():
    """docker-compose.yml and k8s/base run each role, as a subcommand that exists"""
    in_compose = [tuple(service["command"]) for service in own_services().values()]
    in_manifests = [tuple(container["args"]) for _, container in own_containers()]
    for where, commands in [("docker-compose.yml", in_compose), ("k8s/base", in_manifests)]:
        for command in commands:
            if len(command) != 1 or command[0] not in ROLES:
                yield f"{where}: {' '.join(command)} is not a role"
        for role in sorted(ROLES - {command[0] for command in commands}):
            yield f"{where}: the role {role} is missing"


def images_are_pinned():
    """every image has a tag that says which version it is"""
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    images = [("docker-compose.yml", service["image"]) for service in COMPOSE["services"].values()]
    images += [("k8s/base", container["image"]) for _, container in containers()]
    for where, image in [*images, *(("Dockerfile", base) for base in bases)]:
        # Debian's suites are versions, too; anything else is a number.
        if not re.search(r":(v?\d[\w.-]*|[a-z]+-slim)$", image):
            yield f"{where}: {image}"


def versions_agree():
    """versions that are said twice are the same: Boxoffice, Rust, nginx, Kafka"""
    cargo = (ROOT / "Cargo.toml").read_text()
    workspace = re.search(r'\[workspace\.package\]\s+version = "([^"]+)"', cargo).group(1)
    dockerfile = (ROOT / "Dockerfile").read_text()
    ours = {service["image"] for service in own_services().values()}
    ours |= {container["image"] for _, container in own_containers()}
    ours |= {"boxoffice:" + re.search(r"^ARG VERSION=(\S+)", dockerfile, re.MULTILINE).group(1)}
    for image in sorted(ours - {f"boxoffice:{workspace}"}):
        yield f"Cargo.toml says {workspace}, not {image}"

    rust = re.search(r'channel = "([^"]+)"', (ROOT / "rust-toolchain.toml").read_text()).group(1)
    for said in re.findall(r"^FROM rust:([\d.]+)|RUSTUP_TOOLCHAIN=([\d.]+)", dockerfile, re.MULTILINE):
        if (said[0] or said[1]) != rust:
            yield f"rust-toolchain.toml says {rust}, Dockerfile says {said[0] or said[1]}"

    gateways = {container["image"] for _, container in containers() if container["name"] == "gateway"}
    if gateways != {COMPOSE["services"]["gateway"]["image"]}:
        yield f"the gateways are {gateways} and {COMPOSE['services']['gateway']['image']}"

    tested = re.search(r"<kafka\.version>([\d.]+)</", (ROOT / "testkit/kafka/pom.xml").read_text()).group(1)
    if COMPOSE["services"]["kafka"]["image"] != f"apache/kafka:{tested}":
        yield f"tests run on Kafka {tested}, docker-compose.yml on {COMPOSE['services']['kafka']['image']}"


def containers_are_confined():
    """no container may do what it need not: no root, no capabilities, no writing, no token, bounded resources"""
    for name, service in COMPOSE["services"].items():
        if service.get("cap_drop") != ["ALL"] or "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"docker-compose.yml, {name}: capabilities or privileges"
        if not service.get("read_only") and name != "kafka":
            yield f"docker-compose.yml, {name}: its root file system can be written to"
        if str(service.get("user", "0")).startswith("0") and name != "kafka":
            yield f"docker-compose.yml, {name}: no user, or root"
    for pod, container in containers():
        where = f"k8s/base, {container['name']}"
        if container.get("securityContext") != {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }:
            yield f"{where}: securityContext of the container"
        context = pod.get("securityContext", {})
        if not (context.get("runAsNonRoot") and context.get("runAsUser", 0) > 0):
            yield f"{where}: may run as root"
        if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{where}: no seccomp profile"
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{where}: a token of the Kubernetes API is mounted"
        for bound in ("requests", "limits"):
            if set(container.get("resources", {}).get(bound, {})) != {"cpu", "memory"}:
                yield f"{where}: resources, {bound}"


def deployments_are_careful():
    """every Deployment has three probes, a budget against disruption, a spread and time to end"""
    budgets = [pick(budget, "spec", "selector", "matchLabels") for budget in kind("PodDisruptionBudget")]
    for deployment in kind("Deployment"):
        name, pod = deployment["metadata"]["name"], pick(deployment, "spec", "template", "spec")
        labels = pick(deployment, "spec", "template", "metadata", "labels")
        if pick(deployment, "spec", "selector", "matchLabels") != labels:
            yield f"{name}: the selector is not the labels of its pods"
        if labels not in budgets:
            yield f"{name}: no PodDisruptionBudget"
        if not pod.get("topologySpreadConstraints") or not pod.get("terminationGracePeriodSeconds"):
            yield f"{name}: no spread, or no time to end"
        for container in pod["containers"]:
            paths = {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
            for probe, path in paths.items():
                if container.get(probe, {}).get("httpGet") != {"path": path, "port": "http"}:
                    yield f"{name}: {probe} is not on {path}"


def gateway_finds_the_apis():
    """each upstream of gateway.conf is a service with that port, in docker-compose.yml and in k8s/base"""
    upstreams = re.findall(r"^\s+server ([\w-]+):(\d+);", (ROOT / "k8s/base/gateway.conf").read_text(), re.MULTILINE)
    if {host for host, _ in upstreams} != {"command-api", "query-api"}:
        yield f"gateway.conf has the upstreams {upstreams}"
    pods = [pick(deployment, "spec", "template", "metadata", "labels") for deployment in kind("Deployment")]
    for host, port in upstreams:
        services = [service["spec"] for service in kind("Service") if service["metadata"]["name"] == host]
        if not any(p["port"] == int(port) for spec in services for p in spec["ports"]):
            yield f"k8s/base has no Service {host} with port {port}"
        if not any(spec["selector"] == labels for spec in services for labels in pods):
            yield f"the Service {host} selects no Deployment's pods"
        listen = COMPOSE["services"].get(host, {}).get("environment", {}).get("BOXOFFICE_LISTEN", "")
        if not listen.endswith(f":{port}"):
            yield f"docker-compose.yml has no {host} that listens on port {port}"


def who_pays_agrees():
    """command-api and processes, and nobody else, get the key of the payment gateway"""
    given = {}
    for where, names in [*compose_environments(), *manifest_environments()]:
        given.setdefault(where, set()).update(names)
    for where, names in sorted(given.items()):
        pays = where.rsplit(", ")[-1] in {"command-api", "processes"}
        if ("BOXOFFICE_STRIPE_KEY" in names) != pays:
            yield f"{where}: {'lacks' if pays else 'has'} BOXOFFICE_STRIPE_KEY"


def secrets_are_references():
    """secrets are references only, and k8s/README.md and .env.example name every one"""
    readme, example = (ROOT / "k8s/README.md").read_text(), (ROOT / ".env.example").read_text()
    if kind("Secret"):
        yield "k8s/base holds a Secret"
    for _, container in containers():
        for variable in container.get("env", []):
            reference = pick(variable, "valueFrom", "secretKeyRef") or {}
            if reference.get("name") != "boxoffice-secrets" or reference.get("key") != variable["name"]:
                yield f"k8s/base, {container['name']}: {variable['name']} is not taken from boxoffice-secrets"
            elif f"--from-literal={variable['name']}=" not in readme:
                yield f"k8s/README.md does not say how to give {variable['name']}"
    text = (ROOT / "docker-compose.yml").read_text()
    for name in sorted(set(re.findall(r"\$\{([A-Z_]+)", text))):
        if not re.search(rf"^(# )?{name}=", example, re.MULTILINE):
            yield f".env.example does not name {name}"


# ---- what the rules look at ------------------------------------------------------------------------------------

COMPOSE = {}
MANIFESTS = []


def kind(name):
    return [manifest for manifest in MANIFESTS if manifest["kind"] == name]


def containers():
    """All (pod, container) of the manifests."""
    for workload in kind("Deployment") + kind("Job"):
        pod = pick(workload, "spec", "template", "spec")
        for container in pod["containers"] + pod.get("initContainers", []):
            yield pod, container


def own_containers():
    return [(pod, container) for pod, container in containers() if container["image"].startswith("boxoffice:")]


def own_services():
    return {name: s for name, s in COMPOSE["services"].items() if s["image"].startswith("boxoffice:")}


def compose_environments():
    for name, service in own_services().items():
        yield f"docker-compose.yml, {name}", set(service["environment"])


def manifest_environments():
    config_maps = {config["metadata"]["name"]: set(config["data"]) for config in kind("ConfigMap")}
    for _, container in own_containers():
        where = f"k8s/base, {container['name']}"
        yield where, {variable["name"] for variable in container.get("env", [])}
        for source in container.get("envFrom", []):
            yield where, config_maps[source["configMapRef"]["name"]]


def pick(tree, *path):
    for step in path:
        tree = (tree or {}).get(step)
    return tree


HELPERS = {kind, containers, own_containers, own_services, compose_environments, manifest_environments, pick}
RULES = {
    name: thing
    for name, thing in list(globals().items())
    if inspect.isfunction(thing) and thing not in HELPERS
}

if __name__ == "__main__":
    if len(sys.argv) == 1:
        for name, rule in RULES.items():
            print(name, rule.__doc__, sep="\t")
        sys.exit()
    COMPOSE.update(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))
    MANIFESTS.extend(manifest for manifest in yaml.safe_load_all(Path(sys.argv[2]).read_text()) if manifest)
    if not MANIFESTS:
        sys.exit("there are no manifests: kustomize failed")
    findings = list(RULES[sys.argv[1]]())
    print("\n".join(findings))
    sys.exit(bool(findings))
