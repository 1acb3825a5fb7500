"""The door: a file, or the environment, becomes ``Settings``, or one error with everything that is wrong."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from classifier.abilities import Abilities
from classifier.artifact import DEFAULT_PATH, ArtifactError, read_manifest
from router.catalog import Catalog
from router.config.checks import (
    check_pool_names,
    check_routing,
    warn_about_money,
    warn_about_support,
)
from router.config.environment import pool_from_environment
from router.config.fields import Notebook, Section
from router.config.fusion import check_fusion, read_fusion
from router.config.ledger import read_ledger
from router.config.pool import read_pool
from router.config.proxies import with_proxies
from router.config.sections import (
    read_auth,
    read_classifier,
    read_limits,
    read_routing,
    read_server,
)
from router.config.source import Located, read_yaml
from router.config.tracing import with_tracing
from router.settings import Complaint, Settings, SettingsError


def load_settings(path: Path | None, env: Mapping[str, str], *, calls: bool = True) -> Settings:
    """Read a config file, or with no file choose a pool from the provider keys in the environment.

    Args:
        path: the YAML file; None for the environment's pool.
        env: environment variables, for ``${…}`` in secrets and for provider keys.
        calls: somebody will be called; else keys may be missing from a file's pool, and proxies are nobody's concern.

    Raises:
        SettingsError: with every complaint at once.
    """
    if path is None:
        chosen = with_tracing(pool_from_environment(env), env)
        return with_proxies(chosen, env) if calls else chosen
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError((Complaint("", "is not UTF-8", "save it as UTF-8", str(path)),)) from None
    except OSError as error:
        fix = "name a readable file with --config, or write one with fusion-router init"
        problem = f"cannot be read ({error.strerror})"
        raise SettingsError((Complaint("", problem, fix, str(path)),)) from None
    return parse_settings(text, str(path), env, calls=calls)


def parse_settings(text: str, file: str, env: Mapping[str, str], *, calls: bool = True) -> Settings:
    """Read the text of a config file; ``file`` is its path, for complaints and for relative paths in it.

    Raises:
        SettingsError: with every complaint at once.
    """
    root, complaints = read_yaml(text, file)
    book = Notebook(file, env, calls=calls)
    book.complaints.extend(complaints)
    settings = None
    if root is not None or not complaints:
        settings = _read(root, book, Path(file).parent)
    if book.complaints or settings is None:
        raise SettingsError(_in_file_order(book.complaints))
    settings = with_tracing(replace(settings, origin=file, warnings=_in_file_order(book.warnings)), env)
    return with_proxies(settings, env) if calls else settings


def _read(root: Located | None, book: Notebook, folder: Path) -> Settings:
    top = Section(root, book, "")
    parts = {name: top.section(name) for name in ("pool", "routing", "fusion")}
    limits = read_limits(top.section("limits"))
    catalog = Catalog()
    classifier = read_classifier(top.section("classifier"), folder)
    pool = read_pool(parts["pool"], catalog, limits, lambda: _known_models(classifier.path))
    routing = read_routing(parts["routing"])
    fusion = read_fusion(parts["fusion"], routing.strong[0] if routing.strong else None, catalog)
    auth = read_auth(top.section("auth"))
    settings = Settings(
        pool=pool,
        routing=routing,
        fusion=fusion,
        server=read_server(top.section("server")),
        auth=auth,
        ledger=read_ledger(top.section("ledger"), folder, [key.name for key in auth.keys]),
        limits=limits,
        classifier=classifier,
    )
    top.close()
    names = frozenset(parts["pool"].names())
    check_pool_names(parts["pool"], names)
    has_panel = fusion.enabled and bool(fusion.controls.panel)
    check_routing(parts["routing"], routing, names, has_panel=has_panel)
    check_fusion(parts["fusion"], fusion, routing.aliases, names)
    warn_about_money(parts["routing"], routing, pool)
    warn_about_support(parts["routing"], routing, pool)
    return settings


def _known_models(path: Path | None) -> Abilities | None:
    """The models that an artifact knows; None where it cannot be read, which ``check`` complains of by itself."""
    try:
        return Abilities.of(read_manifest(path or DEFAULT_PATH).models)
    except ArtifactError:
        return None


def _in_file_order(entries: list[Complaint]) -> tuple[Complaint, ...]:
    return tuple(dict.fromkeys(sorted(entries, key=lambda entry: entry.line or 0)))
