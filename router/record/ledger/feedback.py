"""Verdicts on answers: read from what somebody sends, and kept beside the request they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import Connection, Engine, delete, insert, select

from router.errors import BadRequest
from router.record.ledger.counts import Verdict
from router.record.ledger.rows import storable
from router.record.ledger.schema import FEEDBACK, REQUESTS
from router.record.redact import redact

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
MAX_COMMENT = 2_000
"""Characters of a comment; longer ones are refused, since a cut one could say the opposite."""

_FIELDS = ("request_id", "verdict", "score", "comment")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What somebody, or something, thought of an answer.

    Attributes:
        score: quality of the answer in [0, 1]; None where only the verdict is known.
        comment: kept redacted.
    """

    request_id: str
    verdict: Verdict
    score: float | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A judgement that is in the ledger.

    Attributes:
        route: of the request it is about.
        is_news: it was not there before in the same words.
    """

    route: str | None
    is_news: bool


def read_judgement(value: Any) -> Judgement:
    """Check what was sent.

    Raises:
        BadRequest: naming the field, and what would be right.
    """
    if not isinstance(value, Mapping):
        raise BadRequest('A verdict is an object: {"request_id": …, "verdict": …}.', param="body")
    for name in value:
        if name not in _FIELDS:
            raise BadRequest(
                f"`{str(name)[:50]}` is not a field of a verdict; known are {', '.join(_FIELDS)}.", param=str(name)[:50]
            )
    request_id, verdict = value.get("request_id"), value.get("verdict")
    if not isinstance(request_id, str) or not request_id or len(request_id) > 200:
        raise BadRequest(
            "`request_id` must be the id of a request: the header x-router-request-id.", param="request_id"
        )
    if verdict not in VERDICTS:
        raise BadRequest(f"`verdict` must be one of {', '.join(VERDICTS)}.", param="verdict")
    return Judgement(storable(request_id), verdict, _score(value.get("score")), _comment(value.get("comment")))


def keep_judgement(
    engine: Engine, judgement: Judgement, given_by: str, now_s: float, caller: str | None = None
) -> Kept | None:
    """Keep a judgement; the last one on a request counts, and the same one again changes nothing.

    Args:
        given_by: who judges.
        caller: only this caller's requests may be judged; None for everybody's.

    Returns:
        None where the ledger has no such request.
    """
    with engine.begin() as connection:
        return _keep(connection, judgement, given_by, now_s, caller)


def keep_judgements(engine: Engine, judgements: Sequence[Judgement], given_by: str, now_s: float) -> list[Kept | None]:
    """Keep many in one transaction; see :func:`keep_judgement`."""
    with engine.begin() as connection:
        return [_keep(connection, judgement, given_by, now_s, None) for judgement in judgements]


def _keep(connection: Connection, judgement: Judgement, given_by: str, now_s: float, caller: str | None) -> Kept | None:
    about = select(REQUESTS.c.route, REQUESTS.c.caller).where(REQUESTS.c.request_id == judgement.request_id)
    found = connection.execute(about.with_for_update()).one_or_none()  # verdicts on one request queue up here
    if found is None or (caller is not None and found.caller != caller):
        return None
    is_news = _said_before(connection, judgement) != judgement
    if is_news:
        connection.execute(delete(FEEDBACK).where(FEEDBACK.c.request_id == judgement.request_id))
        connection.execute(insert(FEEDBACK), {
            "request_id": judgement.request_id,
            "verdict": judgement.verdict,
            "score": judgement.score,
            "comment": judgement.comment,
            "given_by": given_by,
            "given_at": now_s,
        })  # fmt: skip
    return Kept(found.route, is_news)


def _said_before(connection: Connection, judgement: Judgement) -> Judgement | None:
    columns = (FEEDBACK.c.request_id, FEEDBACK.c.verdict, FEEDBACK.c.score, FEEDBACK.c.comment)
    row = connection.execute(select(*columns).where(FEEDBACK.c.request_id == judgement.request_id)).one_or_none()
    return None if row is None else Judgement(*row)


def _score(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadRequest("`score` must be a number from 0 to 1.", param="score")
    return float(value)


def _comment(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_COMMENT:
        raise BadRequest(f"`comment` must be a text of at most {MAX_COMMENT} characters.", param="comment")
    return redact(storable(value))
