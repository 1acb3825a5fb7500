"""What a ledger holds, in numbers."""

from typing import Any

from sqlalchemy import Engine, case, func, select

from router.record.ledger.database import READING
from router.record.ledger.schema import CALLS, FEEDBACK, REQUESTS, SCHEMA_VERSION, TEXTS
from router.record.ledger.store import used_bytes


def stats(engine: Engine) -> dict[str, Any]:
    """Rows of each table, size, span, requests by route and outcome; times are Unix seconds, None where it is empty.

    ``unpriced`` requests had a call without a known price: their ``cost_usd`` is what is known of it.
    """
    with engine.connect().execution_options(**READING) as connection:

        def one(query: Any) -> Any:
            return connection.execute(query).scalar()

        unpriced = func.count(case((REQUESTS.c.unpriced, 1)))
        by = select(REQUESTS.c.route, REQUESTS.c.outcome, func.count(), func.sum(REQUESTS.c.cost_usd), unpriced)
        grouped = connection.execute(by.group_by(REQUESTS.c.route, REQUESTS.c.outcome).order_by(func.count().desc()))
        return {
            "requests": one(select(func.count()).select_from(REQUESTS)),
            "calls": one(select(func.count()).select_from(CALLS)),
            "feedback": one(select(func.count()).select_from(FEEDBACK)),
            "texts": one(select(func.count()).select_from(TEXTS)),
            "texts_with_answer": one(select(func.count(TEXTS.c.answer))),
            "size_bytes": used_bytes(connection),
            "first_at": one(select(func.min(REQUESTS.c.started_at))),
            "last_at": one(select(func.max(REQUESTS.c.started_at))),
            "schema_version": one(select(SCHEMA_VERSION.c.version)),
            "by_route_and_outcome": [
                {
                    "route": route or "none", "outcome": outcome, "requests": count, "cost_usd": cost or 0.0,
                    "unpriced": without,
                }
                for route, outcome, count, cost, without in grouped
            ],
        }  # fmt: skip
