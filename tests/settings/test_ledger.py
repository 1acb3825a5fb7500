"""Where the ledger is kept and what of it, as the operator writes it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from router.config.check import check, ledger_problem
from router.config.load import load_settings
from router.settings import Complaint, Settings
from tests.record.ledgers import fill, record, url_of
from tests.settings.conftest import KEYS, POOL, ROUTING

Load = Callable[..., Settings]
Complain = Callable[..., dict[str, Complaint]]


def test_it_is_on_by_default_in_the_users_state_folder_without_text(load: Load) -> None:
    for made in (load(POOL + ROUTING, HOME="/home/me"), load_settings(None, {**KEYS, "HOME": "/home/me"})):
        assert made.ledger.enabled
        assert made.ledger.url == "sqlite:////home/me/.local/state/fusion-router/ledger.db"
        assert made.ledger.store_text == "none"
    elsewhere = load(POOL + ROUTING, XDG_STATE_HOME="/var/lib/x")
    assert elsewhere.ledger.url == "sqlite:////var/lib/x/fusion-router/ledger.db"


def test_an_empty_home_is_none(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("pwd.getpwuid", lambda uid: SimpleNamespace(pw_dir="/home/me"))
    assert load(POOL + ROUTING, HOME="").ledger.url == "sqlite:////home/me/.local/state/fusion-router/ledger.db"


def test_a_user_without_a_home_keeps_it_where_the_gateway_was_started(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert load(POOL + ROUTING).ledger.url == f"sqlite:///{Path.cwd()}/.local/state/fusion-router/ledger.db"


def test_a_relative_path_counts_from_the_config_file(load: Load, tmp_path: Path) -> None:
    assert load(POOL + ROUTING + "ledger: {url: sqlite:///data/l.db}").ledger.url == f"sqlite:///{tmp_path}/data/l.db"


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:${SECRET_WORD}@h:5432/db", "postgres://u@h/db", "postgresql+psycopg:///db?host=/run/postgresql"],
)
def test_postgresql_is_taken_by_url(load: Load, url: str) -> None:
    made = load(POOL + ROUTING + f'ledger: {{url: "{url}"}}', SECRET_WORD="pass-word")
    assert made.ledger.url == url.replace("${SECRET_WORD}", "pass-word")
    assert "pass-word" not in repr(made)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("url: mysql://u:pass-word@h/db", "ledger.url"),
        ("url: 'sqlite:///'", "ledger.url"),
        ("url: 'sqlite:///:memory:'", "ledger.url"),
        ("url: ledger.db", "ledger.url"),
        ("url: 'postgresql://u:pass-word@h'", "ledger.url"),
        ("max_mb: 0", "ledger.max_mb"),
        ("store_text: answers", "ledger.store_text"),
        ("retention: 3", "ledger.retention"),
        ("auditors: [nobody]", "ledger.auditors"),
    ],
)
def test_what_is_wrong_is_named_and_no_password_with_it(complaints: Complain, section: str, key: str) -> None:
    found = complaints(POOL + ROUTING + f"ledger: {{{section}}}")
    assert list(found) == [key]
    assert "pass-word" not in str(found[key])


def test_a_missing_driver_is_said_with_what_to_install(complaints: Complain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.config.ledger.find_spec", lambda name: None)
    found = complaints(POOL + ROUTING + "ledger: {url: 'postgresql://u@h/db'}")
    assert "'.[postgres]'" in found["ledger.url"].fix


def test_limits_may_be_lifted(load: Load) -> None:
    lifted = "ledger: {retention_days: null, text_retention_days: null, max_rows: null, max_mb: null}"
    made = load(POOL + ROUTING + lifted).ledger
    assert (made.retention_days, made.text_retention_days, made.max_rows, made.max_mb) == (None, None, None, None)


def test_check_warns_of_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database, whatever it is")
    (tmp_path / "empty").write_text("")
    names = {"file/l.db": True, "file": True, ".": True, "/proc/nope/l.db": True, "new/er/l.db": False, "l.db": False}
    for name, doubtful in {**names, "empty": False}.items():
        config = tmp_path / "router.yaml"
        config.write_text(POOL + ROUTING + f"ledger: {{url: 'sqlite:///{name}'}}")
        report = check(config, KEYS, lambda artifact: None)
        assert report.ok
        said = [warning for warning in report.warnings if warning.key == "ledger.url"]
        assert [warning.line for warning in said] == ([config.read_text().count("\n") + 1] if doubtful else []), name
        assert all("no request is recorded" in warning.problem and warning.fix for warning in said)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "empty", "router.yaml"}
    assert (tmp_path / "empty").read_bytes() == b""


def test_check_finds_nothing_wrong_with_a_ledger_in_use_and_leaves_it_as_it_is(tmp_path: Path) -> None:
    fill(url_of(tmp_path / "l.db"), [record()])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert ledger_problem(tmp_path / "l.db") is None
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
