"""What no section can know alone: whether names resolve, and whether the choices make sense together."""

from collections.abc import Iterable, Mapping

from router.config.fields import Section, nearest
from router.core.ask import FUSION_NAMES, RESERVED_NAMES, ROUTE_NAMES
from router.core.types import Capability, Deployment, Price
from router.dispatch.provider import Target
from router.settings import RoutingSettings

_ASKED_FOR: tuple[Capability, ...] = ("tools", "json_schema", "vision")
"""What clients ask for daily; audio is rare, and nobody lists it of most models."""

_INPUT_SHARE = 0.75
"""Of a typical request's tokens, for comparing two models by one number. Source: the customary 3:1 blend."""


def check_pool_names(section: Section, names: Iterable[str]) -> None:
    """A deployment must not take a name that every gateway gives a meaning to; ``small`` and ``strong`` may."""
    for name in names:
        if name in RESERVED_NAMES and name not in ROUTE_NAMES:
            section.complain(name, f"takes the name of the built-in model {name!r}", "give the deployment another name")


def check_routing(section: Section, routing: RoutingSettings, names: frozenset[str], *, has_panel: bool) -> None:
    """Both routes are filled from the pool, and every alias leads somewhere."""
    for route in ("small", "strong"):
        listed = section.located_texts(route)
        if not listed:
            section.complain(route, "names no deployment", f"name one or more of the pool: {listing(names)}")
        _check_members(section, route, names)
        if route in names and route not in {value for _, value in listed}:
            fix = f"add it to the route, or rename it: model: {route} means the route"
            section.complain(route, f"leaves out the deployment named {route}", fix)
    if routing.baseline:
        check_name(section, "baseline", routing.baseline, names)
    _check_aliases(section.section("aliases"), routing.aliases, names, has_panel=has_panel)


def warn_about_money(section: Section, routing: RoutingSettings, pool: Mapping[str, Target]) -> None:
    """Warn where savings cannot be computed or cannot exist."""
    baseline = pool.get(routing.baseline)
    if baseline is not None and baseline.deployment.price is None:
        fix = f"give pool.{routing.baseline} a price"
        section.warn("baseline", f"{routing.baseline} has no known price, so savings stay unknown", fix)
    small, strong = (_first_price(route, pool) for route in (routing.small, routing.strong))
    if small is not None and strong is not None and _blended(small) > _blended(strong):
        fix = "swap the routes, or check the prices"
        section.warn("small", f"{routing.small[0]} is dearer than {routing.strong[0]}, so routing saves nothing", fix)


def warn_about_support(section: Section, routing: RoutingSettings, pool: Mapping[str, Target]) -> None:
    """Warn where requests leave a route only because nobody has said what its deployments can do."""
    routes = {"small": routing.small, "strong": routing.strong}
    listed = {route: [pool[name].deployment for name in names if name in pool] for route, names in routes.items()}
    for route, other in (("small", "strong"), ("strong", "small")):
        needs = [need for need in _ASKED_FOR if _is_known(need, listed[other]) and not _is_known(need, listed[route])]
        doubtful = {need: each.name for need in needs for each in listed[route] if need not in each.supports}
        if doubtful:
            what, names = ", ".join(doubtful), listing(set(doubtful.values()))
            problem = f"has nobody who is known to do {what}: requests that need it go to {other}, where somebody is"
            section.warn(route, problem, f"say in the pool what {names} supports or lacks")


def _is_known(need: Capability, deployments: Iterable[Deployment]) -> bool:
    return any(deployment.supports.get(need) for deployment in deployments)


def _check_members(section: Section, name: str, names: frozenset[str]) -> None:
    seen: set[str] = set()
    for node, value in section.located_texts(name):
        if value in seen:
            section.book.complain(node.path, f"names {value!r} a second time", "name each deployment once", node.line)
        elif value not in names:
            section.book.complain(
                node.path, f"names {value!r}, which is not in the pool", fix_for(value, names), node.line
            )
        seen.add(value)


def check_name(section: Section, key: str, value: str, names: frozenset[str]) -> None:
    """A key that names a deployment names one of the pool."""
    if value not in names:
        section.complain(key, f"names {value!r}, which is not in the pool", fix_for(value, names))


def _check_aliases(section: Section, aliases: Mapping[str, str], names: frozenset[str], *, has_panel: bool) -> None:
    targets = names | RESERVED_NAMES
    for alias, target in aliases.items():
        if alias in names:
            section.complain(alias, "is also a deployment's name", "rename the alias or the deployment")
        elif alias in RESERVED_NAMES:
            section.complain(alias, "is a built-in name and cannot be redefined", "choose another name")
        if target and target not in targets:
            fix = "an alias cannot lead to another alias" if target in aliases else fix_for(target, targets)
            section.complain(alias, f"leads to {target!r}, which is neither built in nor in the pool", fix)
        if target in FUSION_NAMES and not has_panel:
            fix = "name a fusion.panel that is enabled, or lead it elsewhere"
            section.complain(alias, f"leads to {target!r}, but there is no panel", fix)


def fix_for(value: str, names: Iterable[str]) -> str:
    """What a name that is not known should have been."""
    close = nearest(value, names)
    return f"did you mean {close}?" if close else f"name one of {listing(names)}"


def listing(names: Iterable[str]) -> str:
    """The names there are."""
    return ", ".join(sorted(names)) or "(the pool is empty)"


def _first_price(route: tuple[str, ...], pool: Mapping[str, Target]) -> Price | None:
    target = pool.get(route[0]) if route else None
    return target.deployment.price if target else None


def _blended(price: Price) -> float:
    return _INPUT_SHARE * price.input + (1 - _INPUT_SHARE) * price.output
