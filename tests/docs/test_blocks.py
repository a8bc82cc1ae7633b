"""The runner of the pages' examples finds what does not hold."""

from __future__ import annotations

from pathlib import Path

from tests.docs.blocks import Block, Command, blocks_of, commands_of, is_as_shown

PAGE = """
# A page

```python
>>> 1 + 1
2
```

```console
$ one \\
    -d x
shown

$ two '{
  }'
```

```python
print(1)
```
"""


def test_blocks_and_commands_are_read_as_a_person_reads_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    session, console, program = blocks_of(page)
    assert (session.is_session, session.is_program) == (True, False)
    assert (program.is_session, program.is_program) == (False, True)
    assert list(commands_of([session, console, program])) == [
        Command("one \\\n    -d x", "shown\n\n"),
        Command("two '{\n  }'", ""),
    ]


def test_dots_stand_for_anything_and_nothing_else_does() -> None:
    assert is_as_shown('{ "id": "4711", "n": 1 }\n', '{\n  "id": "...",\n  "n": 1\n}\n')
    assert not is_as_shown('{ "id": "4711", "n": 2 }\n', '{\n  "id": "...",\n  "n": 1\n}\n')
    assert list(commands_of([Block("python", "$ no")])) == []
