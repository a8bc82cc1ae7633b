"""A network of our own for tests: a namespace for each host, and cuts between them.

All hosts hang on a bridge in a namespace that nobody else uses, and so does this process. The
machine's own network is not touched, but for one interface that comes and goes with the network.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from contextlib import ExitStack
from typing import Final

import psutil
import pytest

from tests.processes import GdProcess, started
from tests.tools import require

PREFIX: Final = "gdtest"
# For measurements of networks (RFC 2544): nobody's real network.
SUBNETS: Final = "198.18"
HERE: Final = "here"

CHAINS: Final = """
table inet cuts {
    chain incoming { type filter hook input priority 0; policy accept; }
    chain outgoing { type filter hook output priority 0; policy accept; }
}
"""


class Network:
    """Hosts on one network, with this process among them as the host "here".

    Parameters
    ----------
    cleanup
        Takes everything away at its end.

    Attributes
    ----------
    interface
        Name of this process's own interface in the network.

    Raises
    ------
    pytest.skip.Exception
        If this process may not make namespaces.
    """

    def __init__(self, cleanup: ExitStack) -> None:
        if os.geteuid() != 0:
            pytest.skip("network namespaces are not permitted here: they need root")
        self._ip = require("ip", "make test installs it (Debian: iproute2)")
        self._nft = require("nft", "make test installs it (Debian: nftables)")
        self._cleanup = cleanup
        self._name = f"{PREFIX}-{os.getpid()}"
        self._hosts: dict[str, str] = {}
        self._remove_old()
        self._add_namespace("hub")
        self._run_in("hub", "ip", "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        self._run_in("hub", "ip", "link", "set", "bridge", "up")
        self._subnet = f"{SUBNETS}.{self._free_number()}"
        self._connect(HERE, None)

    def host(self, name: str) -> str:
        """Add a host; its address."""
        self._add_namespace(name)
        self._run_in(name, "ip", "link", "set", "lo", "up")
        self._connect(name, self._namespace(name))
        self._run_in(name, "nft", "-f", "-", text=CHAINS)
        return self._hosts[name]

    def start(self, host: str, *arguments: str) -> GdProcess:
        """Start a `gd` command on a host, ended with the network."""
        before = (self._ip, "netns", "exec", self._namespace(host))
        return started(self._cleanup, *arguments, before=before)

    def cut(self, host: str, other: str) -> None:
        """Lose all that two hosts send each other, without a word."""
        self.cut_one_way(other, host)
        self._rule(host, "outgoing", f"ip daddr {self._hosts[other]} drop")

    def cut_one_way(self, sender: str, receiver: str) -> None:
        """Lose all that one host sends to another."""
        self._rule(receiver, "incoming", f"ip saddr {self._hosts[sender]} drop")

    def reset(self, host: str, other: str) -> None:
        """Answer whatever two hosts send each other with a reset of the connection."""
        answer = "meta l4proto tcp reject with tcp reset"
        self._rule(host, "incoming", f"ip saddr {self._hosts[other]} {answer}")
        self._rule(host, "outgoing", f"ip daddr {self._hosts[other]} {answer}")

    def heal(self) -> None:
        """End all cuts."""
        for host in self._hosts:
            if host != HERE:
                self._run_in(host, "nft", "flush", "table", "inet", "cuts")

    def _rule(self, host: str, chain: str, rule: str) -> None:
        self._run_in(host, "nft", "add", "rule", "inet", "cuts", chain, *rule.split())

    def _namespace(self, name: str) -> str:
        return f"{self._name}-{name}"

    def _add_namespace(self, name: str) -> None:
        namespace = self._namespace(name)
        done = subprocess.run(
            [self._ip, "netns", "add", namespace], capture_output=True, text=True, check=False
        )
        if done.returncode and re.search("not permitted|denied", done.stderr):
            pytest.skip(f"network namespaces are not permitted here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        self._cleanup.callback(self._run, self._ip, "netns", "delete", namespace)

    def _connect(self, name: str, namespace: str | None) -> None:
        """Give a host an interface with an address, the other end of which is at the bridge."""
        number = len(self._hosts) + 1
        inside, outside = f"gd{os.getpid()}i{number}", f"gd{os.getpid()}o{number}"
        if namespace is None:
            self.interface = inside
        hub = self._namespace("hub")
        place = ("netns", namespace) if namespace else ()
        self._run(
            self._ip, "link", "add", inside, *place,
            "type", "veth", "peer", "name", outside, "netns", hub,
        )  # fmt: skip
        if namespace is None:  # it goes with the hub too, but only after a while
            self._cleanup.callback(self._run, self._ip, "link", "delete", inside)
        self._run_in("hub", "ip", "link", "set", outside, "master", "bridge", "up")
        address = f"{self._subnet}.{number}"
        within = (self._ip, "-n", namespace) if namespace else (self._ip,)
        self._run(*within, "address", "add", f"{address}/24", "dev", inside)
        self._run(*within, "link", "set", inside, "up")
        self._hosts[name] = address

    def _free_number(self) -> int:
        """Return the number of a subnet that is not in use on this machine."""
        known = json.loads(self._run(self._ip, "-json", "address"))
        used = {each["local"].rsplit(".", 1)[0] for one in known for each in one["addr_info"]}
        free = [number for number in range(256) if f"{SUBNETS}.{number}" not in used]
        return random.choice(free)

    def _remove_old(self) -> None:
        """Take away what killed test processes have left."""
        for line in self._run(self._ip, "netns", "list").splitlines():
            match = re.match(rf"({PREFIX}-(\d+)-\w+)", line)
            if match and not psutil.pid_exists(int(match[2])):
                self._run(self._ip, "netns", "delete", match[1])

    def _run_in(self, host: str, program: str, *arguments: str, text: str = "") -> str:
        path = {"ip": self._ip, "nft": self._nft}[program]
        enter = (self._ip, "netns", "exec", self._namespace(host))
        return self._run(*enter, path, *arguments, text=text)

    def _run(self, *command: str, text: str = "") -> str:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout
