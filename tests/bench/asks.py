"""What the benchmarks send: prompts of about 200 tokens, all different, so that nobody answers from a cache.

The gateway keeps what it said of the last ``MOST_JUDGED`` turns. ``DIFFERENT`` prompts one after another are eight times as
many, so that each is judged anew when it comes round again.
"""

import random

import orjson

from router.judging import MOST_JUDGED

KEY = "sk-bench"
TOKENS = 200
DIFFERENT = 8 * MOST_JUDGED
_TEXT = (
    "please explain how a small team could plan write test and ship the next version of their billing service when "
    "customers in several countries need invoices taxes refunds and reports that agree with the ledger every month "
    "while the database grows the old reports stay readable and nobody has to work at night or over the weekend"
)


def chat_bodies(count: int, model: str = "auto", seed: int = 1, **more: object) -> list[bytes]:
    """Chat requests whose prompts have about ``TOKENS`` tokens: common English words, one token each."""
    dice = random.Random(seed)

    def body() -> bytes:
        text = " ".join(dice.choices(_TEXT.split(), k=TOKENS))
        messages = [{"role": "system", "content": "You are helpful."}, {"role": "user", "content": text}]
        return orjson.dumps({"model": model, "messages": messages, **more})

    return [body() for _ in range(count)]


def http_request(body: bytes) -> bytes:
    """The bytes of a POST to the chat endpoint."""
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s" % (KEY.encode(), len(body), body)
    )
