"""Verifies a receipt as any shop's back office would: with PyJWT, and only the published keys.

usage: verify_receipt.py JWKS RECEIPT

JWKS and RECEIPT are files: the body of /.well-known/jwks.json, and the member `receipt` of an order. Prints the
header and the claims as one JSON object, {"header":…,"claims":…}.

Exit code: 0 if the receipt is valid; 1 if it is not, with the reason on stderr.
"""

import base64
import hashlib
import json
import sys

import jwt


def thumbprint(key):
    """The RFC 7638 thumbprint of an OKP key (RFC 8037)."""
    members = json.dumps({name: key[name] for name in ["crv", "kty", "x"]}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        published = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        receipt = file.read()
    for key in published["keys"]:
        if key["kid"] != thumbprint(key):
            sys.exit(f"kid {key['kid']} is not the key's thumbprint")
    try:
        header = jwt.get_unverified_header(receipt)
        key = jwt.PyJWKSet.from_dict(published)[header["kid"]]
        claims = jwt.decode(receipt, key.key, algorithms=["EdDSA"])
    except (jwt.PyJWTError, KeyError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(json.dumps({"header": header, "claims": claims}))


main()
