"""What the operator decides, as frozen values. Nothing here reads files or the environment.

``router.config`` makes a ``Settings`` out of YAML or of the keys found in the environment. A ``Settings`` that
exists has passed every check: names resolve, numbers are in range, prices and windows are filled in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from router.core.evidence import FUSION_COMPLEXITY
from router.core.fusion import FusionControls
from router.core.public_address import AddressRules
from router.core.types import Mode
from router.dispatch.provider import Target
from router.record.record import StoredText

LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong, or doubtful, in the configuration.

    Attributes:
        key: dotted path of the key, e.g. ``pool.small.price.input_usd_per_mtok``.
        problem: what is wrong with the value; never the value of a secret.
        fix: what would be right.
        file: where the key is; None for the environment.
        line: counted from 1; None where the key is missing altogether.
    """

    key: str
    problem: str
    fix: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """``router.yaml:12: pool.small.model: what is wrong; what would be right``."""
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        words = f"{self.key}: {self.problem}" if self.key else self.problem
        return f"{place + ': ' if place else ''}{words}; {self.fix}"


class SettingsError(Exception):
    """The configuration cannot be used. Carries every complaint, not only the first."""

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        """Keep the complaints; the message is one line for each."""
        super().__init__("\n".join(str(complaint) for complaint in complaints))
        self.complaints = complaints


@dataclass(frozen=True, slots=True)
class RoutingSettings:
    """Which deployments stand behind the routes.

    Attributes:
        small: deployments of the small route, the preferred one first.
        strong: deployments of the strong route, the preferred one first.
        baseline: the deployment that savings are measured against.
        aliases: names clients may send → ``auto``, ``auto-…``, ``fusion``, ``small``, ``strong`` or a deployment.
    """

    small: tuple[str, ...]
    strong: tuple[str, ...]
    baseline: str
    mode: Mode = "balanced"
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Who searches the web for panelists.

    Attributes:
        provider: ``searxng``, or a name of litellm's.
        url: the endpoint; needed for ``searxng``, the provider's own address where None.
        api_key: None leaves it to the environment variable that litellm knows.
        usd_per_query: what a search costs; None where nobody knows, and then no run with a cap searches.
    """

    provider: str
    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    usd_per_query: float | None = None


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What panelists may use of the web.

    Attributes:
        search: None without a search.
        fetch: whether pages may be read.
        allow_private: addresses and hosts that may be fetched though they are not public.
        max_bytes: of a page, unpacked. Source: nine in ten pages' HTML is below 500 KB.
        timeout_s: for one search or fetch.
    """

    search: SearchSettings | None = None
    fetch: bool = True
    allow_private: AddressRules = field(default_factory=AddressRules)
    max_bytes: int = 2 * 1024 * 1024
    timeout_s: float = 15.0


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """The panel, the judge and how a run goes unless the request says otherwise.

    Attributes:
        enabled: whether the panel may be used at all.
        controls: who sits, who judges (the first strong deployment where the file names none), and how runs go.
        tasks: per task, whether fusing is worthwhile; overrides the policy's own table.
        complexity: from which a prompt may be fused, by mode; overrides the policy's own thresholds.
        priors: accuracy in [0, 1] to expect of deployments, by name.
        web: None keeps panelists off the web.
    """

    enabled: bool = False
    controls: FusionControls = field(default_factory=FusionControls)
    tasks: Mapping[str, bool] = field(default_factory=dict)
    complexity: Mapping[Mode, float] = field(default_factory=lambda: FUSION_COMPLEXITY)
    priors: Mapping[str, float] = field(default_factory=dict)
    web: WebSettings | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the gateway listens and how it leaves.

    Attributes:
        drain_s: after SIGTERM, how long requests in flight may go on.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    drain_s: float = 30.0
    access_log: bool = True
    log_level: LogLevel = "info"


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key that opens the gateway, known only by its hash.

    Attributes:
        name: who holds it; appears in the record.
        sha256: of the key's UTF-8 bytes, 64 lower-case hex digits.
    """

    name: str
    sha256: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who may call. No keys: everybody who can reach the port."""

    keys: tuple[ClientKey, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """What is kept of requests, and for how long.

    Attributes:
        url: ``sqlite:///path`` or ``postgresql://…``; may carry a password, so it is never shown. ``router.config``
            fills it in where the operator names none.
        store_text: whose text is kept with the row; nobody's by default.
        retention_days: age at which rows are deleted; None keeps them.
        text_retention_days: age at which stored text is deleted; None keeps it as long as its row.
        max_rows: oldest rows go first; None means no limit.
        max_mb: likewise by size.
        auditors: names of the keys that may read and judge everybody's requests; the others only their own.
    """

    enabled: bool = True
    url: str = field(default="", repr=False)
    store_text: StoredText = "none"
    retention_days: int | None = 90
    text_retention_days: int | None = 30
    max_rows: int | None = None
    max_mb: int | None = 2048
    auditors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What one request, one caller or one provider may take.

    Attributes:
        max_in_flight: requests served at once; more get 503.
        connect_s: to a provider.
        first_byte_s: of a stream: from sending the request to the first sign of life, be it a comment.
        idle_s: of a stream: between two signs of life; reasoning models may think for long before their first word.
        total_s: a whole request, retries, fallbacks and the caller's reading included; a call that others may follow gets
            half of what is left.
        request_read_s: for the caller to send the body.
        header_read_s: for the caller to send the headers.
        max_attempts: upstream calls for one answer.
        cooldown_s: how long a failing deployment is left out, where it does not say so itself.
        cooldown_failures: consecutive failures that start a cooldown.
        kept_responses_mb: of what was asked and said over the Responses API, in memory, so that clients may go on from it;
            with 0, or several workers, nothing is kept.
    """

    max_body_bytes: int = 8 * 1024 * 1024
    max_header_bytes: int = 64 * 1024
    max_in_flight: int = 512
    connect_s: float = 5.0
    first_byte_s: float = 60.0
    idle_s: float = 30.0
    total_s: float = 600.0
    request_read_s: float = 30.0
    header_read_s: float = 10.0
    max_attempts: int = 4
    cooldown_s: float = 30.0
    cooldown_failures: int = 3
    kept_responses_mb: int = 64


@dataclass(frozen=True, slots=True)
class ClassifierSettings:
    """Which artifact judges prompts; ``path`` None means the one shipped with the package."""

    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the operator decided, checked.

    Attributes:
        pool: deployments by name, each with what is needed to reach it.
        origin: the file's path, or ``environment``.
        warnings: what is allowed but doubtful.
        notes: what was chosen on the operator's behalf and why, one sentence each.
        proxies: who is called through which proxy, in words without logins; empty where the environment names none.
        traces: whether OpenTelemetry's variables name a collector; the exporter reads the rest of them itself.
    """

    pool: Mapping[str, Target]
    routing: RoutingSettings
    fusion: FusionSettings = FusionSettings()
    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    ledger: LedgerSettings = LedgerSettings(enabled=False)
    limits: LimitSettings = LimitSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    origin: str = "environment"
    warnings: tuple[Complaint, ...] = ()
    notes: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    traces: bool = False
