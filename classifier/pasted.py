"""What was pasted into a prompt, and what is asked of it: retrieved passages, documents, conversations.

How hard a request is depends on what it asks, not on what it brings along. Only forms that are common and unmistakable
are told apart; of anything else all is asked.
"""

import re

# Characters at either end of a long text in which labels are looked for, so that the cost is bounded.
_WINDOW = 3_000
# Characters at the end of a long text in which a pasted block may end.
_BLOCK_WINDOW = 50_000
# Characters of the first or last paragraph of a long text that may be all that it asks.
_ASK_CHARS = 600
# Characters beyond which a text is long: its first paragraph may then be all that it asks.
_LONG_CHARS = 1_200
# Characters that what is said of pasted material has at least.
_LEAST_ASK = 10

# How lines begin that may be labels of material, or name who answers in a conversation: a cheap test saves most texts
# the patterns.
_LABELS = (
    "the ", "relevant ", "retrieved ", "following ", "given ", "provided ", "additional ", "context", "document", "passage",
    "source", "article", "excerpt", "search result", "knowledge base", "reference", "background", "transcript", "paragraph",
)  # fmt: skip
_ANSWERERS = ("assistant", "ai", "bot", "model", "agent")
_BLOCK = re.compile(
    r"(?:^|\n)[ \t]{0,8}<(context|documents?|docs?|passages?|sources?|articles?|excerpts?|search_results?|results?|retrieved\w{0,20}"
    r"|knowledge\w{0,20}|references?|background|transcript|text|data|chunks?|snippets?)\b[^<>\n]{0,200}>",
    re.IGNORECASE,
)
_MATERIAL = re.compile(
    r"(?:^|\n)[ \t#*>]{0,8}(?:(?:the|relevant|retrieved|following|given|provided|additional|reference) ){0,3}"
    r"(?:context|documents?|passages?|sources?|articles?|excerpts?|search results?|knowledge base|references?|background"
    r"|transcript|paragraph)\b[^\n:]{0,40}:",
    re.IGNORECASE,
)
# A passage in a numbered list.
_NUMBERED = re.compile(r"(?:^|\n)[ \t]{0,4}\[\d{1,3}\][ :][^\n]*")
# No two repeats in these may share a character: blank lines by the thousand would take minutes.
_QUESTION = re.compile(
    r"\n[^\S\n]{0,8}[#*]{0,4}[^\S\n]{0,4}(?:user |my |the )?(?:question|query|task|instruction|request)s?\*{0,2}\s?:\*{0,2}\s*",
    re.IGNORECASE,
)
# "Using the sources above, answer:" and the like.
_POINTER = re.compile(
    r"\n[^\n:]{0,80}\b(?:above|context|sources?|documents?|passages?|articles?|excerpts?|results?)\b[^\n:]{0,60}:[^\S\n]*",
    re.IGNORECASE,
)
# What the first paragraph of a long text calls the material that follows it.
_MATERIAL_WORD = re.compile(
    r"\b(?:context|documents?|passages?|articles?|excerpts?|sources?|transcript|search results?|paragraphs?|text|e-?mails?"
    r"|reports?|papers?|stor(?:y|ies)|reviews?|notes|minutes)\b",
    re.IGNORECASE,
)

# A line of a transcript that names who speaks and then says something; those of them who answer; where it ends.
_TURN = re.compile(
    r"^[ \t>*]{0,4}(user|human|customer|you|assistant|ai|bot|model|agent)\**[ \t]{0,2}:[ \t*]{0,4}(?=[^\s*])",
    re.IGNORECASE | re.MULTILINE,
)
_TRANSCRIPT_END = re.compile(r"\n[ \t]{0,8}(?:</|```|###|\[/)")
_LEAST_SAID = 20


def without_material(text: str) -> tuple[str, int]:
    """What a text asks, without passages and documents that it brings along, and how many characters those have."""
    head, tail = (text, text) if len(text) <= 2 * _WINDOW else (text[:_WINDOW], text[-_WINDOW:])
    ask = ""
    if "</" in tail or "</" in head:
        ask = _around_block(text, head)
    if not ask and _has_label(head, _LABELS):
        ask = _labelled(text, head, tail)
    if not ask and "[1]" in head:
        ask = _after_numbered(head, tail)
    if not ask and len(text) > _LONG_CHARS:
        ask = _announcement(text)
    return (ask, len(text) - len(ask)) if len(ask) >= _LEAST_ASK else (text, 0)


def _has_label(text: str, labels: tuple[str, ...]) -> bool:
    """Whether a line that has a colon near its start begins with one of ``labels``."""
    return any(line.lstrip(" \t#*>")[:16].lower().startswith(labels) for line in text.split("\n") if ":" in line[:80])


def _around_block(text: str, head: str) -> str:
    """What stands around the tags of a block; empty where there is none."""
    start = _BLOCK.search(head)
    if not start:
        return ""
    closing = f"</{start[1]}>"
    stop = text.rfind(closing, max(start.end(), len(text) - _BLOCK_WINDOW))
    if stop < 0:
        return ""
    before, after = text[: start.start()].strip(), text[stop + len(closing) :].strip()
    label = _QUESTION.match("\n" + after)
    return after[label.end() - 1 :] if label else f"{before}\n{after}".strip()


def _labelled(text: str, head: str, tail: str) -> str:
    """What asks about labelled material: what is labelled so, or else a last paragraph that asks, or what stands before.

    Empty where there is no label of material.
    """
    material = _MATERIAL.search(head)
    if not material:
        return ""
    behind = max(material.end() - (len(text) - len(tail)), 0)
    for pattern in (_QUESTION, _POINTER):
        *_, last = (None, *pattern.finditer(tail, behind))
        if last:
            return tail[last.end() :].strip()
    paragraph = text[-_ASK_CHARS:].rpartition("\n\n")
    if paragraph[1] and paragraph[2].rstrip().endswith("?"):
        return paragraph[2].strip()
    return text[: material.start()].strip()


def _after_numbered(head: str, tail: str) -> str:
    """What follows a numbered list of passages and the words that point at it; empty where there is none."""
    if not _NUMBERED.search(head):
        return ""
    *_, pointer = (None, *_POINTER.finditer(tail))
    if pointer:
        return tail[pointer.end() :].strip()
    *others, last = (None, *_NUMBERED.finditer(tail))
    return tail[last.end() :].partition("\n\n")[2].strip() if last and any(others) else ""


def _announcement(text: str) -> str:
    """The first paragraph of a long text, if it is short and names what follows it; empty otherwise."""
    first = text[:_ASK_CHARS].partition("\n\n")
    names = first[1] and first[0].rstrip().endswith((":", "?")) and _MATERIAL_WORD.search(first[0])
    return first[0].strip() if names else ""


def without_transcript(view: str) -> tuple[str, int]:
    """The text without a conversation pasted into it, as chat clients do who ask for its title, and what was left out.

    A conversation whose last word is a person's, or that nothing else is said of, is what is asked and stays.
    """
    if not _has_label(view, _ANSWERERS):
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
