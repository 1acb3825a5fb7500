"""What was pasted into a prompt, and what is asked of it: retrieved passages, documents, conversations.

How hard a request is depends on what it asks, not on what it brings along. But a request that is cut away is worse than
material that is read: only where the question is marked as such, or the material has an end, is anything left out.
"""

import re

# Characters at either end of a long text in which labels are looked for, so that the cost is bounded.
_WINDOW = 3_000
# Characters at the end of a long text in which a pasted block may end.
_BLOCK_WINDOW = 50_000
# Characters at the start in which a text without labels says that material follows.
_OPENING_CHARS = 600
# Characters of a last paragraph that asks.
_ASK_CHARS = 600
# Characters of a last paragraph that may ask without being a question; passages are longer.
_INSTRUCTION_CHARS = 300
# Characters of material behind a request that need not be a question, and what shows that it is not prose.
_PROSE_CHARS = 1_000
_CODE = ("{", ";\n", "\n    ", "\n\t", "\n- ", "\n* ")
# Characters of a line in which its label ends.
_LABEL_CHARS = 80
# Characters that what is said of pasted material has at least.
_LEAST_ASK = 10

_MATERIAL_NOUNS = (
    r"context(?:e|o)?|contesto|kontext|documents?|passages?|sources?(?! code)|excerpts?|articles?|search results?|knowledge base"
    r"|transcript|контекст|上下文|背景|コンテキスト|문맥"
)
_QUESTION_NOUNS = (
    r"(?:user |user's |my |the )?(?:question|query)|frage|pregunta|pergunta|domanda|вопрос|问题|問題|質問|질문"
)
# How lines begin that may be labels: a cheap test saves most texts the patterns.
_MATERIAL_STARTS = (
    "context", "kontext", "contesto", "document", "passage", "source", "excerpt", "article", "search result", "knowledge base",
    "transcript", "relevant ", "retrieved ", "following ", "the ", "given ", "provided ", "контекст", "上下文", "背景",
    "コンテキスト", "문맥",
)  # fmt: skip
_QUESTION_STARTS = (
    "question", "query", "user question", "user query", "user's ", "my question", "the question", "frage", "pregunta",
    "pergunta", "domanda", "вопрос", "问题", "問題", "質問", "질문",
)  # fmt: skip
_ANSWERERS = ("assistant", "ai", "bot", "model", "agent")
# The first two letters of all of those: a cheaper test still.
_FIRST_TWO = {start[:2] for start in (*_MATERIAL_STARTS, *_QUESTION_STARTS, *_ANSWERERS)}
_BEFORE_LABEL = " \t#*>"
# Tags around material, and around what is asked of it; none that HTML has.
_BLOCK = re.compile(
    r"\n[ \t]{0,8}<(context|documents?|docs?|passages?|sources|excerpts?|search_results?|retrieved\w{0,20}"
    r"|knowledge\w{0,20}|transcript|chunks?|snippets?)\b[^<>\n]{0,200}>",
    re.IGNORECASE,
)
_ASKED_START = re.compile(r"<((?:user_?)?(?:query|question))>", re.IGNORECASE)
_ASKED_END = re.compile(r"</((?:user_?)?(?:query|question))>", re.IGNORECASE)
_LEAST_ASKED, _MOST_ASKED = 5, 3_000
# These begin with a line end, which is searched for several times as fast as the beginning of a line. No two repeats in
# them may share a character: blank lines by the thousand would take minutes.
_LABEL = r"\n[ \t]{0,3}[#*>]{0,4}[ \t]{0,3}"
_COLON = r"\*{0,2}[ \t]?[:\uff1a]\*{0,2}"
_MATERIAL = re.compile(
    rf"{_LABEL}(?:(?:the|relevant|retrieved|following|given|provided) ){{0,3}}(?:{_MATERIAL_NOUNS})\b[ \t\w]{{0,20}}{_COLON}",
    re.IGNORECASE,
)
# The same with nothing more on its line.
_MATERIAL_ALONE = re.compile(rf"{_MATERIAL.pattern}[ \t]{{0,3}}(?=\n)", re.IGNORECASE)
_QUESTION = re.compile(rf"{_LABEL}(?:{_QUESTION_NOUNS}){_COLON}\s*", re.IGNORECASE)
_MENTION = re.compile(rf"\b(?:{_MATERIAL_NOUNS})\b", re.IGNORECASE)
# A passage in a numbered list, and words that point at one: "Using the sources above, answer:".
_NUMBERED = re.compile(r"\n\[\d{1,3}\][ :][^\n]*")
_POINTER = re.compile(
    r"\n[^\n:]{0,60}\b(?:above|context|sources?|documents?|passages?|excerpts?)\b[^\n:]{0,40}:[^\S\n]*", re.IGNORECASE
)

# A line of a transcript that names who speaks and then says something; those of them who answer; where it ends.
_TURN = re.compile(
    r"^[ \t>*]{0,4}(user|human|customer|you|assistant|ai|bot|model|agent)\**[ \t]{0,2}:[ \t*]{0,4}(?=[^\s*])",
    re.IGNORECASE | re.MULTILINE,
)
_TRANSCRIPT_END = re.compile(r"\n[ \t]{0,8}(?:</|```|###|\[/)")
_LEAST_SAID = 20


def labelled_lines(text: str) -> list[str]:
    """How the lines begin that may have a label, of a long text those at its start."""
    if ":" not in text and "\uff1a" not in text:
        return []
    head = text if len(text) <= 2 * _WINDOW else text[:_WINDOW]
    lines = [line[:_LABEL_CHARS] for line in head.split("\n") if ":" in line or "\uff1a" in line]
    return [line for line in lines if line.lstrip(_BEFORE_LABEL)[:2].lower() in _FIRST_TWO]


def without_material(text: str, lines: list[str]) -> tuple[str, int]:
    """What a text asks, without passages and documents that it brings along, and how many characters those have.

    ``lines`` are its :func:`labelled_lines`.
    """
    head, tail = (text, text) if len(text) <= 2 * _WINDOW else (text[:_WINDOW], text[-_WINDOW:])
    # one character is found several times as fast as two
    has_block = "<" in text and ("</" in tail or (tail is not head and "</" in head))
    has_material = any(_MATERIAL.match(f"\n{line}") for line in _beginning(lines, _MATERIAL_STARTS))
    asks = bool(_beginning(lines if tail is head else labelled_lines(tail), _QUESTION_STARTS))
    asks = asks or (has_material and bool(_beginning(lines, _QUESTION_STARTS)))
    is_numbered = "[" in head and "[1]" in head
    if not (has_block or asks or has_material or is_numbered):
        return text, 0
    whole = f"\n{text}"
    head, tail = (whole, whole) if tail is head else (whole[: _WINDOW + 1], whole[-_WINDOW:])
    ask = _around_block(whole, head, tail) if has_block else ""
    if not ask and asks:
        ask = _under_label(head, tail, whole)
    if not ask and has_material:
        ask = _around_label(whole, head)
    if not ask and is_numbered:
        ask = _around_numbered(head, tail)
    return (ask, len(text) - len(ask)) if len(ask) >= _LEAST_ASK else (text, 0)


def _beginning(lines: list[str], starts: tuple[str, ...]) -> list[str]:
    """The lines whose label begins with one of ``starts``."""
    return [line for line in lines if line.lstrip(_BEFORE_LABEL)[:16].lower().startswith(starts)]


def _around_block(text: str, head: str, tail: str) -> str:
    """What stands around the tags of a block, or within those of a question; empty where there is no block."""
    start = _BLOCK.search(head)
    if not start:
        return ""
    closing = f"</{start[1]}>"
    stop = text.rfind(closing, max(start.end(), len(text) - _BLOCK_WINDOW))
    if stop < 0:
        return ""
    asked = _between_tags(tail) or _between_tags(head)
    if asked:
        return asked
    before, after = text[: start.start()], "\n" + text[stop + len(closing) :].strip()
    label = _QUESTION.match(after)
    return after[label.end() :] if label else _joined(before, after)


def _between_tags(text: str) -> str:
    """What stands between the last tags of a question; empty where there are none."""
    *_, end = (None, *_ASKED_END.finditer(text))
    if end is None:
        return ""
    before = _ASKED_START.finditer(text, 0, end.start())
    *_, start = (None, *(tag for tag in before if tag[1].lower() == end[1].lower()))
    if start is None or not _LEAST_ASKED <= end.start() - start.end() <= _MOST_ASKED:
        return ""
    return text[start.end() : end.start()].strip()


def _under_label(head: str, tail: str, text: str) -> str:
    """What stands under the last label of a question, where there are signs of material; empty where there are none."""
    *_, last = (None, *_QUESTION.finditer(tail))
    if last is None or (last.start() == 0 and tail is head):
        first = _QUESTION.search(head)  # the material comes behind it, and may be longer than the windows
        behind = _MATERIAL.search(head, first.end()) if first else None
        return head[first.end() : behind.start()].strip() if first and behind else ""
    behind = _MATERIAL.search(tail, last.end())
    if behind:
        return tail[last.end() : behind.start()].strip()
    before = len(text) - len(tail) + last.start()
    if _MATERIAL.search(head, 0, before) or _MENTION.search(head, 0, min(before, _OPENING_CHARS)):
        return tail[last.end() :].strip()
    return ""


def _around_label(text: str, head: str) -> str:
    """What stands before a label of material and in a last paragraph that asks, where one of them is a question.

    What stands before is also all that is asked where nothing but long prose follows.
    """
    material = _MATERIAL_ALONE.search(head)
    if not material or "```" in head:
        return ""
    before = text[: material.start()].strip()
    paragraph = text[max(material.end(), len(text) - _ASK_CHARS) :].rpartition("\n\n")
    last = paragraph[2].strip() if paragraph[1] else ""
    if not last.endswith("?") and (len(last) > _INSTRUCTION_CHARS or _NUMBERED.match(f"\n{last}")):
        last = ""  # one more passage
    is_prose = not any(map(head[material.end() :].__contains__, _CODE))
    only_prose = not last and is_prose and len(text) - material.end() >= _PROSE_CHARS
    return _joined(before, last) if before.endswith("?") or last.endswith("?") or only_prose else ""


def _around_numbered(head: str, tail: str) -> str:
    """What stands around a numbered list of passages, or behind words that point at it; empty where there is none."""
    passages = list(_NUMBERED.finditer(head))
    if not passages:
        return ""
    before = head[: passages[0].start()]
    *_, pointer = (None, *_POINTER.finditer(tail, passages[0].end() if tail is head else 0))
    if pointer:
        return _joined(before, tail[pointer.end() :])
    *_, last = (None, *_NUMBERED.finditer(tail))
    after = tail[last.end() :].partition("\n\n")[2].strip() if last and len(passages) > 1 else ""
    return _joined(before, after) if after else ""


def _joined(before: str, after: str) -> str:
    """What stands on either side of what is left out."""
    return f"{before.strip()}\n{after.strip()}".strip()


def without_transcript(view: str, lines: list[str]) -> tuple[str, int]:
    """The text without a conversation pasted into it, as chat clients do who ask for its title, and what was left out.

    A conversation whose last word is a person's, or that nothing else is said of, is what is asked and stays.
    ``lines`` are its :func:`labelled_lines`.
    """
    if not _beginning(lines, _ANSWERERS):
        return view, 0
    turns = list(_TURN.finditer(view))
    speakers = [turn[1].lower() in _ANSWERERS for turn in turns]
    if len(turns) < 2 or not speakers[-1] or all(speakers):
        return view, 0
    end = _TRANSCRIPT_END.search(view, turns[-1].end())
    stop = end.start() if end else len(view)
    rest = f"{view[: turns[0].start()]}\n{view[stop:]}"
    if len(rest.strip()) < _LEAST_SAID:
        return view, 0
    return rest, stop - turns[0].start()
