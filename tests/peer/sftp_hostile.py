#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
#
# An SFTP server that lies.  For ferry's --ssh: it is called as ssh is, and
# serves at its standard input and output.  What it does is the first part of
# the path that it is asked for:
#
#	slash dotdot root nul empty nothing endless long	names
#	twice	a name is a link to OUTSIDE (in the environment), then a folder
#	large small	sizes of a file that has ten bytes
#	more	more bytes than were asked for
#	id	an answer to what nobody asked
#	text	what is no SFTP
import os
import struct
import sys

FOLDER, FILE, LINK = 0o040755, 0o100644, 0o120777
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
OUTSIDE = os.environ.get("OUTSIDE", "/nonexistent").encode()
BYTES = b"ten bytes\n"


def string(data):
    return struct.pack(">I", len(data)) + data


def attributes(mode, size=len(BYTES)):
    return struct.pack(">IQIII", 1 | 4 | 8, size, mode, 1000, 1000)


def names(*entries):
    listed = b"".join(
        string(name) + string(name) + attributes(mode)
        for name, mode in entries)
    return NAME, struct.pack(">I", len(entries)) + listed


def status(code):
    return STATUS, struct.pack(">I", code) + string(b"") + string(b"")


LISTS = {
    b"slash": names((b"good", FILE), (b"sub/evil", FILE)),
    b"dotdot": names((b"good", FILE), (b"../evil", FILE)),
    b"root": names((b"good", FILE), (OUTSIDE + b"/evil", FILE)),
    b"nul": names((b"good\0evil", FILE)),
    b"empty": names((b"", FILE)),
    b"nothing": names(),
    b"endless": names(*[(b"%04d" % i * 500, FILE) for i in range(60)]),
    b"long": names((b"x" * 5000, FILE)),
    b"twice": names((b"x", LINK), (b"x", FOLDER), (b"x", LINK)),
}
SIZES = {b"large": 1 << 40, b"small": 3}
read_up = set()


def look(path, case):
    if path == b"/" or path == b"/" + case and case not in SIZES:
        return ATTRS, attributes(FOLDER)
    if case == b"twice" and path.endswith(b"/x"):
        return ATTRS, attributes(LINK if len(read_up) % 2 else FOLDER)
    return ATTRS, attributes(FILE, SIZES.get(case, len(BYTES)))


def read_folder(path, case):
    if path in read_up and case not in (b"nothing", b"endless"):
        return status(1)
    read_up.add(path)
    if path == b"/" + case:
        return LISTS.get(case, names((b"good", FILE)))
    return names((b"evil", FILE))


def read(body, case):
    offset, length = struct.unpack(">QI", body[-12:])
    if case == b"more":
        return DATA, string(b"x" * (length + 1))
    piece = BYTES[offset:offset + length]
    return (DATA, string(piece)) if piece else status(1)


def answer(kind, body):
    length = struct.unpack(">I", body[:4])[0]
    path = body[4:4 + length]
    case = path.split(b"/")[1] if path.startswith(b"/") else b""
    if kind == 16:
        return names((b"/" if path == b"." else path, FOLDER))
    if kind in (7, 8, 17):
        return look(path, case)
    if kind in (3, 11):
        return HANDLE, string(path)
    if kind == 12:
        return read_folder(path, case)
    if kind == 5:
        return read(body, case)
    if kind == 19:
        return names((OUTSIDE, LINK))
    return status(0 if kind == 4 else 8)


def serve():
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    while True:
        head = requests.read(5)
        if len(head) < 5:
            return
        length, kind = struct.unpack(">IB", head)
        body = requests.read(length - 1)
        if kind == 1:
            replies.write(struct.pack(">IBI", 5, 2, 3))
        else:
            number = struct.unpack(">I", body[:4])[0]
            if b"/id" in body:
                number += 1 << 20
            reply, data = answer(kind, body[4:])
            if b"/text" in body:
                replies.write(b"Welcome to this server!\n" * 10)
            replies.write(struct.pack(">IBI", 5 + len(data), reply, number))
            replies.write(data)
        replies.flush()


if "-G" in sys.argv:
    os.execvp("ssh", ["ssh"] + sys.argv[1:])
try:
    serve()
except BrokenPipeError:
    os._exit(0)
