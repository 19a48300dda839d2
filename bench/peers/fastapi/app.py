"""The decision in FastAPI, on uvicorn with uvloop and httptools, and redis-py with hiredis: one call of our own purchase.lua a
request."""

import json
import os
import re
import secrets
from base64 import urlsafe_b64decode
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from pathlib import Path as File
from typing import Annotated

import jwt
from fastapi import FastAPI, Header, Path
from fastapi.responses import Response
from redis.asyncio import Redis
from redis.exceptions import RedisError

SUBJECT = re.compile(r"[!-~]{1,128}")
KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read_keys(path):
    keys = json.loads(File(path).read_text())["keys"]
    return {key["kid"]: urlsafe_b64decode(key["k"] + "=" * (-len(key["k"]) % 4)) for key in keys}


KEYS = read_keys(os.environ["SALE_JWT_JWKS_FILE"])


@asynccontextmanager
async def lifespan(app):
    app.redis = Redis(port=int(os.environ["REDIS_PORT"]), decode_responses=True)
    app.purchase = app.redis.register_script(File("lua/purchase.lua").read_text())
    app.run_id = (await app.redis.info("server"))["run_id"]
    yield
    await app.redis.aclose()


app = FastAPI(lifespan=lifespan, openapi_url=None)


def subject(authorization):
    """Who sent a request; None where the token does not count."""
    if authorization is None or not authorization.startswith("Bearer "):
        return None
    token = authorization[7:]
    try:
        key = KEYS[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, algorithms=["HS256"], leeway=30, options={"require": ["exp", "sub"]})
    except (jwt.InvalidTokenError, KeyError):
        return None
    return claims["sub"] if SUBJECT.fullmatch(claims["sub"]) else None


def problem(trace, status, name, title, detail, headers=None):
    document = {
        "type": f"/problems/{name}", "title": title, "status": status, "detail": detail, "instance": f"urn:trace:{trace}"
    }
    return Response(
        json.dumps(document, separators=(",", ":")), status, {"X-Request-Id": trace} | (headers or {}),
        "application/problem+json")


def order(trace, status, sale, position, at_ms, headers=None):
    name = f"{sale}-{position}"
    at = datetime.fromtimestamp(at_ms / 1000, timezone.utc).isoformat(timespec="milliseconds")
    document = {
        "status": "secured", "sale": sale, "order": name, "position": position, "quantity": 1,
        "secured_at": at.replace("+00:00", "Z"),
    }
    return Response(
        json.dumps(document, separators=(",", ":")), status,
        {"X-Request-Id": trace, "Location": f"/v1/sales/{sale}/orders/{name}"} | (headers or {}), "application/json")


@app.post("/v1/sales/{sale}/purchases")
async def purchase(
    sale: Annotated[str, Path(pattern="^[a-z0-9-]{1,32}$")],
    authorization: Annotated[str | None, Header()] = None,
    idempotency_key: Annotated[str | None, Header()] = None,
):
    trace = secrets.token_hex(16)
    buyer = subject(authorization)
    if buyer is None:
        return problem(
            trace, 401, "unauthorized", "Unauthorized", "Send a valid token: Authorization: Bearer <JWT>.",
            {"WWW-Authenticate": "Bearer"})
    if idempotency_key is None or not KEY.fullmatch(idempotency_key):
        return problem(
            trace, 400, "idempotency-key-invalid", "Idempotency key invalid",
            "Send one Idempotency-Key of 1 to 64 letters, digits, - or _, without quotes.")
    name = f"sale:{{{sale}}}"
    keys = [name] + [f"{name}:{part}" for part in ("stock", "position", "buyers", "orders", "tickets")]
    try:
        reply = await app.purchase(keys, [app.run_id, sale, buyer, idempotency_key, 1, trace])
    except RedisError:
        reply = [0, 0, 0, 0, 0, "F", ""]
    match reply[5]:
        case "S":
            return order(trace, 201, sale, reply[7], reply[3])
        case "R":
            position, at_ms = reply[7].split()
            return order(trace, 200, sale, int(position), int(at_ms), {"Idempotent-Replayed": "true"})
        case "O":
            return problem(trace, 409, "sold-out", "Sold out", "Every unit has been sold.")
        case "U":
            return problem(trace, 404, "not-found", "Not found", "There is no such sale.")
        case "F":
            return problem(
                trace, 503, "unavailable", "Unavailable", "Nothing was done. Try again with the same key.",
                {"Retry-After": "1"})
        case _:
            return problem(trace, 409, "refused", "Refused", "This purchase can not be made.")
