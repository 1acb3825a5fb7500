"""A new artifact in a running gateway."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from openai import OpenAI
from prometheus_client import CollectorRegistry

from classifier.artifact import DEFAULT_PATH, MANIFEST
from router.app import create_app
from router.commands.serve import server_options
from router.config.load import parse_settings
from tests.live import POOL, free_port, running

HI: list[Any] = [{"role": "user", "content": "hi"}]


def until(holds: Callable[[], bool], wait_s: float = 15.0) -> bool:
    deadline_s = time.monotonic() + wait_s
    while time.monotonic() < deadline_s:
        try:
            if holds():
                return True
        except Exception:  # the gateway is still starting
            pass
        time.sleep(0.05)
    return False


def reloads(metrics: str, outcome: str) -> float:
    """How often an artifact was read with this outcome."""
    series = f'router_artifact_reloads_total{{outcome="{outcome}"}} '
    return next(float(line.removeprefix(series)) for line in metrics.splitlines() if line.startswith(series))


def publish(artifact: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Put a changed manifest in the place of the artifact's own."""
    manifest, new = json.loads((artifact / MANIFEST).read_text()), artifact.with_name("new")
    change(manifest)
    new.write_text(json.dumps(manifest))
    os.replace(new, artifact / MANIFEST)


def test_an_artifact_that_comes_while_the_gateway_is_starting_is_taken_over_too(tmp_path: Path) -> None:
    artifact = tmp_path / "artifact"
    shutil.copytree(DEFAULT_PATH, artifact)
    settings = parse_settings(POOL + f"classifier: {{path: {artifact}}}\n", "router.yaml", {})
    front = create_app(settings, CollectorRegistry())
    publish(artifact, lambda manifest: manifest.update(version="9.9.9"))  # litellm takes seconds to load meanwhile
    with running(uvicorn.Server(uvicorn.Config(front, **{**server_options(settings), "port": free_port()}))):
        assert until(lambda: "@9.9.9:" in front.services.assessor.artifact, 5.0)  # type: ignore[union-attr]


def test_a_new_artifact_is_taken_over_and_a_bad_one_refused(tmp_path: Path) -> None:
    artifact = tmp_path / "artifact"
    shutil.copytree(DEFAULT_PATH, artifact)
    config = tmp_path / "router.yaml"
    config.write_text(POOL + f"classifier: {{path: {artifact}}}\n")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "router", "serve", "--config", str(config), "--port", str(port)], stderr=subprocess.PIPE
    )
    client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="x", max_retries=0)

    def classifier() -> str:
        return client.chat.completions.with_raw_response.create(model="auto", messages=HI).headers[
            "x-router-classifier"
        ]

    try:
        assert until(lambda: bool(classifier()))
        old = classifier()
        publish(artifact, lambda manifest: manifest.update(version="9.9.9"))
        assert until(lambda: "@9.9.9:" in classifier()), old
        explained: Any = client.post("/route", body={"model": "auto", "messages": HI}, cast_to=object)
        (doubt,) = explained["promise_doubts"]
        assert doubt.startswith(f"the thresholds were chosen for {old}, not for ")
        publish(artifact, lambda manifest: manifest.update(features=["nonsense"]))
        process.send_signal(signal.SIGHUP)
        time.sleep(2.5)
        assert "@9.9.9:" in classifier()
        publish(
            artifact,
            lambda manifest: manifest.update(
                features=json.loads((DEFAULT_PATH / MANIFEST).read_text())["features"], version="9.9.10"
            ),
        )
        process.send_signal(signal.SIGHUP)
        assert until(lambda: "@9.9.10:" in classifier(), 1.5)
        counted = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert reloads(counted, "loaded") >= 2
        assert reloads(counted, "refused") >= 1
    finally:
        client.close()
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=20)[1].decode()
    assert "refused" in log
