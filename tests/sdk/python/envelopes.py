"""Envelopes that Farmgate built, read by an SDK that had no part in it."""

import json

from stellar_sdk import Keypair
from stellar_sdk.helpers import parse_transaction_envelope_from_xdr


def check(line):
    """Decodes and encodes again, and verifies hash and signatures."""
    envelope = parse_transaction_envelope_from_xdr(line["envelope"], line["passphrase"])
    assert envelope.to_xdr() == line["envelope"], "it is encoded otherwise"
    assert envelope.hash_hex() == line["hash"], f"its hash is {envelope.hash_hex()}"
    assert len(envelope.signatures) == len(line["signers"]), f"{len(envelope.signatures)} signatures"
    for signature, signer in zip(envelope.signatures, line["signers"]):
        key = Keypair.from_public_key(signer)
        assert signature.signature_hint == key.signature_hint(), f"no signature of {signer}"
        key.verify(envelope.hash(), signature.signature)


def envelopes(path):
    """Name → what is checked, for each line of the file."""
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    assert lines, f"{path} is empty"
    named = {f"envelope: {line['name']}": (lambda line=line: check(line)) for line in lines}
    assert len(named) == len(lines), f"{path} names two envelopes alike"
    return named
