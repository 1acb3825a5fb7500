"""A program: HTML on standard input, its title and readable text as JSON on standard output.

Run by path, by ``page``, with nothing of the gateway's in its environment; it imports nothing of the gateway's either.
"""

import json
import sys
from typing import Any

CPU_S = 5
MEMORY_BYTES = 1 << 30
MAX_TEXT_CHARS = 200_000


def read(html: str) -> dict[str, str]:
    """The title, and the text without menus, banners and scripts."""
    import trafilatura

    tree: Any = trafilatura.load_html(html)
    if tree is None:
        return {"title": "", "text": ""}
    title = tree.findtext(".//title") or ""
    text = trafilatura.extract(tree, include_comments=False, output_format="txt") or trafilatura.html2txt(html)
    return {"title": title[:1000], "text": text[:MAX_TEXT_CHARS]}


def main() -> None:
    """Read one page, within limits where the system knows any; whoever started this ends it in time anyway."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    found = read(sys.stdin.buffer.read().decode("utf-8", "replace"))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
