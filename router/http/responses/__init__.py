"""OpenAI's Responses API over the same hallway: its requests become chat completions, and their replies become responses."""

from router.http.responses.exchange import ResponsesExchange
from router.http.responses.kept import KeptResponses

__all__ = ["KeptResponses", "ResponsesExchange"]
