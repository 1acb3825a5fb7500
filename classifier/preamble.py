"""What short instructions begin with that says nothing of the task: who answers, and what day it is."""

import re

# Whole words: half of what Russian asks for begins with "вы".
_ROLE = (
    r"(?:(?:you are|you['\u2019]re|(?:you )?act as|du bist|sie sind|tu es|vous êtes|eres|usted es|sei|você é|je bent|jesteś|ты|вы)\b"
    r"|你是|您是|あなたは|당신은)"
)
_DATE = (
    r"(?:(?:today is|today['\u2019]s date is|now is|the (?:current )?(?:date|time) is|heute ist|nous sommes le|hoy es)\b"
    r"|(?:current |today['\u2019]s )?(?:date|time|datetime)[:\uff1a]|今天是)"
)
# A sentence or a line that begins so, up to its end. Of several marks the last ends it: a run of them would be read once for each.
_SENTENCE = r"[^\n。！？]{0,200}?(?:[.!?](?:\s+|$)|[\n。！？]\s*|$)"
_PREAMBLE = re.compile(rf"\s*(?:(?:{_ROLE}|{_DATE}){_SENTENCE}){{1,3}}", re.IGNORECASE)


def behind_preamble(instructions: str) -> str:
    """What stands behind a role and a date; empty where instructions begin with neither, or say no more."""
    found = _PREAMBLE.match(instructions)
    return instructions[found.end() :].strip() if found else ""
