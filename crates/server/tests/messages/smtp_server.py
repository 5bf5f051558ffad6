"""A mail server that keeps what it gets as JSON files, and is as difficult as the recipient's name asks for.

usage: smtp_server.py PORT FOLDER [--tls starttls|tls --cert FILE --key FILE] [--login USER:PASSWORD]

Names: refused… 550 at once · busyN… 450 the first N times · spam… 554 after the message · slow… keeps silent for three
seconds after the message, then takes it. It says "ready PORT" once it listens.
"""

import argparse
import asyncio
import collections
import email
import email.policy
import json
import os
import re
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Mailbox:
    def __init__(self, folder):
        self.folder = folder
        self.met = collections.Counter()
        self.count = len(os.listdir(folder))

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name.startswith("refused"):
            return f"550 5.1.1 <{address}>: there is no such user"
        busy = re.match(r"busy(\d+)", name)
        if busy and self.met[address] < int(busy[1]):
            self.met[address] += 1
            return "450 4.2.1 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        name = envelope.rcpt_tos[0].split("@")[0]
        if name.startswith("spam"):
            return "554 5.7.1 not wanted"
        if name.startswith("slow"):
            await asyncio.sleep(3)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {header.lower(): str(value) for header, value in mail.items()},
            "text": mail.get_content().rstrip("\r\n"),
            "peer": session.peer[1],
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "user": (session.auth_data or b"").decode() if session.authenticated else None,
        }
        self.count += 1
        unfinished = os.path.join(self.folder, f".{self.count}")
        with open(unfinished, "w") as file:
            json.dump(kept, file)
        os.rename(unfinished, os.path.join(self.folder, f"{self.count:04}.json"))
        return "250 OK"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("folder")
    parser.add_argument("--tls")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--login")
    given = parser.parse_args()
    context = None
    if given.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.cert, given.key)
    options = {"hostname": "mail.test", "enable_SMTPUTF8": True}
    if given.tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if given.login:
        user, password = given.login.encode().split(b":")

        def check(server, session, envelope, mechanism, data):
            return AuthResult(success=(data.login, data.password) == (user, password), handled=False, auth_data=data.login)

        options |= {"authenticator": check, "auth_required": True, "auth_require_tls": given.tls == "starttls"}
    mailbox = Mailbox(given.folder)
    listen = asyncio.get_running_loop().create_server(
        lambda: SMTP(mailbox, **options),
        "127.0.0.1",
        given.port,
        ssl=context if given.tls == "tls" else None,
    )
    server = await listen
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
