"""create_app: the only place where parts are chosen and joined."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from fastapi import FastAPI
from prometheus_client import REGISTRY, CollectorRegistry

from classifier import Classifier
from classifier.assessment import Assessor
from router import __version__, heap
from router.core.certificate import read_certificate
from router.core.evidence import NO_FUSION, FusionPolicy, read_evidence
from router.core.health import CooldownRules
from router.core.memory import Memory
from router.core.policy import UNCERTIFIED, Policy, Thresholds
from router.core.standing import standing
from router.core.types import MODES, Mode
from router.dispatch.fusion import RunStore
from router.dispatch.http_transport import HttpTransport
from router.dispatch.litellm_provider import LitellmProvider
from router.dispatch.openai_dialect import OpenAIProvider
from router.dispatch.provider import Provider, Target
from router.dispatch.scripted import ScriptedTransport
from router.dispatch.single import Dispatcher
from router.dispatch.web import Search, Web
from router.http.auth import Authenticator
from router.http.body import WireLimits
from router.http.connection_limits import ConnectionLimits
from router.http.endpoints import add_endpoints
from router.http.files import callers_allowed
from router.http.front import Front
from router.http.ledger import add_ledger_endpoints
from router.http.responses import KeptResponses
from router.http.slots import Slots
from router.pipeline import Services
from router.providers import SEARXNG
from router.record.log import RequestLog
from router.record.messages import queued_messages
from router.record.metrics import Metrics
from router.record.record import RequestRecord
from router.record.shared import MULTIPROC_DIR
from router.record.traces import Traces
from router.reload import ArtifactWatch
from router.settings import FusionSettings, Settings, WebSettings

if TYPE_CHECKING:
    from router.record.ledger.access import LedgerAccess
    from router.record.ledger.writer import LedgerWriter

log = logging.getLogger("router")


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways out. Each opens, or imports, what it needs with its first call."""

    http: HttpTransport
    direct: OpenAIProvider
    scripted: OpenAIProvider
    translated: LitellmProvider

    def of(self, target: Target) -> Provider:
        """The way to a target."""
        if target.provider == "scripted":
            return self.scripted
        return self.direct if target.direct else self.translated


def create_app(settings: Settings, registry: CollectorRegistry = REGISTRY) -> Front:
    """Join the parts into the ASGI application."""
    metrics = Metrics(registry)
    request_log = RequestLog()
    traces = Traces() if settings.traces else None
    ledger, access = build_ledger(settings, metrics) or (None, None)
    keepers = [metrics.observe]
    keepers += [request_log.add] if settings.server.access_log else []
    keepers += [traces.add] if traces is not None else []
    keepers += [ledger.add] if ledger is not None else []
    artifact = ArtifactWatch(settings.classifier.path, metrics.count_reload)
    services, ways = build_services(settings, keepers, metrics.show_health)
    if doubt := panel_doubt(services.policy):
        log.warning(doubt)
    _describe(metrics, services)
    for target in settings.pool.values():
        metrics.introduce(target.deployment)
    auth = Authenticator({key.name: key.sha256 for key in settings.auth.keys})
    limits = WireLimits(settings.limits.max_body_bytes, settings.limits.request_read_s)

    translated = [target for target in settings.pool.values() if ways.of(target) is ways.translated]

    def install(classifier: Classifier) -> None:
        policy = build_policy(settings, classifier, services.web)
        services.assessor, services.policy = classifier, policy
        _describe(metrics, services)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with queued_messages(settings.server.log_level):
            request_log.start()
            if ledger is not None:
                ledger.start()
            if translated or _searches_by_litellm(settings):
                log.info("loading litellm, which takes some seconds; nobody is answered until then")
                began_s = time.monotonic()
                await ways.translated.warm_up(translated)
                log.info("litellm is loaded after %.1f s", time.monotonic() - began_s)
            handing_over = asyncio.create_task(metrics.keep_handing_over()) if MULTIPROC_DIR in os.environ else None
            watch = asyncio.create_task(artifact.run(install))
            heap.settle()
            log.info("serving, judging by %s", services.assessor.artifact if services.assessor else "nothing")
            yield
            log.info("no longer serving")
            watch.cancel()
            if handing_over is not None:
                handing_over.cancel()
                metrics.hand_over()
            await ways.http.aclose()
            if traces is not None:
                await asyncio.to_thread(traces.stop)  # it may wait for the collector
            if ledger is not None:
                await asyncio.to_thread(ledger.stop)
            request_log.stop()

    app = FastAPI(title="fusion-router", version=__version__, lifespan=lifespan, openapi_url=None)
    add_endpoints(app, services, auth, lambda: _readiness(services))
    slots = Slots(settings.limits.max_in_flight)
    add_ledger_endpoints(app, access, auth, settings.ledger.auditors, metrics.count_feedback, limits, slots)
    connection = ConnectionLimits(
        settings.limits.header_read_s,
        settings.limits.max_header_bytes,
        settings.limits.total_s,
        callers_allowed(settings.limits.max_in_flight),
    )
    alone = settings.server.workers == 1  # what another worker was told is not to be had here
    responses = KeptResponses(
        settings.limits.kept_responses_mb * 1_000_000 if alone else 0, settings.limits.max_body_bytes
    )
    front = Front(app, services, auth, limits, slots, connection, responses)
    metrics.watch(lambda: front.in_flight)
    return front


def build_services(
    settings: Settings,
    keepers: Sequence[Callable[[RequestRecord], None]] = (),
    on_health: Callable[[str, bool], None] = lambda name, up: None,
) -> tuple[Services, Ways]:
    """Make what the hallway uses, without listening anywhere."""
    assessor = load_assessor(settings.classifier.path)
    http = HttpTransport()
    ways = Ways(http, OpenAIProvider(http), OpenAIProvider(ScriptedTransport()), LitellmProvider())
    limits = settings.limits
    dispatcher = Dispatcher(
        settings.pool,
        ways.of,
        CooldownRules(limits.cooldown_failures, limits.cooldown_s),
        max_attempts=limits.max_attempts,
        on_health=on_health,
    )

    def keep(record: RequestRecord) -> None:
        for keeper in keepers:
            try:
                keeper(record)
            except Exception:  # a defect of one takes nothing from the others, nor from the request
                log.exception("request %s is not kept by %s", record.request_id, keeper)

    web = build_web(settings.fusion.web, ways.translated) if settings.fusion.enabled else None
    services = Services(
        assessor=assessor,
        policy=build_policy(settings, assessor, web),
        dispatcher=dispatcher,
        memory=Memory(),
        keep=keep,
        new_id=request_ids(time.time).__next__,
        now=time.time,
        total_s=limits.total_s,
        runs=RunStore(keeps_text=settings.ledger.store_text == "all"),
        stores=settings.ledger.store_text if settings.ledger.enabled else "none",
        web=web,
    )
    return services, ways


def build_ledger(settings: Settings, metrics: Metrics) -> "tuple[LedgerWriter, LedgerAccess] | None":
    """The ledger's writer, and the endpoints' way to it, where one is kept; SQLAlchemy is imported only then."""
    if not settings.ledger.enabled:
        return None
    from router.record.ledger.access import LedgerAccess
    from router.record.ledger.database import read_url
    from router.record.ledger.store import Retention
    from router.record.ledger.writer import LedgerWriter

    wanted = settings.ledger
    url = read_url(wanted.url)
    writer = LedgerWriter(
        url,
        metrics,
        {name: target.deployment for name, target in settings.pool.items()},
        Retention(
            wanted.retention_days,
            wanted.text_retention_days,
            wanted.max_rows,
            wanted.max_mb * 1_000_000 if wanted.max_mb is not None else None,
        ),
    )
    return writer, LedgerAccess(url, writer.hurry)


def request_ids(now: Callable[[], float]) -> Iterator[str]:
    """Ids that nobody can guess; the system is asked for 256 at a time, since asking takes 5 µs.

    They begin with the second in which it was asked: the ledger's index of them then grows at its end, which spares it
    a third of what it writes.
    """
    while True:
        stamp, digits = f"req_{int(now()):08x}", os.urandom(8 * 256).hex()
        for start in range(0, len(digits), 16):
            yield stamp + digits[start : start + 16]


def build_policy(settings: Settings, assessor: Assessor | None, web: Web | None = None) -> Policy:
    """The policy of a config and an artifact."""
    thresholds: dict[Mode, Thresholds] = dict(UNCERTIFIED)
    certificate = None
    priors: dict[str, float] = {}
    deployments = {name: target.deployment for name, target in settings.pool.items()}
    if isinstance(assessor, Classifier):
        chosen = assessor.manifest.thresholds or {}
        certificate = read_certificate(chosen, assessor.manifest.versions)
        thresholds.update({mode: Thresholds(**chosen[mode]) for mode in MODES if mode in chosen})
        means = {name: assessor.mean_success(each.model, each.like) for name, each in deployments.items()}
        priors = {name: mean for name, mean in means.items() if mean is not None}
    routing = settings.routing
    return Policy(
        deployments=deployments,
        small=routing.small,
        strong=routing.strong,
        baseline=routing.baseline,
        mode=routing.mode,
        aliases=routing.aliases,
        thresholds=thresholds,
        fusion=build_fusion_policy(settings.fusion, web),
        certificate=certificate,
        priors=priors,
    )


def build_fusion_policy(fusion: FusionSettings, web: Web | None = None) -> FusionPolicy:
    """When the panel is asked and how its runs go; without a panel in the config, never."""
    if not fusion.enabled:
        return NO_FUSION
    table = orjson.loads(files("router").joinpath("fusion_evidence.json").read_bytes())
    search_usd = web.estimate_usd if web is not None else None
    evidence = read_evidence(table, fusion.tasks)
    return FusionPolicy(fusion.controls, evidence, fusion.complexity, fusion.priors, search_usd)


def panel_doubt(policy: Policy) -> str:
    """What is doubtful about the configured panel; empty where nothing is."""
    fusion = policy.fusion
    return standing(fusion.controls.panel, policy.deployments, fusion.priors, policy.priors).doubt()


def build_web(web: WebSettings | None, translated: LitellmProvider) -> Web | None:
    """What panelists may use of the web; without the section in the config nothing, and aiohttp is not imported."""
    if web is None:
        return None
    from router.dispatch.web.fetch import Fetcher
    from router.dispatch.web.search import ProviderSearch, SearxngSearch

    fetcher = Fetcher(web.allow_private, web.max_bytes, web.timeout_s) if web.fetch else None
    found = web.search
    if found is None:
        return Web(None, fetcher)
    search: Search
    if found.provider == SEARXNG and found.url is not None:
        search = SearxngSearch(found.url, found.api_key, web.timeout_s)
    else:
        search = ProviderSearch(translated.searcher(found.provider, found.url, found.api_key, web.timeout_s))
    return Web(search, fetcher, f"{found.provider}/search", found.usd_per_query)


def load_assessor(path: Path | None) -> Assessor | None:
    """Load the artifact; without a usable one everything goes to strong, and the log says why."""
    try:
        return Classifier.load(path)
    except Exception as error:
        log.error("no classifier: %s; every prompt goes to the strong route", error)
        return None


def _searches_by_litellm(settings: Settings) -> bool:
    web = settings.fusion.web if settings.fusion.enabled else None
    return web is not None and web.search is not None and web.search.provider != SEARXNG


def _describe(metrics: Metrics, services: Services) -> None:
    assessor = services.assessor
    reference = assessor.manifest.complexity_reference if isinstance(assessor, Classifier) else None
    metrics.describe(assessor.artifact if assessor else "none", services.policy.version, reference)


def _readiness(services: Services) -> dict[str, bool]:
    pool = services.policy
    return {
        "pool": any(services.dispatcher.health.is_available(name) for name in (*pool.small, *pool.strong)),
        "classifier": services.assessor is not None,
    }
