"""How long many chunks take on many machines, some of which are slow or die: a simulation.

    python benchmarks/scale.py --frames-per-second 20 --nodes 100 --hours 100000
    python benchmarks/scale.py --frames-per-second 20 --nodes 8 --films 1 --minutes 100

What is put in is measured (frames a second of a worker, seconds of its start); what comes out is
simulated: chunks go to the first free worker, a worker's speed varies, a node that dies loses the
chunk that it works on, and another one renders that again.
"""

from __future__ import annotations

import argparse
import heapq
import json
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Cluster:
    """What is simulated."""

    frames_per_second: float
    """Of one worker."""
    nodes: int
    """Each runs one worker."""
    start: float = 4.0
    """Seconds that a worker takes to open the style."""
    spread: float = 0.2
    """Standard deviation of the logarithm of a chunk's time."""
    slow: float = 0.02
    """Fraction of the nodes that are three times as slow."""
    failures: float = 0.01
    """Deaths of a node in an hour; it comes back after ten minutes."""


@dataclass(frozen=True)
class Work:
    """What is rendered."""

    films: int
    minutes: float
    rate: float = 24.0
    chunk: float = 40.0
    """Seconds of film."""


@dataclass(frozen=True)
class Outcome:
    """What it took."""

    hours: float
    """Until the last film is done."""
    node_hours: float
    chunks: int
    rendered_again: int
    efficiency: float
    """Of what as many workers would do that are never slow, never die and never wait."""


_AWAY = 600.0  # s until a node that died is there again


def simulate(cluster: Cluster, work: Work, seed: int = 0) -> Outcome:
    """Run chunks on a cluster."""
    random = np.random.default_rng(seed)
    each = int(np.ceil(work.minutes * 60 / work.chunk))
    chunks = work.films * each
    ideal = work.minutes * 60 / each * work.rate / cluster.frames_per_second
    slow = random.random(cluster.nodes) < cluster.slow
    free = [(cluster.start, node) for node in range(cluster.nodes)]
    heapq.heapify(free)
    left, again, busy, end = chunks, 0, 0.0, 0.0
    while left:
        now, node = heapq.heappop(free)
        time = ideal * float(np.exp(random.normal(0, cluster.spread))) * (3 if slow[node] else 1)
        death = float(random.exponential(3600 / max(cluster.failures, 1e-9)))
        if death < time:
            again += 1
            busy += death
            heapq.heappush(free, (now + death + _AWAY + cluster.start, node))
            continue
        left -= 1
        busy += time
        end = max(end, now + time)
        heapq.heappush(free, (now + time, node))
    best = chunks * ideal / cluster.nodes
    return Outcome(end / 3600, busy / 3600, chunks, again, best / end)


def main() -> None:
    """Print the outcome as JSON, and what it costs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--frames-per-second", type=float, required=True)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--films", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--rate", type=float, default=24)
    parser.add_argument("--chunk", type=float, default=40)
    parser.add_argument("--failures", type=float, default=0.01, help="of a node, an hour")
    parser.add_argument("--slow", type=float, default=0.02, help="fraction of slow nodes")
    parser.add_argument("--price", type=float, default=0.08, help="of a node, an hour")
    args = parser.parse_args()
    cluster = Cluster(args.frames_per_second, args.nodes, slow=args.slow, failures=args.failures)
    work = Work(args.films, args.minutes, args.rate, args.chunk)
    outcome = simulate(cluster, work)
    price = round(outcome.hours * args.nodes * args.price, 2)
    facts = {"cluster": asdict(cluster), "work": asdict(work), "outcome": asdict(outcome)}
    print(json.dumps(facts | {"price": price}, indent=1))


if __name__ == "__main__":
    main()
