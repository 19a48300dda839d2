"""Checks running servers against docs/openapi.yaml.

usage: check_openapi.py DOCUMENT SCENE

Provokes every documented answer of every operation, and checks each answer by the document: status, content type,
header fields, body. Prints one line for each answer that is not documented, and for each documented one that never came
(except those marked x-not-provoked). SCENE is a JSON file:

  sockets   "ready", "down" and "ledger": the Unix sockets of a server that sells, of one without Redis, and of the
            worker's ledger listener
  tokens    "buyer", "other" and "waiting": three buyers' tokens
  tickets   of the buyer "waiting": "good", "outdated", "early" and "missed" for room, "foreign" for another sale

The server that sells has the sales open (max_per_buyer 50), one-left, sold-out, scheduled, paused, ended, and stuck,
whose script fails; and with a waiting room: room, room-sold-out and room-ended.

Exit code: 0 if document and servers agree, 1 if they don't.
"""

import json
import socket
import sys
import uuid

import yaml
from jsonschema import Draft202012Validator, RefResolver

# Fields that HTTP itself adds to an answer; they need not be documented.
OF_HTTP = {"date", "content-length", "content-type", "connection"}


class Answer:
    def __init__(self, raw, to_head):
        head, _, rest = raw.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")
        self.status = lines[0].split(" ")[1]
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        length = int(self.get("content-length") or 0)
        self.body = b"" if to_head or self.status == "304" else rest
        if len(self.body) != (0 if to_head or self.status == "304" else length):
            raise ValueError(f"Content-Length is {length} and the body has {len(self.body)} bytes")

    def get(self, name):
        values = [value for field, value in self.headers if field.lower() == name.lower()]
        return values[0] if len(values) == 1 else None

    @property
    def names(self):
        return [name for name, _ in self.headers]


def ask(path, raw, to_head=False):
    """Sends one message with `Connection: close`, and reads everything that comes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(path)
        connection.sendall(raw)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return Answer(received, to_head)


def message(method, target, headers=(), body=b"", version="HTTP/1.1"):
    lines = [f"{method} {target} {version}", "Host: test", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Document:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.root = yaml.safe_load(file)
        self.resolver = RefResolver.from_schema(self.root)
        self.operations = {
            operation["operationId"]: (method, template, operation)
            for template, item in self.root["paths"].items()
            for method, operation in item.items()
            if method != "parameters"
        }

    def resolve(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def errors(self, schema, value):
        return [error.message for error in Draft202012Validator(schema, resolver=self.resolver).iter_errors(value)]

    def responses(self, operation_id):
        return {status: self.resolve(r) for status, r in self.operations[operation_id][2]["responses"].items()}

    def kinds(self, response):
        """Each kind of body of a response, as content type and schema; (None, {}) if it has no body."""
        kinds = []
        for content_type, media in response.get("content", {}).items():
            for schema in media["schema"].get("oneOf", [media["schema"]]):
                kinds.append((content_type, schema))
        return kinds or [(None, {})]

    def examples(self):
        """Every example in the document with its schema."""
        for name, schema in self.root["components"]["schemas"].items():
            for example in schema.get("examples", []) + ([schema["example"]] if "example" in schema else []):
                yield f"schema {name}", schema, example
        for operation_id in self.operations:
            for status, response in self.responses(operation_id).items():
                for media in response.get("content", {}).values():
                    if "example" in media:
                        yield f"{operation_id} {status}", media["schema"], media["example"]


class Check:
    def __init__(self, document):
        self.document = document
        self.seen = set()
        self.problems = []

    def judge(self, operation_id, answer):
        """Checks an answer by the document; its kind of body counts as seen if nothing is wrong with it."""
        found = self.faults(operation_id, answer)
        self.problems += [f"{operation_id} {answer.status}: {fault}" for fault in found]

    def faults(self, operation_id, answer):
        response = self.document.responses(operation_id).get(answer.status)
        if response is None:
            return [f"not documented: {answer.body.decode()}"]
        content_type = answer.get("content-type")
        body = answer.body.decode()
        value = self.value(content_type or "", body)
        matching, reasons = [], []
        for index, (documented, schema) in enumerate(self.document.kinds(response)):
            if documented != content_type:
                reasons.append(f"the content type is {content_type}")
                continue
            errors = self.document.errors(schema, value)
            reasons += errors
            if not errors:
                matching.append((index, self.document.resolve(schema)))
        if len(matching) != 1:
            return [f"{len(matching)} documented bodies fit {body}: {'; '.join(reasons)}"]
        index, schema = matching[0]
        faults = self.header_faults(response, schema, answer)
        if "problem+json" in (content_type or ""):
            if value["instance"] != f"urn:trace:{answer.get('x-request-id')}":
                faults.append("instance does not name the request")
            if str(value["status"]) != answer.status:
                faults.append("the status member is another than the status")
        if not faults:
            self.seen.add((operation_id, answer.status, index))
        return faults

    @staticmethod
    def value(content_type, body):
        if "jsonl" in content_type:
            return [json.loads(line) for line in body.splitlines()]
        return json.loads(body) if "json" in content_type else body

    def header_faults(self, response, schema, answer):
        documented = {name.lower(): self.document.resolve(header) for name, header in response["headers"].items()}
        brought = {name.lower() for name in schema.get("x-headers", [])}
        faults = [f"{name} is not documented" for name in answer.names if name.lower() not in OF_HTTP | set(documented)]
        for name, header in documented.items():
            value = answer.get(name)
            required = header.get("required", False) or name in brought
            # An optional field, as its description says.
            if name == "link" and (value is None or not self.document.errors(header["schema"], value)):
                continue
            if value is None and (required or name in [field.lower() for field in answer.names]):
                faults.append(f"{name} is missing, or occurs twice")
            elif value is not None and not required:
                faults.append(f"{name} does not belong to this problem")
            elif value is not None:
                faults += [f"{name}: {error}" for error in self.document.errors(header["schema"], value)]
        return faults

    def unseen(self):
        for operation_id in self.document.operations:
            for status, response in self.document.responses(operation_id).items():
                for index, (_, schema) in enumerate(self.document.kinds(response)):
                    resolved = self.document.resolve(schema)
                    provoked = (operation_id, status, index) in self.seen
                    if provoked == ("x-not-provoked" in resolved):
                        name = schema.get("$ref", "the body").rsplit("/", 1)[-1]
                        yield f"{operation_id} {status}: {name} " + (
                            "is marked x-not-provoked and came" if provoked else "never came")


def targets(document):
    """A path for each operation."""
    values = {"{sale}": "open", "{order}": "open-1"}
    for operation_id, (method, template, _) in document.operations.items():
        for name, value in values.items():
            template = template.replace(name, value)
        yield operation_id, method.upper(), template


def server_of(check, operation_id, sockets):
    """The socket of the server that has this operation."""
    return sockets["ledger" if "ledger" in check.document.operations[operation_id][2]["tags"] else "ready"]


def ask_what_no_operation_accepts(check, sockets):
    """Sends what the edge refuses whatever the operation."""
    many = [(f"X-{index}", "1") for index in range(100)]
    for operation_id, method, target in targets(check.document):
        server = server_of(check, operation_id, sockets)
        for raw in [
            message("DELETE", target),
            message(method, target, [("Host", "twice")]),
            message(method, target, [("Transfer-Encoding", "gzip, chunked")]),
            message(method, target, body=b" " * 1025),
            message(method, f"{target}?{'x' * 8000}"),
            message(method, target, [("Expect", "the unexpected")]),
            message(method, target, many),
            message("BREW", target),
            message(method, target, version="HTTP/2.0"),
        ]:
            check.judge(operation_id, ask(server, raw))


def ask_for_public_pages(check, ready):
    for operation_id, target in [("listSales", "/v1/sales"), ("showSale", "/v1/sales/ended")]:
        first = ask(ready, message("GET", target))
        check.judge(operation_id, first)
        check.judge(operation_id, ask(ready, message("GET", target, [("If-None-Match", first.get("etag") or "")])))
    keys = ask(ready, message("GET", "/.well-known/jwks.json"))
    check.judge("listReceiptKeys", keys)
    condition = [("If-None-Match", keys.get("etag") or "")]
    check.judge("listReceiptKeys", ask(ready, message("GET", "/.well-known/jwks.json", condition)))
    for sale in ["open", "sold-out", "scheduled", "paused", "nosuch"]:
        check.judge("showSale", ask(ready, message("GET", f"/v1/sales/{sale}")))


def ask_for_purchases(check, ready, tokens):
    buyer, other = ([("Authorization", f"Bearer {tokens[name]}")] for name in ["buyer", "other"])

    def buy(sale, body=b"", key=None, headers=None, json_type=True, chunks=b""):
        fields = list(buyer if headers is None else headers)
        if key != "":
            fields.append(("Idempotency-Key", key or str(uuid.uuid4())))
        if body and json_type:
            fields.append(("Content-Type", "application/json"))
        answer = ask(ready, message("POST", f"/v1/sales/{sale}/purchases", fields, body) + chunks)
        check.judge("buy", answer)
        return answer

    key = str(uuid.uuid4())
    won = buy("open", key=key)
    if buy("open", b"{}", key=key).body != won.body:
        check.problems.append("buy 200: a replay has another body than the purchase had")
    buy("open", b'{"quantity":2}', key=key)
    if buy("open", headers=buyer + [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")],
           key=key, chunks=b"2\r\n{}\r\n0\r\n\r\n").body != won.body:
        check.problems.append("buy 200: a chunked body says something else than the same body with its length")
    buy("open", b'{"quantity":51}')
    buy("open", b'{"quantity":1.0}')
    buy("open", b"{}", json_type=False)
    buy("open", key="")
    buy("open", headers=[])
    buy("one-left", b'{"quantity":2}')
    for sale in ["sold-out", "scheduled", "paused", "ended", "stuck", "nosuch"]:
        buy(sale)

    for _ in range(30):
        if buy("sold-out").status == "429":
            break

    order = won.get("location") or "/v1/sales/open/orders/open-1"
    for operation_id, target in [("listOwnOrders", "/v1/sales/open/purchases"), ("showOwnOrder", order)]:
        for headers in [buyer, other, []]:
            check.judge(operation_id, ask(ready, message("GET", target, headers)))
        missing = target.replace("open", "nosuch")
        check.judge(operation_id, ask(ready, message("GET", missing, buyer)))


def ask_for_queue(check, ready, tokens, tickets):
    waiting = [("Authorization", f"Bearer {tokens['waiting']}")]

    def join(sale, headers=waiting, body=b"", json_type=True):
        fields = headers + ([("Content-Type", "application/json")] if body and json_type else [])
        answer = ask(ready, message("POST", f"/v1/sales/{sale}/queue", fields, body))
        check.judge("joinQueue", answer)
        return answer

    def show(sale, headers=()):
        answer = ask(ready, message("GET", f"/v1/sales/{sale}/queue", headers))
        check.judge("showQueue", answer)
        return answer

    def buy(ticket, headers=waiting):
        fields = headers + [("Idempotency-Key", str(uuid.uuid4()))]
        fields += [("Sale-Ticket", ticket)] if ticket else []
        check.judge("buy", ask(ready, message("POST", "/v1/sales/room/purchases", fields)))

    for sale in ["room", "room", "room-sold-out", "room-ended", "open", "nosuch"]:
        join(sale)
    join("room", headers=[])
    join("room", body=b"{ }\n")
    join("room", body=b"{}", json_type=False)
    join("room", body=b'{"position":1}')
    first = show("room")
    show("room", [("If-None-Match", first.get("etag") or "")])
    for sale in ["open", "nosuch"]:
        show(sale)
    for name in ["good", "outdated", "foreign"]:
        show("room", [("Sale-Ticket", tickets[name])])
    show("room", [("Sale-Ticket", "rubbish")])
    buy(None)
    buy("rubbish")
    for name in ["outdated", "early", "missed", "foreign"]:
        buy(tickets[name])
    buy(tickets["good"], headers=[("Authorization", f"Bearer {tokens['other']}")])
    buy(tickets["good"])
    for _ in range(30):
        if show("room", [("Sale-Ticket", tickets["good"])]).status == "429":
            break
    for _ in range(30):
        if join("room").status == "429":
            break


def ask_for_ledger(check, ledger):
    for target in ["ledger", "ledger?limit=1", "ledger?after=1000000", "ledger?after=x"]:
        check.judge("readLedger", ask(ledger, message("GET", f"/v1/sales/open/{target}")))
    check.judge("readLedgerHead", ask(ledger, message("GET", "/v1/sales/open/ledger/head")))
    for operation_id, target in [("readLedger", "ledger"), ("readLedgerHead", "ledger/head")]:
        check.judge(operation_id, ask(ledger, message("GET", f"/v1/sales/nosuch/{target}")))


def ask_for_probes(check, ready):
    for operation_id, target in [("live", "/livez"), ("ready", "/readyz"), ("metrics", "/metrics")]:
        check.judge(operation_id, ask(ready, message("GET", target)))


def ask_without_redis(check, down, tokens):
    headers = [("Authorization", f"Bearer {tokens['buyer']}"), ("Idempotency-Key", "k")]
    for operation_id, method, target in targets(check.document):
        if "ledger" in check.document.operations[operation_id][2]["tags"]:
            continue
        check.judge(operation_id, ask(down, message(method, target, headers)))


def compare_heads(check, sockets, tokens):
    """Checks that HEAD has the head of GET: the same fields, in the same order."""
    headers = [("Authorization", f"Bearer {tokens['buyer']}")]
    for operation_id, method, target in targets(check.document):
        server = server_of(check, operation_id, sockets)
        for path in {server, sockets["down"] if server == sockets["ready"] else server}:
            if method != "GET":
                continue
            get = ask(path, message("GET", target, headers))
            head = ask(path, message("HEAD", target, headers), to_head=True)
            if (get.status, get.names) != (head.status, head.names):
                check.problems.append(f"{operation_id} {get.status}: HEAD has another head")


def ask_for_options(check, sockets):
    """Checks that each path answers OPTIONS, as the document's description says."""
    for operation_id, _, target in targets(check.document):
        answer = ask(server_of(check, operation_id, sockets), message("OPTIONS", target))
        template = check.document.operations[operation_id][1]
        documented = {method.upper() for method in check.document.root["paths"][template] if method != "parameters"}
        allowed = set((answer.get("allow") or "").split(", "))
        if answer.status != "200" or answer.body or allowed != documented | {"HEAD", "OPTIONS"}:
            check.problems.append(f"OPTIONS {template}: {answer.status}, Allow: {answer.get('allow')}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    document = Document(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        scene = json.load(file)
    sockets, tokens = scene["sockets"], scene["tokens"]
    check = Check(document)
    for place, schema, example in document.examples():
        check.problems += [f"example of {place}: {error}" for error in document.errors(schema, example)]
    ask_for_public_pages(check, sockets["ready"])
    ask_for_probes(check, sockets["ready"])
    ask_for_purchases(check, sockets["ready"], tokens)
    ask_for_queue(check, sockets["ready"], tokens, scene["tickets"])
    ask_for_ledger(check, sockets["ledger"])
    ask_what_no_operation_accepts(check, sockets)
    ask_without_redis(check, sockets["down"], tokens)
    compare_heads(check, sockets, tokens)
    ask_for_options(check, sockets)
    for problem in check.problems + list(check.unseen()):
        print(problem)
    print(f"{len(check.seen)} kinds of answer of {len(document.operations)} operations seen", file=sys.stderr)
    sys.exit(1 if check.problems or list(check.unseen()) else 0)


main()
