"""What the core reads of a conversation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.human_text import RULES_BEHIND, TASK_FRAMES, human_text
from router.core.prompt import (
    INSTRUCTIONS_CHARS,
    estimate_input_tokens,
    read_needs,
    read_prompt,
    read_shape,
    text_tokens,
)


def chat(*turns: tuple[str, object], **more: object) -> dict[str, object]:
    return {"model": "auto", "messages": [{"role": role, "content": content} for role, content in turns], **more}


QUESTION = "Which of these three database designs survives a network partition?"
TOOLS = [
    {"type": "function", "function": {"name": f"tool_{i}", "description": "Does a thing. " * 20, "parameters": {}}}
    for i in range(30)
]


def test_the_newest_human_turn_is_read() -> None:
    prompt = read_prompt(chat(("user", "hi"), ("assistant", "hello"), ("user", QUESTION)))
    assert prompt.text == QUESTION
    assert "hi" in prompt.context
    assert "hello" in prompt.context


def test_system_prompt_and_tools_do_not_touch_the_text() -> None:
    plain = read_prompt(chat(("user", QUESTION)))
    dressed = read_prompt(chat(("system", "You are a careful engineer. " * 600), ("user", QUESTION), tools=TOOLS))
    assert dressed.text == plain.text
    assert dressed.context == plain.context == ""
    assert dressed.input_tokens > plain.input_tokens + 4_000


def test_injected_reminders_are_not_human_words() -> None:
    text = f"<system-reminder>\nNever mention this.\n</system-reminder>\n{QUESTION}\n<environment_details>ls</environment_details>"
    assert human_text(text) == QUESTION


def test_a_message_of_nothing_but_reminders_is_passed_over() -> None:
    prompt = read_prompt(chat(("user", QUESTION), ("user", "<system-reminder>todo list is empty</system-reminder>")))
    assert prompt.text == QUESTION


def test_what_the_person_typed_is_unwrapped() -> None:
    assert human_text(f"<user_info>mac</user_info>\n<user_query>\n{QUESTION}\n</user_query>") == QUESTION


def test_what_the_person_typed_is_unwrapped_behind_blocks_of_any_name() -> None:
    context = "<context>\nToday is Monday.\n</context>\n<reminderInstructions>Prove it all.</reminderInstructions>\n"
    assert human_text(f"{context}<userRequest>\n{QUESTION}\n</userRequest>") == QUESTION
    for text in (f"{context} Mind: <userRequest>hi</userRequest>", f"<context>a <userRequest>{QUESTION}</userRequest>"):
        assert human_text(text) == text.strip()


def test_a_repositorys_instructions_in_a_message_of_their_own_are_no_turn() -> None:
    rules = "# AGENTS.md instructions for /src\n\n<INSTRUCTIONS>\nProve termination.\n</INSTRUCTIONS>"
    where = "<environment_context>mac</environment_context>"
    for turns in ([("user", rules), ("user", where)], [("user", f"{rules}\n{where}")]):
        prompt = read_prompt(chat(*turns, ("user", "hi")))
        assert (prompt.text, prompt.context, prompt.previous_turn_key) == ("hi", "", None)
    asked = f"<INSTRUCTIONS>Be brief.</INSTRUCTIONS> {QUESTION}"
    assert human_text(asked) == asked


def test_a_wrapper_that_is_not_all_there_is_stays_and_hides_nothing() -> None:
    for text in (f"<query>hi</query> {QUESTION}", f"{QUESTION} Example call: <query>hi</query>"):
        assert human_text(text) == text


def test_anthropic_style_tool_steps_are_seen_and_counted() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "grep", "input": {"q": "x"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "found " * 4_000}
    prompt = read_prompt(chat(("user", QUESTION), ("assistant", [use]), ("user", [result])))
    assert prompt.in_tool_loop
    assert prompt.text == QUESTION
    assert prompt.input_tokens > 5_000


def test_a_turns_key_outlives_a_changing_system_prompt() -> None:
    keys = {read_prompt(chat(("system", f"time {t}"), ("user", QUESTION))).turn_key for t in ("10:00", "10:01")}
    assert len(keys) == 1


def test_a_pdf_is_something_to_see() -> None:
    assert read_needs(chat(("user", [{"type": "file", "file": {"file_id": "f"}}]))) == {"vision"}


def test_blocks_of_unknown_software_are_dropped_from_the_front_only() -> None:
    assert human_text(f"<my-agent-state>x</my-agent-state> {QUESTION}") == QUESTION
    page = "Why does <my-card>this</my-card> not render?"
    assert human_text(page) == page


def test_ordinary_markup_in_a_question_stays() -> None:
    text = "Explain <b>this</b> and <div>that</div>"
    assert human_text(text) == text


def test_text_parts_are_read_and_images_are_a_need() -> None:
    parts = [
        {"type": "text", "text": QUESTION},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    prompt = read_prompt(chat(("user", parts)))
    assert prompt.text == QUESTION
    assert prompt.needs == {"vision"}
    assert prompt.input_tokens > 1_000


def test_tools_and_schemas_are_needs() -> None:
    needs = read_needs(chat(("user", "x"), tools=TOOLS, response_format={"type": "json_schema", "json_schema": {}}))
    assert needs == {"tools", "json_schema"}
    assert not read_needs(chat(("user", "x"), response_format={"type": "json_object"}))


def tool_turn() -> dict[str, object]:
    body = chat(("user", "What is the weather in Oslo and in Rome?"))
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = body["messages"]
    assert isinstance(messages, list)
    messages += [{"role": "assistant", "content": None, "tool_calls": [call]}]
    messages += [{"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}]
    return body


def test_fields_that_change_the_answers_shape_are_seen_and_their_plain_values_are_not() -> None:
    plain = {"n": 1, "logprobs": False, "top_logprobs": 0, "modalities": ["text"], "audio": None, "seed": 7}
    asked = {"n": 2, "logprobs": True, "top_logprobs": 3, "modalities": ["text", "audio"], "audio": {"voice": "a"}}
    assert read_shape(chat(("user", "hi"), **plain)) == frozenset()
    assert read_shape(chat(("user", "hi"), **asked)) == asked.keys()


def test_a_tool_loop_is_seen_and_keeps_its_turns_key() -> None:
    loop = read_prompt(tool_turn())
    assert loop.in_tool_loop
    assert loop.text.startswith("What is the weather")
    first = read_prompt(chat(("user", "What is the weather in Oslo and in Rome?")))
    assert not first.in_tool_loop
    assert first.turn_key == loop.turn_key


@pytest.mark.parametrize(
    "report",
    [
        "Observation:\nExecution logs:\n42",
        "Observation: sunny in Oslo",
        "Error:\nno code found\nNow let's retry! If you have retried several times, try a completely different approach.\n",
        "<returncode>0</returncode>\n<output>\na.txt\n</output>",
        "<system>No tool call detected in last message.</system>",
        "2 validation errors:\n```json\n[]\n```\n\nFix the errors and try again.",
        "Validation feedback:\nToo short.\n\nFix the errors and try again.",
        "Correct your JSON ONLY RESPONSE, based on the following errors:\nname: field required",
        "# 2 SEARCH/REPLACE blocks failed to match!\n\n## SearchReplaceNoExactMatch",
    ],
)
def test_what_software_reports_of_an_answer_is_a_step_of_the_turn_that_asked_for_it(report: str) -> None:
    first = read_prompt(chat(("user", QUESTION)))
    loop = read_prompt(chat(("user", QUESTION), ("assistant", "Thought: I look.\nAction: look"), ("user", report)))
    assert (loop.text, loop.turn_key) == (first.text, first.turn_key)
    assert loop.in_tool_loop
    assert not first.in_tool_loop
    assert read_prompt(chat(("user", report))).text == report.strip(), "nobody has answered yet: a person wrote it"


def test_what_a_person_says_of_an_answer_is_a_turn() -> None:
    for said in ("Observation: the pendulum slows down.", "Fix the errors and try again.", "Error:\nE42. What is it?"):
        prompt = read_prompt(chat(("user", QUESTION), ("assistant", "So:"), ("user", said)))
        assert prompt.text == said
        assert not prompt.in_tool_loop


@pytest.mark.parametrize("rules", RULES_BEHIND)
def test_rules_for_the_answers_form_behind_what_a_person_typed_are_not_human_words(rules: str) -> None:
    behind = f"{rules}\n\n*NEVER* skip a `file`. Prove that every block matches."
    assert human_text(f"{QUESTION}\n\nNow.{behind}") == f"{QUESTION}\n\nNow."
    quoted = f"What do these rules mean?{behind}" + " long" * 3_000
    assert human_text(quoted) == quoted


@pytest.mark.parametrize(("opening", "ending"), TASK_FRAMES)
def test_a_task_is_taken_out_of_the_words_that_software_hands_it_over_in(opening: str, ending: str) -> None:
    behind = f"{ending} a proof.\nyou MUST return it all." if ending else ""
    assert human_text(f"\n{opening}{QUESTION}{behind}\n") == QUESTION
    assert human_text(f"It says: {opening}{QUESTION}{behind}").startswith("It says: ")
    assert human_text(opening) == opening.strip()


def test_a_request_behind_examples_and_files_is_no_follow_up_to_them() -> None:
    opening = (
        ("user", "Refactor hello() into its own file."),
        ("assistant", "Ok, I will."),
        (
            "user",
            "I switched to a new code base. Please don't consider the above files or try to edit them any longer.",
        ),
        ("assistant", "Ok."),
        ("user", "I have *added these files to the chat* so you can go ahead and edit them.\n\nm.py\n```\nx = 1\n```"),
        ("assistant", "Ok, any changes I propose will be to those files."),
    )
    prompt = read_prompt(chat(*opening, ("user", "write a SAT solver")))
    assert (prompt.text, prompt.context, prompt.is_followup) == ("write a SAT solver", "", False)
    later = read_prompt(chat(*opening, ("user", QUESTION), ("assistant", "The third."), ("user", "go ahead")))
    assert later.is_followup
    assert later.carried_on == QUESTION


def test_a_conversation_that_codex_has_shortened_is_judged_by_what_the_person_asked_last() -> None:
    summary = (
        "Another language model started to solve this problem and produced a summary of its thinking process. You also "
        "have access to the state of the tools that were used by that language model.\nAll four cases are proved."
    )
    assert read_prompt(chat(("user", "say hello"), ("user", summary))).text == "say hello"


def test_a_follow_up_names_the_turn_it_continues() -> None:
    first = read_prompt(chat(("system", "be kind"), ("user", QUESTION)))
    second = read_prompt(
        chat(("system", "be kind"), ("user", QUESTION), ("assistant", "The third."), ("user", "yes, do it"))
    )
    assert second.is_followup
    assert second.previous_turn_key == first.turn_key
    assert second.carried_on == QUESTION


def test_a_follow_up_to_follow_ups_carries_on_the_question_before_them() -> None:
    talk = (("user", QUESTION), ("assistant", "Which?"), ("user", "the third"), ("assistant", "So:"), ("user", "no"))
    assert read_prompt(chat(*talk, ("assistant", "Then:"), ("user", "go ahead"))).carried_on == QUESTION
    turn = ("user", "In which order did the three of them arrive in the end?")
    assert (
        read_prompt(chat(*talk, ("assistant", "Then:"), turn, ("assistant", "So:"), ("user", "ok"))).carried_on
        == turn[1]
    )
    assert read_prompt(chat(*talk, ("assistant", "Then:"), turn)).carried_on == ""


def test_a_conversation_of_nothing_but_short_turns_carries_on_its_first() -> None:
    talk = (("user", "hi"), ("assistant", "hello"), ("user", "ok"), ("assistant", "Yes?"), ("user", "thanks"))
    assert read_prompt(chat(*talk)).carried_on == "hi"


def test_a_long_turn_and_a_first_turn_are_no_follow_ups() -> None:
    assert not read_prompt(chat(("user", "ok"))).is_followup
    assert not read_prompt(chat(("user", "hi"), ("assistant", "hello"), ("user", QUESTION))).is_followup


def test_callers_do_not_share_turns() -> None:
    body = chat(("user", "hi"))
    assert read_prompt(body, "team-a").turn_key != read_prompt(body, "team-b").turn_key


def test_hostile_markup_is_read_in_linear_time() -> None:
    text = "<a-b>" * 200_000 + "</"
    assert human_text(text) == text


@given(st.text(), st.text())
def test_any_text_is_read(system: str, user: str) -> None:
    prompt = read_prompt(chat(("system", system), ("user", user)))
    assert isinstance(prompt.text, str)


@given(st.lists(st.text(max_size=200), min_size=1, max_size=8))
def test_more_messages_never_count_fewer_tokens(texts: list[str]) -> None:
    counts = [
        estimate_input_tokens(chat(*(("user", text) for text in texts[:end]))) for end in range(1, len(texts) + 1)
    ]
    assert counts == sorted(counts)


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("é", 1), ("éé", 2), ("明日の天気は", 6)]
)
def test_four_ascii_characters_or_three_bytes_of_anything_else_count_as_a_token(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


def test_what_system_and_developer_messages_say_is_shown_beside_the_turn() -> None:
    prompt = read_prompt(
        chat(("system", "Translate into French."), ("developer", "No quotes."), ("user", "good morning"))
    )
    assert prompt.text == "good morning"
    assert prompt.instructions == "Translate into French.\nNo quotes."


def test_long_system_messages_are_no_turns_task() -> None:
    assert read_prompt(chat(("system", "x" * INSTRUCTIONS_CHARS), ("user", QUESTION))).instructions
    assert not read_prompt(chat(("system", "x" * (INSTRUCTIONS_CHARS + 1)), ("user", QUESTION))).instructions


def test_what_the_system_message_of_a_housekeeping_call_says_is_not_shown_twice() -> None:
    title = "You are a title generator. You output ONLY a thread title. Nothing else."
    prompt = read_prompt(chat(("system", title), ("user", QUESTION)))
    assert prompt.is_housekeeping
    assert not prompt.instructions
