"""`python -m gdistributed` is `gd`."""

from __future__ import annotations

from gdistributed.cli.main import main

if __name__ == "__main__":
    main(prog_name="gd")
