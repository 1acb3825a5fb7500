"""Taking out of a text what must not be kept: e-mail addresses, keys, card numbers. Documented patterns, no guesses.

| what | how it is known | becomes |
|---|---|---|
| private keys | ``-----BEGIN … PRIVATE KEY-----`` up to its end, or the text's | ``[private key]`` |
| bearer tokens | ``Bearer`` or ``Authorization: Basic`` and at least 16 characters of a token after it | ``Bearer [key]`` |
| keys by their makers' prefix | ``sk-``, ``sk_live_``, ``AKIA``, ``ghp_``, ``github_pat_``, ``glpat-``, ``xox…-``, ``AIza``, ``hf_``, JSON web tokens | ``[key]`` |
| named secrets | ``api_key``, ``secret``, ``token`` or ``password``, then ``=`` or ``:``, then at least 8 characters | ``password=[key]`` |
| e-mail addresses | ``name@host.tld`` | ``[e-mail]`` |
| card numbers | 13 to 19 digits, in one or in groups, whose check digit is right (Luhn) | ``[card number]`` |

Names, addresses and telephone numbers are not looked for: what finds them is wrong too often to be relied upon, and
whoever must not keep them does not store texts. Source of the prefixes: the makers' documents on secret scanning.
"""

import re

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.S
)
_BEARER = re.compile(r"\b(Bearer|Authorization:\s{0,3}Basic)\s{1,3}[A-Za-z0-9._~+/=-]{16,}", re.I)
_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"[sr]k[-_][A-Za-z0-9_-]{16,}"  # OpenAI, Anthropic, OpenRouter, Stripe
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS
    r"|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|glpat-[A-Za-z0-9_-]{16,}"
    r"|xox[a-z]-[A-Za-z0-9-]{10,}"  # Slack
    r"|AIza[A-Za-z0-9_-]{30,}"  # Google
    r"|hf_[A-Za-z0-9]{20,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r")"
)
_NAMED = re.compile(r"(?i)((?:api[_-]?key|secret|token|passwd|password)[\"']?\s{0,3}[=:]\s{0,3}[\"']?)[^\s\"',;]{8,}")
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]++@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_CARD = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-])")


def redact(text: str) -> str:
    """The text without what the table above says."""
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub("[private key]", text)
    text = _BEARER.sub(r"\1 [key]", text)
    text = _PREFIXED.sub("[key]", text)
    text = _NAMED.sub(r"\1[key]", text)
    if "@" in text:
        text = _EMAIL.sub("[e-mail]", text)
    return _CARD.sub(_card, text)


def _card(match: re.Match[str]) -> str:
    digits = [int(digit) for digit in match[0] if digit.isdigit()]
    return "[card number]" if _check_digit_is_right(digits) else match[0]


def _check_digit_is_right(digits: list[int]) -> bool:
    """Luhn's formula. Source: ISO/IEC 7812-1, annex B."""
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
