"""Closed answers brought to one form, and agreement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.closed_answer import find_closed_answer, read_closed_answer
from router.core.verdict import compare

SAME = [
    ("1,234.5", "1234.5"),
    ("1.234,5", "1234.50"),
    ("1 234", "1,234"),
    ("1'234'567", "1234567"),
    ("0,5", "1/2"),
    ("3/4", "0.75"),
    ("1 1/2", "1.5"),
    (r"\boxed{\frac{3}{4}}", "0.75"),
    (r"$\boxed{\dfrac{1}{2}}$", "0.5"),
    (r"\boxed{\text{(B)}}", "B"),
    (r"$x = 5$", "5"),
    ("3 × 10^4", "30000"),
    ("3e4", "30,000"),
    (r"3 \times 10^{4}", "30000"),
    ("−7", "-7"),
    ("seven", "7"),
    ("$1,200", "1200 dollars"),
    ("5 km", "5000 m"),
    ("5 kilometres", "5,000 meters"),
    ("90 min", "1.5 hours"),
    ("50%", "50 percent"),
    ("approximately 12", "12"),
    ("B", "(B)"),
    ("b)", "B."),
    ("Option B", "option (b)"),
    ("**B**", "B. Paris"),
    ("The answer is B", "Answer: B) Paris"),
    ("The correct answer is (B).", "选B"),
    ("Die Antwort ist B.", "la respuesta es la B"),
    ("答案是B。", "正确答案：B"),
    ("So the final answer is: **B**", "I choose it because it fits.\nB"),
    ("Yes", "yes, because it holds"),
    ("oui", "Ja"),
    ("да", "是的"),
    ("No.", "nein"),
    ("false", "Falso"),
    ('{"answer": 42}', "42"),
    ('```json\n{"label": "spam"}\n```', "Spam"),
    ('{"is_valid": true}', "yes"),
    ('"positive"', "Positive"),
    ("Long reasoning here.\n\nThe answer is 42.", "Answer: 42"),
    ("We get 17 apples. The answer is 17 because 8+9=17.", "17"),
    ("Answer: -5", "The answer is −5"),
    ("Answer:\n- 5", "**Answer:** 5"),
    ("Final answer: .5", r"Answer: $\frac{1}{2}$"),
    ("Правильный ответ — 5", "Answer: 5"),
    ("½", "0.5"),
    ("2½", "2.5"),
    ("$5 million", "5,000,000 dollars"),
    ("3 dozen eggs", "36"),
    ("The answer is B. Wait, no: the answer is C.", "C"),
    ("The answer is A: the choice is easy.", "A"),
]
DIFFERENT = [
    ("1.5", "15"),
    ("1/3", "0.33"),
    ("-5", "5"),
    ("5 km", "5 m"),
    ("B", "C"),
    ("yes", "no"),
    ("$5", "€5"),
    ("spam", "not spam"),
    ("A", "a good idea"),
    ("1.234", "1,234"),
    ("Answer: -5", "Answer: 5"),
    ("Final answer: .5", "5"),
    ("Правильный ответ: -5", "5"),
    ("$5 million", "$5"),
    ("$5k", "$5"),
    ("5 million", "5 billion"),
    ("5 million", "5"),
    ("2π", "2"),
    ("5²", "5"),
    ("(A) and (B)", "A"),
    ("A, C", "A"),
    ("The answer is B. Wait, no: the answer is C.", "B"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_answer_in_other_words_has_the_same_form(one: str, other: str) -> None:
    assert find_closed_answer(one) is not None
    assert compare([one, other], True).unanimous, (find_closed_answer(one), find_closed_answer(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_answer_has_another_form(one: str, other: str) -> None:
    assert not compare([one, other], True).unanimous


def test_a_bare_number_joins_its_unit_unless_two_units_claim_it() -> None:
    assert compare(["12", "12 km", "12000 m"], True).unanimous
    assert compare(["12 kg", "12"], True).unanimous
    assert compare(["0.5", "50%"], True).unanimous
    assert not compare(["12", "12 kg", "12 s"], True).unanimous


@given(st.fractions(max_denominator=999))
def test_a_fraction_and_its_latex_are_one_number(number: object) -> None:
    top, bottom = number.numerator, number.denominator  # type: ignore[attr-defined]
    sign = "-" if top < 0 else ""
    latex = rf"{sign}\frac{{{abs(top)}}}{{{bottom}}}"
    assert read_closed_answer(latex) == read_closed_answer(f"{sign}{abs(top)}/{bottom}")


@given(st.integers(-(10**12), 10**12))
def test_thousands_separators_do_not_change_a_number(number: int) -> None:
    assert read_closed_answer(f"{number:,}") == read_closed_answer(str(number))


@given(st.text(max_size=300))
def test_reading_an_answer_never_raises(text: str) -> None:
    find_closed_answer(text)
    compare([text, text[::-1], "42"], None)


def test_an_abstention_stands_alone_and_counts_against_agreement() -> None:
    verdict = compare(["42", "42", "I would rather talk about the weather at length. " * 6], True)
    assert verdict.majority == (0, 1)
    assert verdict.agreement == pytest.approx(2 / 3)


def test_a_tie_has_no_majority_and_a_single_candidate_is_no_agreement() -> None:
    assert compare(["1", "2"], True).majority == ()
    assert not compare(["1"], True).unanimous
    assert compare([], None).agreement == 0


def is_near_identical(one: str, other: str) -> bool:
    return compare([one, other], closed_expected=False).unanimous


def test_texts_that_differ_in_a_word_are_near_identical_but_not_in_a_number_or_a_negation() -> None:
    text = (
        "The treaty was signed in 1648 and it ended thirty years of war between the parties, who had long been tired "
        "of paying soldiers and burying them, and who from now on let every prince choose the faith of his own land."
    )
    assert is_near_identical(text, text.replace("signed", "sealed", 1))
    assert not is_near_identical(text, text.replace("1648", "1649", 1))
    assert not is_near_identical(text, text.replace("prince", "Bavarian prince"))
    assert not is_near_identical(text, text.replace("was signed", "was not signed", 1))
    assert not is_near_identical(text, "Something else altogether was written here. " * 8)


@pytest.mark.parametrize(
    ("one", "other"),
    [("accept", "reject"), ("increases", "decreases"), ("legal", "illegal"), ("safe", "unsafe"), ("more", "less")],
)
def test_a_word_turned_into_its_opposite_is_another_answer_however_much_is_the_same(one: str, other: str) -> None:
    text = (
        "The treaty ended thirty years of war between the parties, who had long been tired of paying soldiers and burying "
        "them, and who from now on let each prince choose the faith of his own land as he saw fit, which most of them did "
        "within a year or two of coming home. What is asked here is {} in my view, though the sources are thin."
    )
    assert is_near_identical(text.format(one), text.format(one).replace("tired", "weary", 1))
    assert not is_near_identical(text.format(one), text.format(other))
    assert not is_near_identical(text.format(other), text.format(one))


def test_long_open_answers_are_not_read_as_closed_ones_unless_one_was_asked_for() -> None:
    texts = [f"{'Much was said about trade. ' * 30}{n} The answer is 4." for n in ("Once.", "It was thrice " * 20)]
    assert compare(texts, None).kind == "open"
    assert compare(texts, True).unanimous


def test_short_open_answers_are_open() -> None:
    assert compare(["It depends on the reader.", "Nobody can say."], None).kind == "open"


@given(st.lists(st.sampled_from(["1", "2", "3", "B", "yes"]), min_size=1, max_size=6))
def test_groups_hold_every_candidate_once_and_agreement_is_a_share(texts: list[str]) -> None:
    verdict = compare(texts, True)
    assert sorted(index for group in verdict.groups for index in group) == list(range(len(texts)))
    assert 0 <= verdict.agreement <= 1
    assert (verdict.agreement == 0) == (len(set(texts)) == len(texts))
    assert len(verdict.groups[0]) == max(map(texts.count, texts))
