"""What a person wrote of a message, without the blocks that client software puts around it."""

import re

INJECTED_TAGS = (
    "system-reminder",
    "system_reminder",
    "environment_details",
    "environment_context",
    "environment_info",
    "workspace_info",
    "user_instructions",
    "additional_data",
    "attached_files",
    "ide_opened_file",
    "ide_selection",
    "local-command-stdout",
    "local-command-caveat",
    "command-contents",
    "user_info",
    "project_layout",
    "git_status",
    "open_and_recently_viewed_files",
)
"""Blocks that coding agents put into user messages.

Source: requests seen from Claude Code, Cline, Roo, Codex, Cursor, Continue and Copilot.
"""

REPOSITORY_RULES = ("# AGENTS.md instructions", "</INSTRUCTIONS>")
"""How a message of Codex begins and ends that holds a repository's instructions."""

TYPED_TAGS = ("user_query", "user_message", "user_request", "userRequest")
"""Blocks in which the same agents wrap what the person typed, and in which people do not write themselves."""

HUMAN_TAGS = (*TYPED_TAGS, "task", "feedback", "question", "query")
"""The same, with words that may also be a person's own markup."""

RULES_BEHIND = (
    "\n\nTo suggest changes to a file you MUST return the entire content",
    "\n\n# *SEARCH/REPLACE block* Rules:",
    "\n\n# File editing rules:",
    "\n\n# V4A Diff Format Rules:",
)
"""How rules for the answer's form begin that are put behind what the person typed. Source: requests seen from aider."""

_RULES_CHARS = 4_000
"""Longer than any of them: where more than so many characters follow, it is a person who quotes them."""

TASK_FRAMES = (
    ("New task:\n", ""),
    ("Current Task: ", "\n\nThis is the expected criteria for your final answer:"),
    (
        "Please solve this issue: ",
        "\n\nYou can execute bash commands and edit files to implement the necessary changes.",
    ),
)
"""What stands before a task, and where it ends, where software hands it to a model among words of its own.

Source: requests seen from smolagents, CrewAI and mini-swe-agent.
"""

_FRAMES_BEGIN = tuple(opening for opening, _ in TASK_FRAMES)

_MATERIAL_BEGINS = (
    "I have *added these files to the chat*",
    "I am not sharing any files that you can edit yet.",
    "Here are summaries of some files present in my git repository.",
    "Here are some READ ONLY files, provided for your reference.",
    "Another language model started to solve this problem and produced a summary of its thinking process.",
)
"""How messages begin that hold the files which a request is about, or what was done for it so far.

Source: requests seen from aider; of a conversation that Codex has shortened the last one.
"""

FRESH_START = "I switched to a new code base. Please don't consider the above files"
"""How the message of aider begins that ends the examples it opens every conversation with."""

_REPORT_BEGINS = (
    "Observation:\n",
    "<returncode>",
    "<system>",
    "Validation feedback:\n",
    "Validation Error found:\n",
    "Correct your JSON ONLY RESPONSE, based on the following errors:",
    "# Fix any errors below, if possible.",
)
_REPORT_ENDS = (
    "```\n\nFix the errors and try again.",
    "If you have retried several times, try a completely different approach.",
)
_REPORT_OF_EDITS = re.compile(r"# \d+ SEARCH/REPLACE blocks? failed to match!")
"""How messages begin or end that report to a model, in a user's place, what came of its answer.

Source: requests seen from smolagents, mini-swe-agent, gptme, Pydantic AI, Instructor and aider; LlamaIndex's ReAct agents report
on the same line, after an answer that has an action.
"""

_TAG_AT_START = re.compile(r"\s*<([a-zA-Z]+(?:[-_][a-zA-Z]+)+)>")
_ANY_TAG_AT_START = re.compile(r"\s*<([a-zA-Z][\w-]{0,60})>")
_MAX_BLOCKS = 64


def human_text(text: str) -> str:
    """Take away what client software injected, and unwrap what the person typed where nothing else is left."""
    text = text.strip()
    if "`" in text and "*" in text:  # all of these rules have both, but aider's for ``udiff-simple``
        text = _without_rules_behind(text)
    if text.startswith(_FRAMES_BEGIN):
        text = _framed(text)
    if text.startswith(_MATERIAL_BEGINS):
        return ""
    if "</" not in text:
        return text
    for tag in INJECTED_TAGS:
        text = _without_blocks(text, tag)
    text = _without_leading_blocks(text).strip()
    if text.startswith(REPOSITORY_RULES[0]) and text.endswith(REPOSITORY_RULES[1]):
        return ""
    typed = _typed_after_blocks(text)
    if typed:
        return typed
    for tag in HUMAN_TAGS:
        if text.startswith(f"<{tag}>") and text.endswith(f"</{tag}>"):
            return text[len(tag) + 2 : -len(tag) - 3].strip() or text
    return text


def is_report(text: str, answer: str) -> bool:
    """Whether a message was written by software, to say what came of the model's answer before it."""
    text = text.strip()
    if text.startswith(_REPORT_BEGINS) or text.endswith(_REPORT_ENDS) or _REPORT_OF_EDITS.match(text):
        return True
    return text.startswith("Observation:") and "\nAction:" in answer


def _framed(text: str) -> str:
    for opening, ending in TASK_FRAMES:
        if text.startswith(opening) and ending in text:
            task = text[len(opening) :]
            return (task.partition(ending)[0] if ending else task).strip() or text
    return text


def _without_rules_behind(text: str) -> str:
    for opening in RULES_BEHIND:
        start = text.find(opening, -_RULES_CHARS)
        if start > 0:
            return text[:start].rstrip()
    return text


def _without_blocks(text: str, tag: str) -> str:
    opening, closing = f"<{tag}>", f"</{tag}>"
    if opening not in text:
        return text
    kept, position = [], 0
    while (start := text.find(opening, position)) >= 0:
        end = text.find(closing, start)
        if end < 0:
            break
        kept.append(text[position:start])
        position = end + len(closing)
    kept.append(text[position:])
    return "".join(kept)


def _without_leading_blocks(text: str) -> str:
    """Drop blocks of unknown software from the front, unless nothing would remain."""
    rest = text
    for _ in range(_MAX_BLOCKS):
        match = _TAG_AT_START.match(rest)
        end = rest.find(f"</{match[1]}>") if match and match[1] not in HUMAN_TAGS else -1
        if match is None or end < 0:
            break
        rest = rest[end + len(match[1]) + 3 :]
    return rest if rest.strip() else text


def _typed_after_blocks(text: str) -> str:
    """What a wrapper at the end holds where nothing but blocks comes before it; empty where that is not so."""
    for tag in TYPED_TAGS:
        start = text.find(f"<{tag}>")
        if start >= 0 and text.endswith(f"</{tag}>") and not _after_blocks(text[:start]).strip():
            return text[start + len(tag) + 2 : -len(tag) - 3].strip()
    return ""


def _after_blocks(text: str) -> str:
    """What is left of a text behind the blocks that it begins with."""
    for _ in range(_MAX_BLOCKS):
        match = _ANY_TAG_AT_START.match(text)
        end = text.find(f"</{match[1]}>", match.end()) if match else -1
        if match is None or end < 0:
            break
        text = text[end + len(match[1]) + 3 :]
    return text
