"""Calls that client software makes for itself: what is judged of them, and that they bind nobody."""

import pytest

from router.core.housekeeping import housekeeping
from router.core.prompt import read_prompt
from tests.core.test_prompt import QUESTION, TOOLS, chat

TITLE = "You are a title generator. You output ONLY a thread title. Nothing else."
TASKS = [
    f"{TITLE}\n\n<task>\nGenerate a brief title.\n</task>",
    "\n\n    - you will generate a short title based on the first message\n    - ensure it is not long",
    "# Identity\n\nYou are a title-generation assistant.",
    "You generate concise conversation titles.\n\nRules: none.",
    "Create a very short, 2-4 word chat title (in the user's language).",
    "You are an expert software engineer that generates concise, one-line Git commit messages based on the diffs.\nReview.",
    "*Briefly* summarize this partial conversation about programming.\nInclude less detail about older parts.",
]


@pytest.mark.parametrize("system", TASKS)
def test_a_housekeeping_call_is_judged_by_its_task_and_not_by_what_it_is_about(system: str) -> None:
    prompt = read_prompt(chat(("system", system), ("user", "A conversation:"), ("user", QUESTION)))
    assert prompt.text in system
    assert prompt.text
    assert "\n" not in prompt.text
    assert prompt.context == ""
    assert prompt.is_housekeeping
    assert not prompt.is_followup


@pytest.mark.parametrize(
    "system",
    [
        "You are a helpful assistant.",
        "You are a writer who helps people create stories with catchy titles.",
        "Write essays and titles for students.",
        "You are an editor. Headings and titles are written in lower case.",
        "You review code.\n" * 20 + "Generate a title for each review.",
    ],
)
def test_other_system_prompts_leave_the_human_turn_what_is_judged(system: str) -> None:
    prompt = read_prompt(chat(("system", system), ("user", QUESTION)))
    assert prompt.text == QUESTION
    assert not prompt.is_housekeeping


def test_an_agent_with_tools_that_writes_titles_is_judged_by_the_human_turn() -> None:
    assert housekeeping(TITLE, has_tools=False) == TITLE
    assert not read_prompt(chat(("system", TITLE), ("user", QUESTION), tools=TOOLS)).is_housekeeping


def test_a_housekeeping_agent_is_known_by_its_opening_tools_or_not() -> None:
    system = "You are now acting as the managed memory extraction subagent for an AI coding assistant."
    talk = (("user", "hi"), ("assistant", "Hello!"), ("user", QUESTION))
    assert read_prompt(chat(("system", system), *talk, tools=TOOLS)).text == system
