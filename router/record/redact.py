"""Taking out of a text what must not be kept: e-mail addresses, keys, card numbers. Documented patterns, no guesses.

| what | how it is known | becomes |
|---|---|---|
| private keys | ``-----BEGIN … PRIVATE KEY-----`` (or PGP's ``BLOCK``) up to its end, or the text's | ``[private key]`` |
| bearer tokens | ``Bearer`` or ``Authorization: Basic`` and at least 16 characters of a token after it | ``Bearer [key]`` |
| keys by their makers' prefix | ``sk-``, ``sk_live_``, ``AKIA``, ``ghp_``, ``xox…-``, ``AIza``, ``hf_``, JSON web tokens, and others below | ``[key]`` |
| passwords in addresses | what is between ``://name:`` and ``@`` | ``://name:[key]@`` |
| named secrets | a word that ends in ``key`` after ``api``, ``access``, …, or in ``secret``, ``token``, ``password``, …; then ``=`` or ``:`` and at least 8 characters, or anything in quotes; or ``is`` and 8 characters with a digit | ``password=[key]`` |
| e-mail addresses | ``name@host.tld`` in any alphabet, the ``@`` also as ``%40``, ``&#64;`` or ``＠`` | ``[e-mail]`` |
| card numbers | 13 to 19 digits as an issuer's cards have them, in one or in groups, whose check digit is right (Luhn) | ``[card number]`` |

Names, addresses and telephone numbers are not looked for: what finds them is wrong too often to be relied upon, and
whoever must not keep them does not store texts. Who hides an address on purpose (``jo at host dot org``) is not found
either. Source of the prefixes: the makers' documents on secret scanning.
"""

import re

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.S,
)
_BEARER = re.compile(r"\b(Bearer|Authorization:\s{0,3}Basic)\s{1,3}[A-Za-z0-9._~+/=-]{16,}", re.I)
_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"[sr]k[-_][A-Za-z0-9_-]{16,}|whsec_[A-Za-z0-9+/=]{16,}"  # OpenAI, Anthropic, OpenRouter, Stripe
    r"|(?:gsk_|xai-|pplx-|tvly-|r8_|nvapi-|fw_)[A-Za-z0-9_-]{20,}"  # Groq, xAI, Perplexity, Tavily, Replicate, NVIDIA, Fireworks
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS
    r"|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|glpat-[A-Za-z0-9_-]{16,}"
    r"|xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"  # Slack
    r"|AIza[A-Za-z0-9_-]{30,}|GOCSPX-[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9_-]{20,}"  # Google
    r"|hf_[A-Za-z0-9]{20,}"
    r"|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}|dop_v1_[a-f0-9]{40,}|shp(?:at|ss|ca|pa)_[A-Za-z0-9]{20,}"
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"  # SendGrid
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r")"
)
_IN_ADDRESS = re.compile(r"(://[^\s/:@]{0,64}:)[^\s/@]{1,128}@")
_NAMED = re.compile(
    r"(?i)((?:(?:api|access|account|secret|private|auth|signing|encryption)[ _-]?key|secret|token"
    r"|passwd|password|passwort|passphrase|pwd)\\?[\"']?)"
    r"(?:(\s{0,3}[=:]\s{0,3}\\?)(?:([\"'])[^\"'\n]{6,200}\3|([\"']?)[^\s\"',;]{8,})"
    r"|(\s{1,3}is:?\s{1,3}[\"']?)(?=[^\s\d]{0,64}\d)[^\s\"',;]{8,})"
)
_AT = r"(?:[@＠]|%40|&#64;)"
_EMAIL = re.compile(
    rf"(?<![\w.+-])[\w.+-]++{_AT}(?:[^\W_][\w-]{{0,62}}\.){{1,10}}(?:xn--[A-Za-z0-9-]{{1,59}}|[^\W\d_]{{2,24}})"
)
_BETWEEN = "[ .\\-\xa0\xad\u2009-\u2015\u202f\u2060\ufeff]{0,2}"
"""Between the digits of a card: blanks, dots and dashes, those that cannot be seen too."""

_DIGITS = re.compile(rf"(?<![\d.])\d(?:{_BETWEEN}\d){{12,}}")
_GROUP = re.compile(r"\d+")
_PRINTED = frozenset({(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (4, 4, 5), (8, 8), (6, 13)})
"""Groups in which cards are printed. Source: ISO/IEC 7813, and what issuers print."""

_ISSUED = re.compile(r"2[2-7]|[3-6]|8[12]")
"""How the numbers of payment cards begin. Source: the list of issuers' ranges that ISO/IEC 7812 has assigned."""


def redact(text: str) -> str:
    """The text without what the table above says."""
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub("[private key]", text)
    text = _BEARER.sub(r"\1 [key]", text)
    text = _PREFIXED.sub("[key]", text)
    if "://" in text:
        text = _IN_ADDRESS.sub(r"\1[key]@", text)
    text = _NAMED.sub(_named, text)
    if any(at in text for at in ("@", "＠", "%40", "&#64;")):
        text = _EMAIL.sub("[e-mail]", text)
    return _DIGITS.sub(_cards, text)


def _named(match: re.Match[str]) -> str:
    name, equals, quote, opening, says = match.groups("")
    return f"{name}{equals}{quote or opening}{says}[key]{quote}"


def _cards(match: re.Match[str]) -> str:
    """A run of digits without the cards in it: other numbers may stand before and after, an expiry date or a check code."""
    run = match[0]
    plain = run if run.isascii() else "".join(str(int(sign)) if sign.isdecimal() else sign for sign in run)
    groups = [found.span() for found in _GROUP.finditer(run)]
    kept, copied, at = [], 0, 0
    while at < len(groups):
        end = _card_from(plain, groups, at)
        if end is None:
            at += 1
        else:
            kept += [run[copied : groups[at][0]], "[card number]"]
            copied, at = groups[end - 1][1], end
    return "".join([*kept, run[copied:]])


def _card_from(run: str, groups: list[tuple[int, int]], at: int) -> int | None:
    """Where the card that begins with group ``at`` ends, after the last of its groups; None where there is none."""
    start = groups[at][0]
    if (start and run[start - 1] == ".") or not _ISSUED.match(run, start):
        return None
    sizes: list[int] = []
    for end in range(at, min(at + 19, len(groups))):
        sizes.append(groups[end][1] - groups[end][0])
        length, last = sum(sizes), end + 1
        if length > 19:
            return None
        alone = at == 0 and last == len(groups) and len(set(sizes[:-1])) == 1  # in pairs, or digit by digit
        if length >= 13 and (len(sizes) == 1 or tuple(sizes) in _PRINTED or alone):
            digits = [int(digit) for digit in run[start : groups[end][1]] if digit.isdecimal()]
            if _check_digit_is_right(digits) and run[groups[end][1] : groups[end][1] + 1] != ".":
                return last
    return None


def _check_digit_is_right(digits: list[int]) -> bool:
    """Luhn's formula. Source: ISO/IEC 7812-1, annex B."""
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
