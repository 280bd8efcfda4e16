"""Runs hobnob under irctest, a suite for IRC servers (https://github.com/progval/irctest). In its folder:

    PYTHONPATH=/path/to/hobnob/tests/irc pytest --controller irctest_controller \
        -m 'not services and not implementation-specific and not deprecated'

The program is `hobnob` in PATH, or what HOBNOB names.
"""

import os
import shutil
from typing import Any, Optional, Set, Type

from irctest.basecontrollers import BaseServerController
from irctest.runner import NotImplementedByController


class HobnobController(BaseServerController):
    software_name = "hobnob"
    supported_sasl_mechanisms: Set[str] = set()
    supports_sts = False
    _port_wait_interval = 0.01

    def run(
        self,
        hostname: str,
        port: int,
        *,
        password: Optional[str],
        ssl: bool,
        run_services: bool,
        faketime: Optional[str],
        websocket_hostname: Optional[str] = None,
        websocket_port: Optional[int] = None,
        **kwargs: Any,
    ) -> None:
        if ssl:
            raise NotImplementedByController("TLS")
        if run_services:
            raise NotImplementedByController("services")
        assert self.proc is None
        self.hostname = hostname
        self.port = port
        irc = f"irc://{hostname}:{port}?name=My.Little.Server&operator=operuser:operpassword"
        if password:
            irc += f"&password={password}"
        command = [os.environ.get("HOBNOB", "hobnob"), "serve", "--drain-hard", "0s", "--listen", irc]
        if websocket_port is not None:
            command += ["--listen", f"http://{websocket_hostname}:{websocket_port}"]
        if faketime and shutil.which("faketime"):
            command = ["faketime", "-f", faketime, *command]
            self.faketime_enabled = True
        self.proc = self.execute(command)


def get_irctest_controller_class() -> Type[HobnobController]:
    return HobnobController
