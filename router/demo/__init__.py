"""The demo's pool and prompts."""
