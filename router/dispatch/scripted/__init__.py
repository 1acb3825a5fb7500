"""Scripted models: a provider without keys, network or cost, whose every habit is part of its name.

``scripted/NAME?option=value&option=value``: the built-ins (``roster``) are ``small``, ``strong``, the panelists
``flash``, ``scholar`` and ``skeptic``, ``judge``, ``echo`` and ``instant``. The demo, the tests and load tests use
them, in the process (``ScriptedTransport``) or over a socket (``server``). Either way the bytes are interpreted by
``OpenAIProvider``, as those of any other provider.

The options (``script.OPTIONS``; an unknown one is an error that names the nearest):

================== ==========================================================================================
option             does
================== ==========================================================================================
seed               seeds the choice of texts, latencies and failures
reply              answer exactly this text
answer             answer a closed question: a sentence that ends in this value
words              make the text this many words long
echo               answer with the newest message's text (1 or 0)
judge              append an analysis as JSON after the answer (1 or 0)
tool_calls         call this many of the offered tools at once
research           call web_search, web_fetch the first address found, then answer with what it says (1 or 0)
reasoning_tokens   think this many tokens aloud first
cached             share of the prompt's tokens reported as cached
usage              report usage (1 or 0)
context_window     refuse prompts with more tokens than this; 0 is no limit
latency_ms         milliseconds before the first byte: the median
latency_tail       p99 over median of the latency (lognormal); 1 is constant
jitter             latency and speed vary by this share, both ways
tokens_per_second  speed after the first byte; 0 is at once
think_ms           milliseconds of silent thought between a stream's first chunk and the next
keep_alive_ms      send a comment each so many milliseconds of it; 0 is none
fail               go wrong: 400 … 529, content_filter, context_length, empty, malformed, content_type, hang, reset
fail_rate          share of calls that go wrong (alone: with a 500)
fail_times         only the first N calls go wrong (alone: with a 500)
retry_after        seconds in the Retry-After header of a failure
truncate_after     drop the connection after N chunks
error_after        send an error event after N chunks, and end without [DONE]
stall_after        send nothing more after N chunks
================== ==========================================================================================
"""

from router.dispatch.scripted.engine import ScriptEngine
from router.dispatch.scripted.roster import scripted_models, scripted_price, scripted_profile, scripted_script
from router.dispatch.scripted.transport import ScriptedTransport

__all__ = [
    "ScriptEngine",
    "ScriptedTransport",
    "scripted_models",
    "scripted_price",
    "scripted_profile",
    "scripted_script",
]
