"""The compose file, checked without an engine: it is well formed, and every path that it mounts is there."""

import re
from pathlib import Path
from typing import Any

import yaml

from router.cli import main
from tests.dashboards.processes import DASHBOARDS, ROOT

FOLDER = DASHBOARDS / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def mounts() -> list[tuple[str, str, str]]:
    """Service, source and target of each mount, with the defaults of its variables."""
    found = []
    for service, wanted in SERVICES.items():
        for mount in wanted["volumes"]:
            source, target = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", mount).split(":")[:2]
            found.append((service, source, target))
    return found


def container_path(service: str, path: str) -> Path:
    """Where a path of a container lies in the repository."""
    for owner, source, target in mounts():
        if owner == service and (path == target or path.startswith(target + "/")):
            return (FOLDER / source / path.removeprefix(target).lstrip("/")).resolve()
    raise AssertionError(f"{path} is not mounted into {service}")


def test_every_mounted_path_exists_and_every_volume_is_declared() -> None:
    for service, source, _ in mounts():
        if source.startswith("."):
            assert (FOLDER / source).resolve().exists(), (service, source)
        else:
            assert source in COMPOSE["volumes"]


def test_services_are_whole_and_their_ports_are_open_on_this_machine_alone() -> None:
    assert SERVICES.keys() == {"gateway", "prometheus", "grafana"}
    for name, service in SERVICES.items():
        assert ("image" in service) != ("build" in service), name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert set(service.get("depends_on", ())) <= SERVICES.keys()
        if "image" in service:
            assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), "pinned"
    assert ((FOLDER / SERVICES["gateway"]["build"]["context"]) / "Dockerfile").resolve() == ROOT / "Dockerfile"


def test_the_gateway_is_started_with_a_config_that_holds(capsys: Any) -> None:
    command = SERVICES["gateway"]["command"]
    assert command[0] == "serve"
    config = container_path("gateway", command[command.index("--config") + 1])
    assert main(["check", "--config", str(config)]) == 0


def test_prometheus_scrapes_the_gateway_and_finds_its_rules() -> None:
    path = SERVICES["prometheus"]["command"][0].removeprefix("--config.file=")
    config = yaml.safe_load(container_path("prometheus", path).read_text())
    port = SERVICES["gateway"]["command"][SERVICES["gateway"]["command"].index("--port") + 1]
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": [f"gateway:{port}"]}]
    own = yaml.safe_load((DASHBOARDS / "prometheus.yml").read_text())
    for shown in (config, own):
        del shown["scrape_configs"][0]["static_configs"]
    assert config == own
    assert len(list(container_path("prometheus", "/etc/prometheus/rules").glob("*.yml"))) == 2


def test_grafana_finds_its_source_and_the_dashboards() -> None:
    provisioning = container_path("grafana", "/etc/grafana/provisioning")
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == "15s"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "fusion-router.yaml").read_text())["providers"]
    assert len(list(container_path("grafana", provider["options"]["path"]).glob("*.json"))) == 3
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert container_path("grafana", home).is_file()
