#!/usr/bin/env python3
"""Floods a server on this machine with connections of one kind, and reports the result as JSON.

usage: flood.py NAME HOST:PORT SECONDS
       flood.py --list

A flood keeps a fixed number of connections open: one that ends is replaced. After SECONDS all are closed, and a line
reports how many were opened, how many the server ended, how many answers came, how many of those were not the expected
ones (wrong), and whether the flood was what it is meant to be (met).
"""

import errno
import json
import re
import resource
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass

HEAD = b"GET /v1/sales HTTP/1.1\r\nHost: shop\r\n"
GET = HEAD + b"\r\n"
NOWHERE = b"GET /nowhere HTTP/1.1\r\nHost: shop\r\n\r\n"
POST = b"POST /v1/sales/any/purchases HTTP/1.1\r\nHost: shop\r\nContent-Length: "

# Connections that are opened, and bytes that are sent or read, before the next connection is served.
OPENED_AT_ONCE = 500
BYTES_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Flood:
    about: str
    connections: int
    # Sent once connected, and again after every request in it has been answered.
    first: bytes = b""
    # Sent once a second from then on.
    drip: bytes = b""
    # What `first` must be answered with.
    statuses: tuple = ()
    reads: bool = True
    # Closes its own half of the connection after `first`.
    finishes: bool = False
    # Resets the connection after `first`: with a linger of zero the kernel sends RST.
    resets: bool = False
    # Whether the server has to end these connections.
    is_ended: bool = False


FLOODS = {
    "slow-heads": Flood(
        "2,000 heads that arrive one byte per second",
        2000, HEAD + b"X: ", drip=b"x", is_ended=True),
    "slow-bodies": Flood(
        "2,000 bodies that arrive one byte per second",
        2000, POST + b"1000\r\n\r\n", drip=b"x", is_ended=True),
    "slow-readers": Flood(
        "500 clients that keep sending requests and read no answer",
        500, GET * 10_000, reads=False, is_ended=True),
    "idle-connections": Flood(
        "10,000 idle connections",
        10_000),
    "resets": Flood(
        "connections that are reset in the middle of a request, as fast as possible, 200 at a time",
        200, HEAD, resets=True),
    "large-heads": Flood(
        "50 heads of a mebibyte at a time, each refused (431)",
        50, HEAD + b"X: " + b"x" * (1 << 20), statuses=(431,), is_ended=True),
    "pipelines": Flood(
        "100 connections that pipeline 1,002 requests at once, again and again",
        100, (GET + NOWHERE + POST + b"0\r\n\r\n") * 334, statuses=(200, 404, 401) * 334),
    "half-closed": Flood(
        "500 clients at a time that send a request and close their half",
        500, GET, statuses=(200,), finishes=True, is_ended=True),
    "half-closed-idle": Flood(
        "500 clients at a time that close their half without a request",
        500, finishes=True, is_ended=True),
    "more-connections": Flood(
        "3,000 connections when 1,000 are allowed",
        3000, is_ended=True),
    "no-descriptors": Flood(
        "1,000 connections when no descriptor is left",
        1000),
}

STATUS = re.compile(rb"HTTP/1\.1 (\d\d\d) ")


class Connection:
    def __init__(self, flood, address):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if not flood.reads:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the smallest possible, 2 KiB
        code = self.socket.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            self.socket.close()
            raise OSError(code, "connect")
        self.unsent = memoryview(flood.first)
        self.is_begun = False
        # Answers so far, and the end of the bytes read, in which a status line may begin.
        self.answers = 0
        self.tail = b""


class Flooding:
    def __init__(self, flood, address):
        self.flood, self.address = flood, address
        self.poll = select.epoll()
        self.reading = select.EPOLLIN if flood.reads else 0
        self.connections = {}
        self.opened = self.ended = self.answers = self.wrong = 0

    def run(self, seconds):
        end = time.monotonic() + seconds
        next_drip = time.monotonic() + 1
        while time.monotonic() < end:
            self.fill_up()
            for descriptor, events in self.poll.poll(0.05):
                connection = self.connections.get(descriptor)
                if connection:
                    self.go_on(connection, events)
            if self.flood.drip and time.monotonic() >= next_drip:
                next_drip += 1
                self.drip()

    def fill_up(self):
        for _ in range(min(self.flood.connections - len(self.connections), OPENED_AT_ONCE)):
            try:
                connection = Connection(self.flood, self.address)
            except OSError:  # no port is free at the moment
                return
            self.connections[connection.socket.fileno()] = connection
            self.poll.register(connection.socket, self.reading | select.EPOLLOUT)

    def go_on(self, connection, events):
        try:
            if not connection.is_begun:
                connection.is_begun = True
                self.opened += 1
            # Receive first: an answer is lost if the server resets the connection meanwhile.
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self.receive(connection)
            if events & select.EPOLLOUT and connection.socket.fileno() >= 0:
                self.send(connection)
        except BlockingIOError:
            pass
        except OSError:
            self.end(connection)

    def send(self, connection):
        if connection.unsent:
            sent = connection.socket.send(connection.unsent[:BYTES_AT_ONCE])
            connection.unsent = connection.unsent[sent:]
        if connection.unsent:
            return
        if self.flood.resets:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return self.drop(connection)
        if self.flood.finishes:
            connection.socket.shutdown(socket.SHUT_WR)
        self.poll.modify(connection.socket, self.reading)

    def receive(self, connection):
        if not self.flood.reads:
            return self.end(connection)  # without EPOLLIN, the only event is the end
        received = connection.socket.recv(BYTES_AT_ONCE)
        if not received:
            return self.end(connection)
        text = connection.tail + received
        known = 0
        for line in STATUS.finditer(text):
            known = line.end()
            self.count(connection, int(line[1]))
        connection.tail = text[max(known, len(text) - 16):]
        if self.is_whole(connection) and not self.flood.is_ended and not connection.unsent:
            connection.unsent = memoryview(self.flood.first)
            self.poll.modify(connection.socket, self.reading | select.EPOLLOUT)

    def count(self, connection, status):
        expected = self.flood.statuses
        self.answers += 1
        if not expected or status != expected[connection.answers % len(expected)]:
            self.wrong += 1
        connection.answers += 1

    def is_whole(self, connection):
        """Whether every request has been answered."""
        expected = len(self.flood.statuses)
        if expected == 0:
            return connection.answers == 0
        return connection.answers > 0 and connection.answers % expected == 0

    def drip(self):
        for connection in list(self.connections.values()):
            if connection.is_begun and not connection.unsent:
                try:
                    connection.socket.send(self.flood.drip)
                except BlockingIOError:
                    pass
                except OSError:
                    self.end(connection)

    def end(self, connection):
        """The server has ended the connection."""
        self.ended += 1
        if not self.flood.is_ended or not self.is_whole(connection):
            self.wrong += 1
        self.drop(connection)

    def drop(self, connection):
        del self.connections[connection.socket.fileno()]
        connection.socket.close()

    def report(self):
        flood = self.flood
        met = (self.opened >= flood.connections and (self.ended > 0) == flood.is_ended
               and (self.answers > 0) == (len(flood.statuses) > 0))
        return {"opened": self.opened, "ended": self.ended, "answers": self.answers, "wrong": self.wrong, "met": met}


def main(arguments):
    if arguments == ["--list"]:
        for name, flood in FLOODS.items():
            print(f"{name}\t{flood.about}")
        return 0
    if len(arguments) != 3 or arguments[0] not in FLOODS:
        print(__doc__, file=sys.stderr)
        return 64
    name, address, seconds = arguments
    host, port = address.rsplit(":", 1)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    flooding = Flooding(FLOODS[name], (host, int(port)))
    flooding.run(float(seconds))
    print(json.dumps(flooding.report()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
