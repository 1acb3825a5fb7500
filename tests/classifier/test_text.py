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


def test_a_greeting_alone_is_still_something() -> None:
    assert read("Hello there!").words


def test_scripts_without_spaces_are_read_in_pairs() -> None:
    assert read("証明せよ").words == ["証明", "明せ", "せよ"]
