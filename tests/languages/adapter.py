"""A process of a made-up language: it speaks the line protocol with the standard library alone."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

OFFERS = [
    {"name": "echo", "description": "Give back what came.", "accepts": ["raw", "json"]},
    {"name": "named", "description": "Give back the keyword arguments."},
    {"name": "pid"},
    {"name": "fail"},
    {"name": "die"},
    {"name": "chatter"},
    {"name": "hang"},
]


def said(message: dict[str, object], data: bytes = b"") -> None:
    text = json.dumps(message).encode()
    sys.stdout.buffer.write(b"%d %b\n%b" % (len(text), text, data))
    sys.stdout.buffer.flush()


def answer(call: dict[str, object], attachments: list[bytes]) -> None:
    number, function = call["call"], call["function"]
    args = call["arguments"]
    assert isinstance(args, list)
    if function == "echo" and "codec" in args[0]:
        codec, data = args[0]["codec"], attachments[args[0]["attachment"]]
        words = {"codec": codec, "attachment": 0, "attachments": [len(data)]}
        said({"call": number, **words}, data)
    elif function == "echo":
        said({"call": number, "value": args[0]["value"]})
    elif function == "named":
        said({"call": number, "value": {each["name"]: each["value"] for each in args}})
    elif function == "pid":
        said({"call": number, "value": os.getpid()})
    elif function == "fail":
        error = {"type": "Condition", "message": "too wet", "traceback": "in rain(1)\nin sky(2)"}
        said({"call": number, "error": error})
    elif function == "die":
        print("the last words", file=sys.stderr)
        sys.exit(7)
    elif function == "chatter":
        print("hello, people")
        sys.stdout.flush()
    elif function == "hang":
        Path(args[0]["value"]).write_text(str(os.getpid()))
        time.sleep(1000)


said({"hello": {"protocol": 1, "version": "0.1", "functions": OFFERS, "decodes": ["json"]}})
for line in sys.stdin.buffer:
    request = json.loads(line.partition(b" ")[2])
    parts = [sys.stdin.buffer.read(length) for length in request["attachments"]]
    answer(request, parts)
