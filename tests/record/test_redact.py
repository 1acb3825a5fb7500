"""What must not be kept is taken out, what looks like it is left, and nothing takes long."""

import time

import pytest

from router.record.ledger.rows import MAX_TEXT, kept_text
from router.record.redact import redact


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
        ("whsec_abcdefghijklmnop0123 gsk_abcdefghijklmnopqrst", "[key] [key]"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPx", "aws_secret_access_key = [key]"),
        ('{"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPx"}', '{"SecretAccessKey": "[key]"}'),
        ('{\\"api_key\\": \\"0123456789abcdef\\"}', '{\\"api_key\\": \\"[key]"}'),
        ("my password is hunter2-hunter2", "my password is [key]"),
        ("api key: 0123456789abcdef", "api key: [key]"),
        ("password: 'correct horse'", "password: '[key]'"),
        ("postgres://app:s3cret@localhost:5432/x", "postgres://app:[key]@localhost:5432/x"),
        ("jürgen@müller.de and иван@пример.рф", "[e-mail] and [e-mail]"),
        ("?to=jo%40example.com&from=ann&#64;example.com", "?to=[e-mail]&from=[e-mail]"),
        ("jo＠example.com", "[e-mail]"),
        ("me@firm.xn--p1ai.", "[e-mail]."),
        ("pay with 4111 1111 1111 1111 now", "pay with [card number] now"),
        ("4111 1111 1111 1111 123", "[card number] 123"),
        ("4111111111111111 12/27 123", "[card number] 12/27 123"),
        ("order 12 4111111111111111", "order 12 [card number]"),
        (
            "4111.1111.1111.1111, 4111\xa01111\xa01111\xa01111, 4111–1111–1111–1111",
            "[card number]" + ", [card number]" * 2,
        ),
        ("4111  1111\u200b1111 1111", "[card number]"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "[card number]"),
        ("４１１１１１１１１１１１１１１１", "[card number]"),
        ("4111111111111111 5500000000000004", "[card number] [card number]"),
        ("5500-0000-0000-0004", "[card number]"),
        ("378282246310005", "[card number]"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb", "a\n[private key]\nb"),
        ("-----BEGIN PRIVATE KEY-----\ncut off here", "[private key]"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQ\n-----END PGP PRIVATE KEY BLOCK-----.", "[private key]."),
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
        "0.4111111111111111 and 4111111111111111.5",
        "at 1732561234567, trace 20261125202700123",
        "on 2024-01-01, 2024-02-01 and 2024-03-01",
        "the token is compared, the api key is missing, the secret is out",
        "http://localhost:8080/@scope/package",
    ],
)
def test_what_is_no_secret_is_left(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "1",
        "1 ",
        "@",
        "a@",
        "a.",
        "password",
        "password=",
        "sk-",
        "-----BEGIN PRIVATE KEY-----",
        "eyJ.",
        "Bearer ",
        "4111 ",
        "://a:",
        "a%40",
    ],
)
def test_no_text_makes_it_slow(piece: str) -> None:
    """A quadratic pattern would take minutes; the bound is a hundred times what it takes."""
    text = piece * (MAX_TEXT // len(piece))
    began_s = time.process_time()
    redact(text)
    assert time.process_time() - began_s < 2.0


def test_long_texts_keep_their_ends_and_say_what_is_gone() -> None:
    text = "a" * MAX_TEXT + "b" * MAX_TEXT
    kept = kept_text(text)
    assert kept.startswith("a" * 100)
    assert kept.endswith("b" * 100)
    assert f"{MAX_TEXT} characters left out" in kept
    assert kept_text("short") == "short"


@pytest.mark.parametrize(
    ("secret", "hidden"),
    [
        ("jo.doe@mail.example.org", "example.org"),
        ("sk-proj-abcdEFGH0123456789abcdEFGH0123456789", "EFGH0123456789"),
        ("-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG\n" * 150 + "-----END PRIVATE KEY-----", "MIIE"),
    ],
)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_secret_across_the_cut_of_a_long_text_leaves_no_rest(secret: str, hidden: str, part: float) -> None:
    before = " " * (MAX_TEXT // 2 - int(len(secret) * part))
    after = " " * (MAX_TEXT // 2 - int(len(secret) * (1 - part)))
    for text in (before + secret + " " * MAX_TEXT, " " * MAX_TEXT + secret + after):
        assert hidden not in kept_text(text)
