"""Answering with several models: a panel at once, a judge, and a bill.

``run`` is the order of events, ``panel``, ``debate`` and ``judge`` make the calls, ``audience`` is who hears of it meanwhile,
``facts`` what is said of it afterwards. What is decided on the way is decided in ``router.core``.
"""

from router.dispatch.fusion.audience import Audience, NoAudience, StreamAudience
from router.dispatch.fusion.order import DEPTH_HEADERS, Answer, RunOrder
from router.dispatch.fusion.run import FusionRun
from router.dispatch.fusion.store import KeptRun, RunStore
from router.dispatch.fusion.structured import SCHEMA_CHECKER

__all__ = [
    "DEPTH_HEADERS",
    "SCHEMA_CHECKER",
    "Answer",
    "Audience",
    "FusionRun",
    "KeptRun",
    "NoAudience",
    "RunOrder",
    "RunStore",
    "StreamAudience",
]
