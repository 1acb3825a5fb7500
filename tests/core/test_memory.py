"""The memory of turns and sessions: bounded in number and age."""

from router.core.memory import Memory, Pin


def test_memory_forgets_by_age_and_by_number() -> None:
    memory = Memory(capacity=2, ttl_s=10)
    for key in "abc":
        memory.remember(key, Pin("small", key), 0.0)
    assert memory.recall("a", 1.0) is None
    assert memory.recall("c", 11.0) is None
    assert memory.recall(None, 0.0) is None


def test_what_is_recalled_is_in_use_and_is_kept_for_longer_than_what_is_not() -> None:
    memory = Memory(capacity=2, ttl_s=10)
    memory.remember("a", Pin("small", "a"), 0.0)
    memory.remember("b", Pin("small", "b"), 0.0)
    assert memory.recall("a", 9.0) == Pin("small", "a")
    memory.remember("c", Pin("small", "c"), 9.0)
    assert memory.recall("b", 9.0) is None
    assert memory.recall("a", 18.0) == Pin("small", "a")


def test_a_pin_that_is_only_looked_at_is_kept_no_longer() -> None:
    memory = Memory(capacity=2, ttl_s=10)
    for key in "ab":
        memory.remember(key, Pin("small", key), 0.0)
    assert memory.peek("a", 9.0) == Pin("small", "a")
    assert memory.peek(None, 9.0) is None
    assert memory.peek("a", 11.0) is None
    assert memory.peek("a", 9.0) == Pin("small", "a"), "nor for less"
    memory.remember("c", Pin("small", "c"), 9.0)
    assert memory.recall("a", 9.0) is None, "nor before others"
