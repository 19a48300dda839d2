#!/usr/bin/env python3
"""A stand-in for a shop's own servers: answers /search and /account, and shares nothing with the sale.

usage: stand-in.py [HOST:]PORT

It is there so that a test, the demo and a rehearsal can see that the shop's pages stay up while the sale is in trouble. It
is no shop: replace it.
"""
import html
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

GOODS = ["lamp", "kettle", "bicycle", "umbrella", "teapot"]


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/search":
            wanted = parse_qs(url.query).get("q", [""])[0]
            found = [name for name in GOODS if wanted in name]
            self.page(200, f"Search: {html.escape(wanted)}", ", ".join(found) or "nothing")
        elif url.path == "/account":
            self.page(200, "Account", "Nobody is logged in.")
        else:
            self.page(404, "Not found", "There is nothing at this address.")

    def page(self, status, title, text):
        body = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{text}</p>\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 64)
    host, _, port = sys.argv[1].rpartition(":")
    server = ThreadingHTTPServer((host or "127.0.0.1", int(port)), Shop)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
