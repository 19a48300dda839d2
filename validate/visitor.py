#!/usr/bin/env python3
"""Visits a shop's pages at a fixed rate, independent of the answers, each visit on a new connection.

usage: visitor.py RATE URL PATH...

Cycles through the paths until SIGTERM. Prints a line "STATUS SECONDS" for each visit, with 000 if there was no answer
within three seconds; the time counts from when the visit was due.
"""
import asyncio
import itertools
import signal
import sys
from urllib.parse import urlsplit

WITHIN_SECONDS = 3


async def ask(host, port, path):
    """Requests a page and reads all of it. Returns its status."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read(-1)
    finally:
        writer.close()
    return answer[9:12].decode("ascii")


async def visit(due, host, port, path):
    try:
        status = await asyncio.wait_for(ask(host, port, path), WITHIN_SECONDS)
    except (OSError, asyncio.TimeoutError, UnicodeDecodeError):
        status = ""
    print(status or "000", f"{asyncio.get_running_loop().time() - due:.6f}")


async def main(rate, url, paths):
    url = urlsplit(url)
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, end.set)
    visits = set()
    due = loop.time()
    for path in itertools.cycle(paths):
        try:
            await asyncio.wait_for(end.wait(), max(0, due - loop.time()))
            break
        except asyncio.TimeoutError:
            pass
        one = asyncio.create_task(visit(due, url.hostname, url.port, path))
        visits.add(one)
        one.add_done_callback(visits.discard)
        due += 1 / rate
    await asyncio.gather(*visits)


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 64)
    asyncio.run(main(float(sys.argv[1]), sys.argv[2], sys.argv[3:]))
