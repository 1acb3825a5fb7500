"""The ledger's tables, the same in SQLite and PostgreSQL, and the schema version that each part of them came with.

This is the only description of the schema: ``router.record.ledger.migrate`` reads the ``since`` of tables and columns
and brings an older ledger up by adding what came later. Nothing is ever renamed or dropped.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

VERSION = 3
"""Of the schema below. Raise it with each addition, and give what is added ``since``."""


def _column(name: str, kind: Any, since: int = 1, **more: Any) -> Column[Any]:
    return Column(name, kind, info={"since": since}, **more)


def _table(name: str, *columns: Any, since: int = 1, **more: Any) -> Table:
    return Table(name, METADATA, *columns, info={"since": since}, **more)


METADATA = MetaData()

SCHEMA_VERSION = _table("schema_version", _column("version", Integer, primary_key=True, autoincrement=False))

STATE = _table(
    "ledger_state",
    _column("name", Text, primary_key=True),
    _column("number", BigInteger),
    _column("text", Text),
)
"""``next_seq``: where the next batch's numbers begin; ``tidied_at``: when rows were last looked through for old ones;
``hash_key``: what the hashes of prompts and sessions are keyed with, drawn when the ledger was made."""

REQUESTS = _table(
    "requests",
    # seq numbers requests in the order in which they were written; started_at is Unix time, everything *_s is seconds
    _column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _column("request_id", Text, nullable=False),
    _column("started_at", Double, nullable=False),
    _column("endpoint", Text, nullable=False),
    _column("caller", Text, nullable=False),  # name of the API key, empty where auth is off
    _column("asked_model", Text, nullable=False),  # cut to 200 characters
    _column("stream", Boolean, nullable=False),
    # how it was answered in the end, and what was meant
    _column("route", Text),
    _column("reason", Text),
    _column("model", Text),
    _column("deployment", Text),
    _column("outcome", Text, nullable=False),  # ok, an error code, or aborted
    _column("status", Integer, nullable=False),
    _column("decided_route", Text),
    _column("decided_reason", Text),
    # what the decision looked at
    _column("mode", Text),
    _column("complexity", Double),
    _column("gain", Double),
    _column("task", Text),
    _column("novelty", Double),
    _column("is_novel", Boolean),
    _column("closed_answer", Boolean),
    _column("expected_output_tokens", Integer),
    _column("artifact", Text),
    _column("classifier_failed", Boolean, nullable=False),
    _column("threshold_complexity", Double),
    _column("threshold_gain", Double),
    _column("threshold_band", Double),
    _column("threshold_novelty", Double),
    _column("policy", Text, nullable=False),  # hash of what decided: pool, routes, thresholds, panel
    _column("propensity", Double, nullable=False),  # probability with which the decided route was taken
    # tokens of all calls; those of the call that answered, or was cut off while it did, from which a counterfactual is priced
    _column("input_tokens", BigInteger, nullable=False),
    _column("output_tokens", BigInteger, nullable=False),
    _column("answered_input_tokens", BigInteger),
    _column("answered_output_tokens", BigInteger),
    _column("answered_cached_tokens", BigInteger),
    _column("answered_cache_write_tokens", BigInteger),
    _column("answered_reasoning_tokens", BigInteger),
    _column("answered_estimated", Boolean),
    _column("answered_special", Text, since=2),  # JSON: service tier, audio, cache writes for an hour; None for most
    # money; cost_usd is None where no call was priced, and a lower bound where unpriced
    _column("cost_usd", Double),
    _column("unpriced", Boolean, nullable=False),
    _column("baseline", Text, nullable=False),
    _column("baseline_cost_usd", Double),
    _column("savings_usd", Double),  # signed; None where it is not known
    # time
    _column("duration_s", Double, nullable=False),
    _column("first_token_s", Double),
    _column("parse_s", Double, nullable=False),
    _column("assess_s", Double, nullable=False),
    _column("decide_s", Double, nullable=False),
    _column("dispatch_s", Double, nullable=False),
    _column("render_s", Double, nullable=False),
    # keyed hashes: equal ones mean equal texts within this ledger, and say nothing outside of it
    _column("prompt_hash", Text),
    _column("session_hash", Text),
    # what the classifier read off the prompt: little-endian float32, and which features they are
    _column("features", LargeBinary),
    _column("features_id", Text),
    _column("fusion", Text),  # JSON: the run's facts without anything that a model wrote
)

CALLS = _table(
    "calls",
    _column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _column("position", Integer, primary_key=True, autoincrement=False),  # from 0, in the order in which they ended
    _column("stage", Text, nullable=False),
    _column("deployment", Text, nullable=False),
    _column("model", Text, nullable=False),
    _column("outcome", Text, nullable=False),
    _column("duration_s", Double, nullable=False),
    # None where the call cannot have cost anything
    _column("input_tokens", BigInteger),
    _column("output_tokens", BigInteger),
    _column("cached_tokens", BigInteger),
    _column("cache_write_tokens", BigInteger),
    _column("reasoning_tokens", BigInteger),
    _column("estimated", Boolean),  # the provider reported nothing, so we counted
    _column("cost_usd", Double),
    _column("price_source", Text),
    _column("special", Text, since=2),  # as answered_special
    _column(
        "changes", Text, since=3
    ),  # JSON: what it was sent otherwise than asked, null for what was left out; None for most
    sqlite_with_rowid=False,
)

TEXTS = _table(
    "texts",
    _column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _column("stored_at", Double, nullable=False),
    _column("prompt", Text),  # the newest human turn
    _column("context", Text),  # what the classifier saw of the turn before it
    _column("answer", Text),
)
"""Only where ``ledger.store_text`` says so; redacted and cut."""

FEEDBACK = _table(
    "feedback",
    _column("request_id", Text, primary_key=True),
    _column("verdict", Text, nullable=False),
    _column("score", Double),
    _column("comment", Text),
    _column("given_by", Text, nullable=False),
    _column("given_at", Double, nullable=False),
)

Index("requests_by_id", REQUESTS.c.request_id, unique=True)
Index("requests_by_time", REQUESTS.c.started_at)
Index("texts_by_time", TEXTS.c.stored_at)
