import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.text import VIEW_CHARS, read

QUESTION = "How long does a 100 W pump need to fill a tank of 2 m^3 ten metres up?"
OPTIONS = ["A. 10 s", "B. 32 min", "C. 33 min", "D. a day"]


@pytest.mark.parametrize("style", ["{}", "({}", "[{}"])
def test_options_are_left_out_and_counted(style: str) -> None:
    wrapped = "\n".join([QUESTION, *(style.format(option).replace(".", ")", 1) for option in OPTIONS)])
    assert read(wrapped).body == read(QUESTION).body
    assert read(wrapped).n_options == 4


@pytest.mark.parametrize(
    "line",
    [
        "Answer with the letter only.",
        "Think step by step and then finish your answer with the letter of the correct option.",
        'Print only a single choice from "A" or "B" without explanation. Answer:',
        "Answer:",
        "Please put your final answer in \\boxed{}, showing your reasoning.",
    ],
)
def test_answer_format_lines_are_left_out(line: str) -> None:
    assert read(f"{QUESTION}\n\n{line}").body == read(QUESTION).body
    assert read(f"{line}\n{QUESTION}").body == read(QUESTION).body


@pytest.mark.parametrize("preface", ["Hello! ", "Hi there, could you please help me with this: ", "Please "])
def test_polite_prefaces_and_thanks_are_left_out(preface: str) -> None:
    assert read(f"{preface}{QUESTION} Thanks in advance!").words == read(QUESTION).words


@given(st.text(max_size=300))
def test_case_of_ascii_and_outer_white_space_do_not_count(text: str) -> None:
    plain = text.encode("ascii", "ignore").decode()
    assert read(f"  {plain.upper()}\n\n").words == read(plain.lower()).words


def test_a_long_prompt_is_read_at_both_ends_and_its_length_is_kept() -> None:
    reading = read("alpha " + "middle " * 10_000 + "omega")
    assert reading.words[0] == "alpha"
    assert reading.words[-1] == "omega"
    assert len(reading.body) <= VIEW_CHARS + 1
    assert reading.n_chars > 60_000


@pytest.mark.parametrize("layout", ["Context:\n{}\n\nQuestion: {}", "{1}\n\nContext:\n{0}"])
def test_of_a_pasted_passage_only_the_question_is_read(layout: str) -> None:
    passage = "The tower was finished in 1889 for a fair. It is made of iron. " * 60
    assert read(layout.format(passage, QUESTION)).body == read(QUESTION).body


def test_a_greeting_alone_is_still_something() -> None:
    assert read("Hello there!").words


def test_scripts_without_spaces_are_read_in_pairs() -> None:
    assert read("証明せよ").words == ["証明", "明せ", "せよ"]


TRANSCRIPT = (
    "USER: Prove that every compact metric space is separable.\nASSISTANT: Take finite covers by balls of radius 1/n."
)


@pytest.mark.parametrize(
    "frame",
    [
        "Generate a concise title for this chat.\n<chat_history>\n{}\n</chat_history>",
        "Provide a short title for the conversation.\n\nConversation:\n{}",
        "```\n{}\n```\nName this conversation in three words.",
        "Suggest three tags for it.\n\n> **User**: hello\n> **Assistant**: hello\n\n{}",
    ],
)
def test_a_conversation_pasted_into_a_request_is_not_what_is_asked(frame: str) -> None:
    reading = read(frame.format(TRANSCRIPT))
    assert "compact" not in reading.words
    assert {"title", "conversation", "tags"} & set(reading.words)
    assert reading.n_pasted_chars >= len(TRANSCRIPT)


@pytest.mark.parametrize(
    "text",
    [
        TRANSCRIPT,
        "You are helpful and precise.\nUser: Prove that every compact metric space is separable.\nAssistant:",
        TRANSCRIPT + "\nUSER: And is the converse true for compact sets?",
        "What does `assistant:` mean in this log about compact spaces?",
    ],
)
def test_a_conversation_that_is_itself_what_is_asked_is_read(text: str) -> None:
    assert "compact" in read(text).words
