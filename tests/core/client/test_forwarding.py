"""A client has the scheduler tell it what tasks print."""

from __future__ import annotations

from tests.core.client.script import Script


def wishes(script: Script) -> list[bool]:
    return [each.forward_output for each in script.said() if each.HasField("forward_output")]


def test_it_is_said_when_it_changes_and_in_each_new_session() -> None:
    script = Script()
    script.submit("x")
    assert wishes(script) == []
    script.brain.forward_output(True)
    assert wishes(script) == [True]
    script.brain.session_began()
    assert wishes(script) == [True]
    script.brain.forward_output(False)
    assert wishes(script) == [False]
    script.brain.session_began()
    assert wishes(script) == []
