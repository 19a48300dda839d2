#!/usr/bin/env python3
"""The figures of script/validate: which answers buyers got, and when, from the load client's log of every attempt.

Times count from when an attempt was due, not from when it found a connection. An attempt without an answer counts as
if its buyer had waited three seconds, the time after which the load client gives up, even if the connection was lost
before.

usage: summary.py LOG --buyers N [--fault FROM_NS TO_NS] [--rest FILE --visits FILE]

LOG is written by `stampede --log`. --buyers says how many wanted to press: whoever is not in the log has never had a
connection, and counts like a buyer without an answer. --fault gives the time of the fault by the same clock. --rest and
--visits have a line "STATUS SECONDS" for each visit to the shop, before and during the sale. Prints one JSON object.
"""
import json
import math
import sys
from collections import Counter


# When an attempt without an answer is given up.
UNANSWERED_MS = 3000


def percentile(values, share):
    """The smallest value that at least `share` of the sorted values do not exceed."""
    return values[max(0, math.ceil(len(values) * share) - 1)] if values else None


def kind(status, problem):
    """The outcome of an attempt for its buyer."""
    if status in (200, 201):
        return "won"
    if status == 409 and problem == "sold-out":
        return "sold_out"
    if status == 202:
        return "pending"
    if status in (429, 503):
        return "come_back"
    return "other" if status else "unanswered"


def read(path):
    with open(path, encoding="ascii") as log:
        for line in log:
            entry = json.loads(line)
            if entry.get("kind") == "end":
                continue
            yield (entry["due_ns"], entry["resp_ns"], entry["buyer"], entry["status"], entry["problem"])


def shop(path):
    # A visit's line begins with its status; other messages of the visitors are in the same log.
    visits = [line.split() for line in open(path, encoding="utf-8") if line[:3].isdigit()]
    times = sorted(float(seconds) * 1000 for status, seconds in visits if status == "200")
    return {
        "visits": len(visits),
        "availability": len(times) / len(visits) if visits else None,
        "p95_ms": percentile(times, 0.95),
    }


def option(name, count):
    """The values after an option on the command line; None without it."""
    if name not in sys.argv:
        return None
    at = sys.argv.index(name)
    return sys.argv[at + 1:at + 1 + count]


def summarise(path, buyers, fault):
    attempts = list(read(path))
    if not attempts:
        sys.exit("summary.py: nobody has pressed")
    begin = min(entry[0] for entry in attempts)
    kinds = Counter(kind(status, problem) for _, _, _, status, problem in attempts)

    # When each buyer first pressed, or should have, and first got any answer and a final one; and who once got none.
    first, told, final, broken, unanswered = {}, {}, {}, set(), set()
    for due, responded, buyer, status, problem in attempts:
        first[buyer] = min(first.get(buyer, due), due)
        outcome = kind(status, problem)
        if responded:
            told[buyer] = min(told.get(buyer, responded), responded)
        else:
            unanswered.add(buyer)
        if outcome in ("won", "sold_out"):
            final[buyer] = min(final.get(buyer, responded), responded)
        elif outcome in ("unanswered", "other"):
            broken.add(buyer)
    unheard = max(0, buyers - len(first))
    waits = sorted([max((told.get(buyer, due) - due) / 1e6, UNANSWERED_MS if buyer in unanswered else 0)
                    for buyer, due in first.items()] + [UNANSWERED_MS] * unheard)
    until_final = sorted((answered - first[buyer]) / 1e6 for buyer, answered in final.items())
    last = max(final.values(), default=begin)

    seconds = []
    for due, responded, buyer, status, problem in attempts:
        second = (due - begin) // 1_000_000_000
        while len(seconds) <= second:
            seconds.append({"second": len(seconds), "pressed": 0, "won": 0, "sold_out": 0, "again": 0, "pending": 0,
                            "come_back": 0, "other": 0, "unanswered": 0, "waits": []})
        row = seconds[second]
        row["pressed"] += 1
        outcome = kind(status, problem)
        # Whoever has an answer and asks again is nobody whom the sale serves in this second.
        row["again" if outcome in ("won", "sold_out") and responded > final[buyer] else outcome] += 1
        row["waits"].append((responded - due) / 1e6 if responded else UNANSWERED_MS)
    for row in seconds:
        times = sorted(row.pop("waits"))
        row["p95_ms"] = percentile(times, 0.95)
        row["max_ms"] = times[-1] if times else None
        middle = begin + row["second"] * 1_000_000_000
        row["fault"] = bool(fault) and middle + 1_000_000_000 > fault[0] and middle < fault[1]

    return {
        "slo": {
            "p95_ms": percentile(waits, 0.95),
            "p99_ms": percentile(waits, 0.99),
            "slowest_ms": max(row["max_ms"] for row in seconds if row["pressed"]),
            "refused_ratio": kinds["come_back"] / len(attempts),
            "broken_ratio": (len(broken) + unheard) / (len(first) + unheard),
            "buyers": len(first) + unheard,
            "buyers_told": len(final),
            "p95_until_told_ms": percentile(until_final, 0.95),
            "slowest_until_told_ms": until_final[-1] if until_final else None,
            "successful_per_second": len(final) / max(1e-9, (last - begin) / 1e9),
        },
        "attempts": len(attempts),
        "seconds": seconds,
    }


def main():
    asks = sys.argv[1:] in (["-h"], ["--help"])
    if asks or len(sys.argv) < 2 or not option("--buyers", 1):
        print(__doc__.strip())
        sys.exit(0 if asks else 64)
    result = summarise(sys.argv[1], int(option("--buyers", 1)[0]), [int(at) for at in option("--fault", 2) or []])
    if "--visits" in sys.argv:
        result["shop"] = {"at_rest": shop(option("--rest", 1)[0]), "during": shop(option("--visits", 1)[0])}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
