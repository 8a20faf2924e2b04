#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
#
# paramiko's SFTP server over the files of this machine.  paramiko has the
# protocol, and leaves the files to a class like the one below, which is as
# plain as that of its own demonstration.
#
#	sftp_paramiko.py HOST_KEY AUTHORIZED_KEYS PORT_FILE
#
# writes the port to PORT_FILE, and serves until it is killed.
import os
import socket
import sys

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer


def answer(function, *arguments):
    """The result of a call, or the status of its failure."""
    try:
        function(*arguments)
    except OSError as error:
        return SFTPServer.convert_errno(error.errno)
    return paramiko.SFTP_OK


def attributes(function, *arguments):
    try:
        return SFTPAttributes.from_stat(function(*arguments))
    except OSError as error:
        return SFTPServer.convert_errno(error.errno)


class Handle(SFTPHandle):
    def stat(self):
        return attributes(os.fstat, self.readfile.fileno())

    def chattr(self, attr):
        return answer(SFTPServer.set_file_attr, self.filename, attr)


class Files(paramiko.SFTPServerInterface):
    def list_folder(self, path):
        try:
            entries = []
            for name in os.listdir(path):
                status = os.lstat(os.path.join(path, name))
                entries.append(SFTPAttributes.from_stat(status, name))
            return entries
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    def stat(self, path):
        return attributes(os.stat, path)

    def lstat(self, path):
        return attributes(os.lstat, path)

    def open(self, path, flags, attr):
        mode = 0o666 if attr.st_mode is None else attr.st_mode
        try:
            descriptor = os.open(path, flags, mode)
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)
        if flags & os.O_WRONLY:
            kind = "wb"
        elif flags & os.O_RDWR:
            kind = "r+b"
        else:
            kind = "rb"
        handle = Handle(flags)
        handle.filename = path
        handle.readfile = handle.writefile = os.fdopen(descriptor, kind)
        return handle

    def remove(self, path):
        return answer(os.remove, path)

    def rename(self, oldpath, newpath):
        if os.path.lexists(newpath):
            return paramiko.SFTP_FAILURE
        return answer(os.rename, oldpath, newpath)

    def posix_rename(self, oldpath, newpath):
        return answer(os.rename, oldpath, newpath)

    def mkdir(self, path, attr):
        mode = 0o777 if attr.st_mode is None else attr.st_mode
        return answer(os.mkdir, path, mode)

    def rmdir(self, path):
        return answer(os.rmdir, path)

    def chattr(self, path, attr):
        return answer(SFTPServer.set_file_attr, path, attr)

    def symlink(self, target_path, path):
        return answer(os.symlink, target_path, path)

    def readlink(self, path):
        try:
            return os.readlink(path)
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    def canonicalize(self, path):
        return os.path.realpath(path)


class Login(paramiko.ServerInterface):
    def __init__(self, keys):
        self.keys = keys

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        if key.get_base64() in self.keys:
            return paramiko.AUTH_SUCCESSFUL
        return paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        if kind == "session":
            return paramiko.OPEN_SUCCEEDED
        return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


def serve(host_key, authorized_keys, port_file):
    with open(authorized_keys, encoding="utf-8") as file:
        keys = [line.split()[1] for line in file]
    key = paramiko.Ed25519Key(filename=host_key)
    listener = socket.create_server(("127.0.0.1", 0))
    with open(port_file + ".new", "w", encoding="ascii") as file:
        file.write(f"{listener.getsockname()[1]}\n")
    os.rename(port_file + ".new", port_file)
    transports = []
    while True:
        transport = paramiko.Transport(listener.accept()[0])
        transports.append(transport)
        transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", SFTPServer, Files)
        try:
            transport.start_server(server=Login(keys))
        except (paramiko.SSHException, EOFError):
            pass


serve(*sys.argv[1:])
