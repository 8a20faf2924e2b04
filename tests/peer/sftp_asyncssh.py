#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
#
# asyncssh's own SFTP server, as it comes:
#
#	sftp_asyncssh.py HOST_KEY AUTHORIZED_KEYS PORT_FILE
#
# writes the port to PORT_FILE, and serves until it is killed.
import asyncio
import os
import sys

import asyncssh


async def serve(host_key, authorized_keys, port_file):
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[host_key],
        authorized_client_keys=authorized_keys, sftp_factory=True)
    with open(port_file + ".new", "w", encoding="ascii") as file:
        file.write(f"{server.sockets[0].getsockname()[1]}\n")
    os.rename(port_file + ".new", port_file)
    await server.wait_closed()


asyncio.run(serve(*sys.argv[1:]))
