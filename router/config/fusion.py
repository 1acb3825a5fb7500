"""The ``fusion`` section: panel, judge, how runs go, and what panelists may use of the web."""

from collections.abc import Iterable
from typing import get_args

from classifier.assessment import Task
from router.catalog import Catalog
from router.config.checks import check_name, fix_for, listing
from router.config.fields import Section, nearest
from router.config.source import Located
from router.core.ask import RESERVED_NAMES
from router.core.evidence import FUSION_COMPLEXITY
from router.core.fusion import (
    MAX_PANEL,
    MAX_ROUNDS,
    MAX_TOOL_CALLS,
    Exposure,
    FusionControls,
    FusionMode,
    FusionPreset,
    Member,
)
from router.core.public_address import AddressRules, read_allowed
from router.core.types import MODES, Mode
from router.providers import SEARCH_PROVIDERS, SEARXNG
from router.settings import FusionSettings, SearchSettings, WebSettings

_TASKS: tuple[str, ...] = get_args(Task)


def read_fusion(section: Section, default_judge: str | None, catalog: Catalog) -> FusionSettings:
    """The panel and its habits; what the file leaves out is as ``FusionControls`` says."""
    default = FusionControls()
    panel = tuple(member for _, member in _panel(section))
    controls = FusionControls(
        panel=panel,
        judge=section.text("judge", default_judge, "a deployment"),
        mode=section.choice("mode", get_args(FusionMode), default.mode),
        preset=section.choice("preset", get_args(FusionPreset), default.preset),
        quorum=section.whole("quorum", default.quorum, 1),
        deadline_s=section.number("deadline_s", default.deadline_s, above=True),
        max_cost_usd=section.number("max_cost_usd", default.max_cost_usd, above=True),
        max_tool_calls=section.whole("max_tool_calls", default.max_tool_calls, 0, MAX_TOOL_CALLS),
        max_output_tokens=section.whole("max_output_tokens", default.max_output_tokens, 1),
        rounds=section.whole("rounds", default.rounds, 1, MAX_ROUNDS),
        early_exit=section.flag("early_exit", default.early_exit),
        events=section.flag("events", default.events),
        expose=section.choice("expose", get_args(Exposure), default.expose),
    )
    fusion = FusionSettings(
        enabled=section.flag("enabled", bool(panel)),
        controls=controls,
        tasks=_tasks(section.section("tasks")),
        complexity=_complexity(section.section("complexity")),
        priors=_priors(section.section("priors")),
        web=None if section.node("web") is None else _web(section.section("web"), catalog),
    )
    section.close()
    _check_size(section, fusion)
    return fusion


def check_fusion(section: Section, fusion: FusionSettings, aliases: Iterable[str], names: frozenset[str]) -> None:
    """Panel and judge are deployments; an alias of fusion on its own panel would call itself without end."""
    roundabout = (frozenset(aliases) | RESERVED_NAMES) - names
    book, seen = section.book, set[Member]()
    for node, member in _panel(section):
        name = member.deployment
        if name in roundabout:
            fix = f"a panel asks deployments, not aliases: {listing(names)}"
            book.complain(node.path, f"names {name!r}, which the gateway itself answers", fix, node.line)
        elif name not in names:
            book.complain(node.path, f"names {name!r}, which is not in the pool", fix_for(name, names), node.line)
        elif member in seen:
            fix = f"give each seat a temperature or a seed of its own, e.g. {{model: {name}, seed: 2}}"
            book.warn(node.path, f"seats {name!r} a second time in the same way", fix, node.line)
        seen.add(member)
    judge = fusion.controls.judge
    if section.node("judge") is not None and judge:
        check_name(section, "judge", judge, names)
    on_panel = judge in {member.deployment for member in fusion.controls.panel}
    if fusion.enabled and on_panel and len(fusion.controls.panel) > 1:
        section.warn("judge", f"{judge} also sits on the panel", "prefer a judge who did not answer itself")
    if fusion.enabled and len(fusion.controls.panel) == 1:
        section.warn("panel", "has one member, so there is nothing to compare", "seat two or more, of near-equals")
    for name in fusion.priors:
        check_name(section.section("priors"), name, name, names)
    missing = dict.fromkeys(seat.deployment for seat in fusion.controls.panel if seat.deployment not in fusion.priors)
    if fusion.priors and missing:
        section.warn("priors", f"leaves out {', '.join(missing)}, so it is not used", "give each member a prior")


def _panel(section: Section) -> list[tuple[Located, Member]]:
    """Who sits: names, or mappings of a name with a temperature or a seed."""
    node = section.node("panel")
    items = () if node is None else node.value if isinstance(node.value, tuple) else (node,)
    return [(item, member) for item in items if (member := _member(section, item)) is not None]


def _member(section: Section, item: Located) -> Member | None:
    if not isinstance(item.value, dict):
        name = section.text_of(item, "the name of a deployment")
        return None if name is None else Member(name)
    seat = Section(item, section.book, item.path)
    name = seat.text("model", None, "the name of a deployment")
    member = Member(name or "", seat.number("temperature", None, 0, 2), seat.whole("seed", None, 0, 2**31))
    seat.close()
    if name is None and seat.node("model") is None:
        seat.complain("model", "is missing", "name a deployment of the pool")
    return member if name else None


def _tasks(section: Section) -> dict[str, bool]:
    for name in section.names():
        if name not in _TASKS:
            close = nearest(name, _TASKS)
            fix = f"did you mean {close}?" if close else f"known tasks are {', '.join(_TASKS)}"
            section.complain(name, "is not a task", fix)
    return {name: section.flag(name, False) for name in section.names()}


def _complexity(section: Section) -> dict[Mode, float]:
    """Thresholds by mode; an empty one means that the mode never fuses by itself."""
    found: dict[Mode, float] = {}
    for mode in MODES:
        known = FUSION_COMPLEXITY.get(mode)
        value = None if section.is_null(mode) else section.number(mode, known, 0, 1)
        if value is not None:
            found[mode] = value
    section.close()
    return found


def _priors(section: Section) -> dict[str, float]:
    found = {name: section.number(name, None, 0, 1) for name in section.names()}
    return {name: prior for name, prior in found.items() if prior is not None}


def _check_size(section: Section, fusion: FusionSettings) -> None:
    size, quorum = len(fusion.controls.panel), fusion.controls.quorum
    if fusion.enabled and not size:
        section.complain("panel", "is missing", "name the deployments to ask, e.g. panel: [strong, flash]")
    if size > MAX_PANEL:
        section.complain("panel", f"has {size} members", f"name at most {MAX_PANEL}; three are usual")
    if quorum is not None and 0 < size < quorum:
        section.complain("quorum", f"is {quorum}, more than the panel has", f"write a number from 1 to {size}")


def _web(section: Section, catalog: Catalog) -> WebSettings:
    default = WebSettings()
    web = WebSettings(
        search=None if section.node("search") is None else _search(section.section("search"), catalog),
        fetch=section.flag("fetch", default.fetch),
        allow_private=_allowed(section),
        max_bytes=section.whole("max_bytes", default.max_bytes, 1024, 64 * 1024 * 1024),
        timeout_s=section.number("timeout_s", default.timeout_s, 0, 300, above=True),
    )
    section.close()
    if web.search is None and not web.fetch and section.node("search") is None:
        section.complain("fetch", "is false and there is no search", "add a search, or remove the section web")
    return web


def _search(section: Section, catalog: Catalog) -> SearchSettings | None:
    provider = section.choice("provider", SEARCH_PROVIDERS, None)
    if provider is None and section.node("provider") is None:
        section.complain("provider", "is missing", f"write {SEARXNG}, or one of {', '.join(SEARCH_PROVIDERS[1:])}")
    url = section.text("url", None, "the endpoint's address")
    api_key = section.secret("api_key")
    known_usd = catalog.search_usd(provider) if provider is not None else None
    usd_per_query = section.number("usd_per_query", known_usd)
    section.close()
    if url is not None and not url.startswith(("http://", "https://")):
        section.complain("url", "is not an http(s) URL", "write e.g. http://127.0.0.1:8888")
    if provider == SEARXNG and url is None:
        section.complain("url", "is missing", "write where the search engine listens, e.g. http://127.0.0.1:8888")
    if provider is not None and usd_per_query is None:
        section.warn("usd_per_query", "is not known", "give it in US dollars, else searches stay unpriced")
    return None if provider is None else SearchSettings(provider, url, api_key, usd_per_query)


def _allowed(section: Section) -> AddressRules:
    entries = []
    for item, entry in section.located_texts("allow_private"):
        try:
            read_allowed([entry])
        except ValueError:
            fix = "write a host name, an address, or a network such as 10.2.0.0/16"
            section.book.complain(item.path, f"is {entry!r}", fix, item.line)
        else:
            entries.append(entry)
    return read_allowed(entries)
