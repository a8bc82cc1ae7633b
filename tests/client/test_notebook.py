"""In a notebook: synchronous calls work in its cells, and progress is drawn in a widget."""

from __future__ import annotations

import nbclient
import nbformat

WITHOUT_WIDGETS = """
import sys

sys.modules["ipywidgets"] = None
"""
CELL = """
from gdistributed import Client, progress

client = Client({address!r})
futures = client.map(abs, range(-50, 0)) + client.map(hex, range(30))
progress(futures)
print(client.gather(futures)[0])
client.close()
"""


def test_progress_is_drawn_in_a_widget(address: str) -> None:
    cell = nbformat.v4.new_code_cell(CELL.format(address=address))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    printed = "".join(each.get("text", "") for each in cell.outputs)
    assert printed.endswith("50\n")
    widgets = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    drawn = str([widget["state"].get("value") for widget in widgets.values()])
    assert all(text in drawn for text in ("abs", "50/50", "30/30", "80/80 done in"))


def test_progress_is_plain_html_where_there_are_no_widgets(address: str) -> None:
    cell = nbformat.v4.new_code_cell(WITHOUT_WIDGETS + CELL.format(address=address))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    (drawn,) = (each["data"]["text/html"] for each in cell.outputs if "data" in each)
    assert all(text in drawn for text in ("abs", "50/50", "30/30", "80/80 done in"))
