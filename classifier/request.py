"""What a prompt asks for, set apart by its form from the material that it brings along without a label.

"Which port does the container listen on?" over a page of YAML is an easy request. What stands first or last in a prompt,
is short and is set apart by a blank line, a fence, a line of marks or a line's end may be all that is asked. Whether it is,
the classifier judges: a problem with its statement has the same form.
"""

import re

# Characters and lines of a part that asks; longer ones are texts.
MOST_CHARS = 400
_MOST_LINES = 4
# Characters of the shorter part where only one of two can be what asks.
_LEAST_ASKED = 15
# Characters that a text with material has at least, and how many times as long as what it asks it is.
_LEAST_CHARS = 80
_LEAST_SHARE = 1.5
# Line ends of a text without blank lines whose first or last line may ask, and marks by which it may where there are fewer.
_LEAST_LINE_ENDS = 3
_ASKING_ENDS = ("?", ":", "\uff1f", "\uff1a")
# A line that separates: blank, or marks, a fence or a tag by itself.
_SEPARATOR = re.compile(r"\n(?:[ \t]*(?:[-=~*#_+]{3,}|[\"']{3}|```[^\n]{0,20}|</?[a-zA-Z][^<>\n]{0,40}>))?[ \t]*(?=\n)")
# A last line behind which the answer is to begin: "Label:".
_ANSWER_LABEL = re.compile(r"\n[^\n:\uff1a]{1,30}[:\uff1a]$")
# What shows that a few lines are a table, code, or the head of a letter.
_MATERIAL = ("\t", " | ", "   ", "();", "=>", "```", "</")
_CODE_ENDS = (";", "{", "}", ",", "(", ")")
_LETTER_HEAD = re.compile(r"(?:^|\n)[\w-]{2,12}: [^\n]+\n[\w-]{2,12}: ")


def request_of(text: str) -> str:
    """What is asked in a text that brings material along; empty where nothing is set apart from the rest."""
    if len(text) < _LEAST_CHARS or "\n" not in text:
        return ""
    text = text.strip()
    label = _ANSWER_LABEL.search(text, max(len(text) - MOST_CHARS, 0))
    text = text[: label.start()] if label else text
    asked = [part for part in (_opening(text), _closing(text)) if part and _may_ask(part)]
    request = "\n".join(asked)
    if _LEAST_SHARE * len(request) >= len(text):  # the longer part is the material
        request = min([part for part in asked if len(part) >= _LEAST_ASKED], key=len, default="")
    return request if _LEAST_SHARE * len(request) < len(text) else ""


def _opening(text: str) -> str:
    """What stands before the first separation."""
    head = text[: MOST_CHARS + 1]
    found = _SEPARATOR.search(head)
    return head[: found.start()] if found else _line(text, head.partition("\n")[0])


def _closing(text: str) -> str:
    """What stands behind the last separation."""
    tail = text[-MOST_CHARS - 1 :]
    *_, found = (None, *_SEPARATOR.finditer(tail))
    return tail[found.end() :].strip() if found else _line(text, tail.rpartition("\n")[2])


def _line(text: str, line: str) -> str:
    """A line that may ask, of a text without a blank one: of several lines, or by its mark."""
    if len(line) > MOST_CHARS or "\n\n" in text:
        return ""
    return line if line.rstrip().endswith(_ASKING_ENDS) or text.count("\n") >= _LEAST_LINE_ENDS else ""


def _may_ask(part: str) -> bool:
    """Whether somebody may be asking there; tables, code and heads of letters do not."""
    lines = part.split("\n")
    if len(lines) > _MOST_LINES or any(map(part.__contains__, _MATERIAL)):
        return False
    is_code = len(lines) > 1 and sum([line.rstrip().endswith(_CODE_ENDS) for line in lines]) > 1
    return not is_code and not _LETTER_HEAD.search(part)
