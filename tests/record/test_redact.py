"""What must not be kept is taken out, what looks like it is left, and nothing takes long."""

import time

import pytest

from router.record.ledger.redact import redact
from router.record.ledger.rows import MAX_TEXT, shortened


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("write to jo.doe+x@mail.example.co.uk, please", "write to [e-mail], please"),
        ("key sk-proj-abcdEFGH0123456789_-xyz end", "key [key] end"),
        ("sk-ant-api03-AAAAbbbbCCCCdddd1111", "[key]"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "[key]"),
        ("AKIAIOSFODNN7EXAMPLE", "[key]"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[key]"),
        ("github_pat_11ABCDEFG0aaaaaaaaaaaaaaaaaaa", "[key]"),
        ("xoxb-123456789012-abcdef", "[key]"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "[key]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sig_na-ture", "[key]"),
        ("Authorization: Bearer abcdefghijklmnop.qrst", "Authorization: Bearer [key]"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic [key]"),
        ('password = "correct-horse-battery"', 'password = "[key]"'),
        ("OPENAI_API_KEY=0123456789abcdef", "OPENAI_API_KEY=[key]"),
        ("pay with 4111 1111 1111 1111 now", "pay with [card number] now"),
        ("5500-0000-0000-0004", "[card number]"),
        ("378282246310005", "[card number]"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb", "a\n[private key]\nb"),
        ("-----BEGIN PRIVATE KEY-----\ncut off here", "[private key]"),
    ],
)
def test_secrets_are_taken_out(text: str, kept: str) -> None:
    assert redact(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "a task-force of desk-clerks",
        "4111 1111 1111 1112 fails the check",
        "0000 0000 0000 0000",
        "pi is 3.14159265358979323846",
        "version 2.0.1@latest and @mentions",
        "the bearer of bad news",
        "max_tokens: 4096",
        "call +47 22 33 44 55",
    ],
)
def test_what_is_no_secret_is_left(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "1 ", "@", "a@", "a.", "password", "password=", "sk-", "-----BEGIN PRIVATE KEY-----", "eyJ.", "Bearer "],
)
def test_no_text_makes_it_slow(piece: str) -> None:
    """A quadratic pattern would take minutes; the bound is a hundred times what it takes."""
    text = piece * (MAX_TEXT // len(piece))
    began_s = time.process_time()
    redact(text)
    assert time.process_time() - began_s < 2.0


def test_long_texts_keep_their_ends_and_say_what_is_gone() -> None:
    text = "a" * MAX_TEXT + "b" * MAX_TEXT
    kept = shortened(text)
    assert kept.startswith("a" * 100)
    assert kept.endswith("b" * 100)
    assert f"{MAX_TEXT} characters left out" in kept
    assert shortened("short") == "short"
