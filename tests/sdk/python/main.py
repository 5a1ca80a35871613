"""Drives the sandbox with the Python SDK: what must work, and every refusal of ../refusals.json with its codes.

Checks the envelopes in the file FARMGATE_ENVELOPES too, which `cargo test --test envelopes` writes.
"""

import faulthandler
import json
import os
import sys
import traceback
from pathlib import Path

from cases import cases
from envelopes import envelopes
from refusals import refusals
from sandbox import sandbox
from world import World

ALL_SECONDS_MAX = 300
TABLE = Path(__file__).resolve().parents[1] / "refusals.json"


def refusing(world, name, provoke, expected):
    def work():
        assert expected, "not in refusals.json"
        assert provoke, "in refusals.json only"
        seen = world.codes(provoke())
        assert seen == expected, f"{seen} is not {expected}"

    return work


def all_cases(world):
    table, provoked = json.loads(TABLE.read_text(encoding="utf-8")), refusals(world)
    named = envelopes(os.environ["FARMGATE_ENVELOPES"])
    # Refusals before the rest: they leave the world as it is.
    for name in dict.fromkeys([*table, *provoked]):
        named[f"refused: {name}"] = refusing(world, name, provoked.get(name), table.get(name))
    named.update(cases(world))
    return named


def main():
    if "FARMGATE_ENVELOPES" not in os.environ:
        sys.exit("set FARMGATE_ENVELOPES to the file that `cargo test --test envelopes` wrote")
    faulthandler.dump_traceback_later(ALL_SECONDS_MAX, exit=True)
    passed, failed = 0, []
    with sandbox() as url:
        for name, work in all_cases(World(url)).items():
            try:
                work()
                passed += 1
            except Exception:
                failed.append(name)
                print(f"FAILED {name}\n{traceback.format_exc()}", file=sys.stderr)
    print(f"python SDK: {passed} cases passed" + (f", {len(failed)} FAILED: {'; '.join(failed)}" if failed else ""))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
