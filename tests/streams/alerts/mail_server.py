"""A local SMTP server with STARTTLS, TLS and AUTH PLAIN, whose answers a test may set."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

PASSWORD = "m4il-s3cr3t"


class MailServer:
    """Keeps the mails that it takes. `answers`: what it says to a verb, or to a recipient, in place of its own."""

    def __init__(
        self,
        tls: Literal["starttls", "implicit", "none"] = "none",
        certificate: tuple[Path, Path] | None = None,
        answers: Mapping[str, str] | None = None,
    ) -> None:
        self.tls, self.answers = tls, dict(answers or {})
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.log: list[str] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if certificate:
            self.context.load_cert_chain(*certificate)

    def __enter__(self) -> MailServer:
        """Listen on a loopback port."""
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                """Speak with one client."""
                try:
                    Session(outer, self.request).run()
                except (OSError, EOFError):
                    return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.port = self._server.server_address[1]
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class Session:
    """One connection, by the rules of RFC 5321, 3207 and 4954."""

    def __init__(self, server: MailServer, connection: ssl.SSLSocket) -> None:
        self.server, self.is_secure, self.is_in = server, server.tls == "implicit", False
        self.connection = server.context.wrap_socket(connection, server_side=True) if self.is_secure else connection
        self.file = self.connection.makefile("rb")
        self.sender, self.to = "", list[str]()

    def run(self) -> None:
        """Answer until QUIT."""
        self.say("220 mail.example ready")
        while line := self.file.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            self.server.log.append(verb.upper())
            if not self.act(verb.upper(), rest):
                return

    def act(self, verb: str, rest: str) -> bool:
        """Answer a command; return whether the session goes on."""
        address = rest.partition("<")[2].partition(">")[0]
        set_answer = self.server.answers.get(address) or self.server.answers.get(verb)
        if set_answer == "":
            self.connection.close()
            return False
        if set_answer:
            self.say(set_answer)
            return True
        return {
            "EHLO": self.hello, "STARTTLS": self.start_tls, "AUTH": lambda: self.authorize(rest),
            "MAIL": lambda: self.name_sender(address), "RCPT": lambda: self.name_recipient(address),
            "DATA": self.read_mail, "QUIT": self.leave,
        }.get(verb, lambda: self.say("500 what?"))()  # fmt: skip

    def hello(self) -> bool:
        """Name what the server can do. It takes no password before TLS."""
        can = ["STARTTLS"] if self.server.tls == "starttls" and not self.is_secure else []
        can += ["AUTH PLAIN"] if self.is_secure else []
        return self.say(*[f"250-{name}" for name in ("mail.example", *can)], "250 SIZE 1000000")

    def start_tls(self) -> bool:
        """Begin TLS."""
        self.say("220 go ahead")
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.file, self.is_secure = self.connection.makefile("rb"), True
        return True

    def authorize(self, rest: str) -> bool:
        """Check the password."""
        words = base64.b64decode(rest.partition(" ")[2]).split(b"\0")
        self.is_in = self.is_secure and words == [b"", b"ebbtide", PASSWORD.encode()]
        return self.say("235 welcome" if self.is_in else f"535 no: {words[-1].decode()}")

    def name_sender(self, address: str) -> bool:
        """Take the sender."""
        self.sender = address
        return self.say("250 ok")

    def name_recipient(self, address: str) -> bool:
        """Take a recipient."""
        self.to.append(address)
        return self.say("250 ok")

    def read_mail(self) -> bool:
        """Take a mail, up to the line with a dot."""
        self.say("354 go ahead")
        lines = []
        while (line := self.file.readline()) not in (b".\r\n", b""):
            assert line.endswith(b"\r\n")
            assert len(line) <= 1000
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server.mails.append((self.sender, self.to, b"".join(lines)))
        return self.say("250 taken")

    def leave(self) -> bool:
        """Say goodbye."""
        self.say("221 bye")
        return False

    def say(self, *lines: str) -> bool:
        """Send lines."""
        self.connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
        return True
