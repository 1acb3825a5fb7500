"""What a client that asks for a URL of another API is told: which setting of it leads here."""

RESPONSES = (
    "Of OpenAI's Responses API only POST /v1/responses is served here: responses are not to be read, listed or deleted."
)
COMPLETIONS = "Text completions are not served here; set the client to chat completions."
MESSAGES = "Anthropic's Messages API is not served here; set the client to an OpenAI-compatible provider."
OLLAMA = (
    "Ollama's API is not served here; set the client to an OpenAI-compatible provider whose base URL ends in `/v1`."
)
BASE_URL = "The client's base URL is to be this gateway's address and `/v1`, with nothing behind it."

_BY_PART = (
    ("/responses", RESPONSES),
    ("/messages", MESSAGES),
    ("/api/", OLLAMA),
    ("/chat/completions", BASE_URL),
    ("/embeddings", BASE_URL),
    ("/completions", COMPLETIONS),
)


def way_back(path: str) -> str:
    """One sentence, with a blank before it, for who asked for a path that is not served; empty where nothing is known."""
    if path.endswith(("/chat/completions", "/responses")):  # what is served at the right address
        return f" {BASE_URL}"
    return next((f" {advice}" for part, advice in _BY_PART if part in path), "")
