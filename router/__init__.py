"""fusion-router: a self-hosted, OpenAI-compatible gateway that routes each prompt by its complexity."""

__version__ = "0.1.0"
