"""``fusion-router init``: a commented router.yaml for the keys found in the environment."""

from collections.abc import Mapping

from router.config.environment import (
    SMALL_VARIABLE,
    STRONG_VARIABLE,
    Choice,
    choices_from_environment,
    local_server,
    name_deployments,
)
from router.dispatch.provider import Target
from router.providers import facts_of, key_of

_HEAD = """\
# fusion-router: which models answer, and when. Check it with: fusion-router check --config router.yaml
# ${NAME} stands for an environment variable in api_key, headers and ledger.url, and nowhere else.
"""

_NO_KEYS = f"""
# No provider key was found in the environment, so this pool stands for two servers of your own. Either write the
# addresses and names of your servers, or set keys and use lines like the commented ones. fusion-router init also
# reads OPENAI_BASE_URL or OLLAMA_HOST, with {SMALL_VARIABLE} and {STRONG_VARIABLE} for the models' names.
# To see the gateway work without key or server: fusion-router demo
"""

_NO_NAMES = f"""
# {{variable}} is {{base}}, but what it serves is not known: write the names of two of its models in place of small-model and
# strong-model. Or set {SMALL_VARIABLE} and {STRONG_VARIABLE} to them, and let fusion-router init write this file again.
"""

_LOCAL_POOL = """
pool:                              # deployments by name; what litellm's table knows need not be given
  local-small: {{model: {small}, api_base: {small_base}, {key}context_window: 32768,
                supports: [tools], price: {{input_usd_per_mtok: 0, output_usd_per_mtok: 0}}}}
  local-strong: {{model: {strong}, api_base: {strong_base}, {key}context_window: 32768,
                 supports: [tools], price: {{input_usd_per_mtok: 0, output_usd_per_mtok: 0}}}}
"""

_EXAMPLE_BASES = ("http://127.0.0.1:8001/v1", "http://127.0.0.1:8002/v1")

_REST = """
# fusion:                          # several models answer at once, a judge writes the answer: dearer and slower
#   enabled: true
#   panel: {panel}
#   judge: {judge}
#   max_cost_usd: 0.50             # per run; above it the run is cut down
#   web:                           # what panelists may use of the web: they ask, the gateway looks it up
#     search: {{provider: searxng, url: "http://127.0.0.1:8888"}}  # or a provider of litellm's, with its api_key
#     fetch: true                  # pages of public addresses; allow_private: [10.2.0.0/16] lets more in

server:
  host: 127.0.0.1                  # 0.0.0.0 lets the network in: then set auth.keys
  port: 8000

# auth:                            # clients send the key, this file keeps only its hash
#   keys:
#     - {{name: my-app, sha256: ""}} # printf %s "$KEY" | sha256sum

# ledger:                          # a row for each request, in ~/.local/state/fusion-router/ledger.db unless said otherwise
#   enabled: true
#   url: sqlite:///ledger.db       # relative to this file; or postgresql://user:${{LEDGER_PASSWORD}}@host/database
#   store_text: none               # none | prompts | all
#   retention_days: 90

# limits:
#   max_in_flight: 512
#   first_byte_s: 60                # of a stream, or a comment that keeps it awake; then the next deployment is tried
#   total_s: 600
"""

_EXAMPLE_KEYS = {"OPENAI_API_KEY": "example", "ANTHROPIC_API_KEY": "example"}


def render_config(env: Mapping[str, str], today: str | None = None) -> str:
    """Write a config for the keys found; without any, one for two local servers, with providers as comments.

    The text never contains a key. Loaded in the same environment it has no complaints.

    Args:
        env: environment variables.
        today: ISO date; models that are turned off by then are not chosen. None asks the clock.
    """
    choices = choices_from_environment(env, today)
    small = [choice.small for choice in choices if choice.small is not None]
    strong = [choice.strong for choice in choices if choice.strong is not None]
    if not small or not strong:
        return _HEAD + _local_pool(env) + _example_lines(today) + _routing(["local-small"], ["local-strong"])
    named = name_deployments([*small, *strong])
    name_of = {target.deployment.model: name for name, target in named.items()}
    return _HEAD + _pool(choices, named, env) + _routing(_names(small, name_of), _names(strong, name_of))


def _pool(choices: list[Choice], named: Mapping[str, Target], env: Mapping[str, str]) -> str:
    found = "".join(f"#   {choice.why}\n" for choice in choices)
    pool = "".join(f"  {_quoted(name)}: {_entry(target, env)}\n" for name, target in named.items())
    head = "pool:                              # deployments by name; prices and windows come from litellm's table\n"
    return f"\n# Found in the environment:\n{found}\n{head}{pool}"


def _local_pool(env: Mapping[str, str]) -> str:
    """The pool of the local server that the environment names, or of two examples, with names to be filled in."""
    server = local_server(env)
    variable, provider, base = server or ("", "openai", "")
    small_base, strong_base = (base, base) if server is not None else _EXAMPLE_BASES
    has_key = server is not None and key_of(provider, env) is not None
    return (_NO_NAMES.format(variable=variable, base=base) if server is not None else _NO_KEYS) + _LOCAL_POOL.format(
        small=_quoted(f"{provider}/{env.get(SMALL_VARIABLE) or 'small-model'}"),
        strong=_quoted(f"{provider}/{env.get(STRONG_VARIABLE) or 'strong-model'}"),
        small_base=_quoted(small_base),
        strong_base=_quoted(strong_base),
        key='api_key: "${OPENAI_API_KEY}", ' if has_key else "",
    )


def _example_lines(today: str | None) -> str:
    targets = [target for c in choices_from_environment(_EXAMPLE_KEYS, today) for target in (c.small, c.strong)]
    named = name_deployments([target for target in targets if target is not None])
    return "".join(f"  # {_quoted(name)}: {_entry(target, {})}\n" for name, target in named.items())


def _routing(small: list[str], strong: list[str]) -> str:
    panel = list(dict.fromkeys([*strong, *small]))[:3]
    return f"""
routing:
  small: {_list(small)}  # the first is preferred, the rest are fallbacks
  strong: {_list(strong)}
  mode: balanced                   # cost | balanced | quality
  baseline: {_quoted(strong[0])}  # what savings are measured against
  # aliases: {{gpt-4o: auto}}        # for clients that cannot change their model name

# A deployment whose model the classifier does not know may say which known one it answers like, for the estimated success
# in fusion-router explain and POST /v1/route: {{model: openai/mine, like: openai/gpt-4o-mini}}. fusion-router check tells.
{_REST.format(panel=_list(panel), judge=_quoted(strong[0]))}"""


def _names(targets: list[Target], name_of: Mapping[str, str]) -> list[str]:
    return [name_of[target.deployment.model] for target in targets]


def _entry(target: Target, env: Mapping[str, str]) -> str:
    """A deployment as a flow mapping; local servers with their address, and a price to fill in."""
    facts = facts_of(target.provider)
    parts = [f"model: {_quoted(target.deployment.model)}"]
    if target.api_base != facts.api_base and target.api_base is not None:
        parts.append(f"api_base: {_quoted(target.api_base)}")
        if target.api_key and key_of("openai", env) == ("OPENAI_API_KEY", target.api_key):
            parts.append('api_key: "${OPENAI_API_KEY}"')
    comment = "" if target.deployment.price else "  # add price: {input_usd_per_mtok: 0, output_usd_per_mtok: 0}"
    return "{" + ", ".join(parts) + "}" + comment


def _list(names: list[str]) -> str:
    return "[" + ", ".join(map(_quoted, names)) + "]"


def _quoted(text: str) -> str:
    """Quote what YAML would read as something else than this text."""
    plain = text and text[0].isalpha() and all(c.isalnum() or c in "-_./" for c in text)
    words = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    return text if plain and text.lower() not in words else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
