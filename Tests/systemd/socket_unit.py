#!/usr/bin/env python3
"""systemd's part in a restart, for a test: holds a listening Unix socket, and runs a program that inherits it.

usage: socket_unit.py SOCKET PROGRAM [ARGUMENT ...]

On SIGHUP the program gets SIGTERM, its end is waited for, and it is started anew, as by `systemctl restart` of a unit whose
socket is a unit of its own: who connects meanwhile waits. Says "started N" on stderr when the program has said READY=1
(sd_notify(3)), and "ended N CODE" when it has ended. SIGTERM ends both.
"""
import ctypes
import os
import signal
import socket
import sys


def main():
    path, program, arguments = sys.argv[1], sys.argv[2], sys.argv[2:]
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(4096)
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notices.bind(path + ".notify")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGTERM})
    number, restart = 0, True
    while restart:
        number += 1
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with us
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP, signal.SIGTERM})
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True)
            variables = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "NOTIFY_SOCKET": path + ".notify"}
            os.execve(program, arguments, os.environ | variables)
        while b"READY=1" not in notices.recv(4096):
            pass
        print(f"started {number}", file=sys.stderr, flush=True)
        restart = signal.sigwait({signal.SIGHUP, signal.SIGTERM}) == signal.SIGHUP
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        print(f"ended {number} {os.waitstatus_to_exitcode(status)}", file=sys.stderr, flush=True)


main()
