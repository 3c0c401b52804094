"""How near the last number of a response is to the right one: 1 when it is equal, 0 from ten off."""

import json
import re
import sys

for row in map(json.loads, sys.stdin):
    numbers = re.findall(r"-?\d+", row["solution_str"])
    off = abs(int(numbers[-1]) - int(row["ground_truth"])) if numbers else 10
    # acc is what held-out accuracy counts; every other number becomes a metric of its own.
    answer = {"id": row["id"], "score": max(0.0, 1 - off / 10), "acc": off == 0, "off_by": min(off, 10)}
    print(json.dumps(answer), flush=True)
