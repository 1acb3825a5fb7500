"""Calls that client software makes for itself, behind its user's back: titles, commit messages, summaries, memories.

Such a call is known by how its system prompt begins: the task stands there, and the human turn is only what it is about.
"""

import re

_OPENINGS = (
    "You are an expert software engineer that generates concise, one-line Git commit messages",
    "*Briefly* summarize this partial conversation",
    "You are now acting as the managed memory extraction subagent",
)
"""Source: requests seen from aider and Qwen Code."""

_TITLE = re.compile(
    r"\b(?:generat|creat|writ)(?:e|es|ing)\b(?: (?!(?:and|or|with|for|of|to|in|about|from|that|which|who)\b)[^\s.]+){0,6}"
    r" titles?\b|\btitle[- ]generat",
    re.I,
)
"""Nothing but a title is asked for: who writes stories with titles does other work.

Source: requests seen from opencode and gptme; the system prompts of Vercel's chat template and of its many kin.
"""

_HEAD_CHARS = 200


def housekeeping(system: str, *, has_tools: bool) -> str:
    """The task of a housekeeping call, in the words of its system prompt; empty where it is none that is known.

    Who asks for a title offers no tools: with some it is an agent, whose work may have titles.
    """
    head = system[:_HEAD_CHARS]
    if head.startswith(_OPENINGS):
        return head.partition("\n")[0]
    if "itle" not in head or has_tools:
        return ""
    return next((line for line in head.splitlines() if _TITLE.search(line)), "")
