"""The endpoints that nobody calls a thousand times a second: models, dry runs, health, metrics; and the 404."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from router.core.ask import AUTO_NAMES, FUSION_NAMES, MODE_NAMES, ROUTE_NAMES, read_ask
from router.core.types import Deployment, Price
from router.core.whole_json import dumps
from router.errors import EndpointNotFound, GatewayError, InternalError, MethodNotAllowed, RunNotFound
from router.http.astray import way_back
from router.http.auth import Authenticator
from router.http.exchange import error_headers
from router.http.front import MODEL_PATHS
from router.pipeline import Services
from router.record.exposition import exposition

_PROBED = ["GET", "HEAD"]
"""Many uptime monitors and load balancers ask by HEAD."""


def add_endpoints(
    app: FastAPI,
    services: Services,
    auth: Authenticator,
    is_ready: Callable[[], Mapping[str, bool]],
) -> None:
    """Put the endpoints on the application."""

    @app.get("/v1/models")
    @app.get("/models")
    async def models(request: Request) -> Response:
        """Aliases and deployments, with context window and price."""
        auth.caller(dict(request.scope["headers"]))
        return _json({"object": "list", "data": _models(services)})

    @app.get("/v1/models/{name:path}")
    @app.get("/models/{name:path}")
    async def model(request: Request, name: str) -> Response:
        """One of them."""
        auth.caller(dict(request.scope["headers"]))
        found = next((entry for entry in _models(services) if entry["id"] == name), None)
        if found is None:
            policy = services.policy
            read_ask(name, policy.deployments, policy.aliases, fusion=bool(policy.fusion.controls.panel))
            found = _entry(name, "fusion-router")
        return _json(found)

    @app.get("/v1/fusion/runs/{run_id}")
    @app.get("/fusion/runs/{run_id}")
    async def fusion_run(request: Request, run_id: str) -> Response:
        """A finished run of this caller, as long as this worker remembers it."""
        caller = auth.caller(dict(request.scope["headers"]))
        kept = services.runs.find(run_id, caller)
        if kept is None:
            raise RunNotFound(f"No run {run_id[:100]!r} is remembered here; the latest ones are, by each worker.")
        return _json(kept.facts)

    @app.api_route("/healthz", methods=_PROBED)
    async def healthz() -> Response:
        """The process answers."""
        return _json({"status": "ok"})

    @app.api_route("/readyz", methods=_PROBED)
    async def readyz() -> Response:
        """The pool can answer, and an artifact is loaded; without one, everything would go to strong."""
        checks = is_ready()
        return _json(
            {"status": "ok" if all(checks.values()) else "unready", "checks": checks},
            200 if all(checks.values()) else 503,
        )

    @app.get("/metrics")
    async def metrics() -> Response:
        """What Prometheus scrapes."""
        body, kind = exposition()
        return Response(body, media_type=kind)

    app.add_exception_handler(GatewayError, _on_gateway_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_defect)


def _models(services: Services) -> list[dict[str, Any]]:
    policy = services.policy
    fusion = FUSION_NAMES[:1] if policy.fusion.controls.panel else ()
    names = [*AUTO_NAMES[:1], *MODE_NAMES, *ROUTE_NAMES, *fusion, *policy.aliases]
    entries = {name: _entry(name, "fusion-router") for name in names}
    for route, members in (("small", policy.small), ("strong", policy.strong)):
        entries[route] |= _limits(policy.deployments[members[0]])
    for name, deployment in policy.deployments.items():
        entries.setdefault(name, {**_entry(name, deployment.model.partition("/")[0]), **_limits(deployment)})
    return list(entries.values())


def _entry(name: str, owner: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}


def _limits(deployment: Deployment) -> dict[str, Any]:
    return {
        "model": deployment.model,
        "context_window": deployment.context_window,
        "max_output_tokens": deployment.max_output_tokens,
        "supports": dict(deployment.supports),
        "price": _price(deployment.price),
    }


def _price(price: Price | None) -> dict[str, Any] | None:
    if price is None:
        return None
    return {
        "input_usd_per_mtok": price.input * 1e6,
        "output_usd_per_mtok": price.output * 1e6,
        "source": price.source,
    }


def _json(body: Any, status: int = 200) -> Response:
    return Response(dumps(body), status, media_type="application/json")


def _failure(error: GatewayError) -> Response:
    response = _json(error.body(), error.status)
    response.raw_headers += error_headers(error)
    return response


async def _on_gateway_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)  # noqa: S101  # the handler is registered for nothing else
    return _failure(error)


async def _on_defect(_request: Request, _error: Exception) -> Response:
    """What the caller is told of a defect of ours; the server logs it."""
    return _failure(InternalError("The gateway failed; its log has more."))


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, in OpenAI's shape."""
    if getattr(error, "status_code", 404) == 405:
        refused = _failure(MethodNotAllowed(f"{request.method} is not allowed on {request.url.path[:100]}."))
        refused.headers.update(getattr(error, "headers", None) or {})  # Allow
        return refused
    path, served = request.url.path[:100], ", ".join(_served(request.app))
    return _failure(EndpointNotFound(f"Unknown URL: {request.method} {path}.{way_back(path)} Served are {served}."))


def _served(app: FastAPI) -> Iterator[str]:
    """What clients may have meant: the endpoints below ``/v1``, the models' first."""
    yield from (f"POST {path}" for path in MODEL_PATHS if path.startswith("/v1/"))
    for route in app.routes:
        if isinstance(route, Route) and route.path.startswith("/v1/"):
            yield f"{min(route.methods or ())} {route.path.replace(':path', '')}"
