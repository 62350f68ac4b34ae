"""Find the smallest whole second of preStop that loses nothing, by bisection on a real cluster.

    python benchmarks/smallest_prestop.py deployment/demo HIGH ROLLOUTS FOLDER -- LOAD…

HIGH (s) is a length that loses nothing; each length that is tried gets ROLLOUTS rollouts, or fewer: the first that
loses decides. The workload needs a readiness probe. It is put back in the end. docs/proof.md has what it found.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zdtrace.chaos.cluster import Cluster
from zdtrace.chaos.journal import ActionJournal, Header, new_id
from zdtrace.chaos.workloads import Workload, parse_workload, read_workload
from zdtrace.collectors.api import Access, connect
from zdtrace.collectors.recorder import Ingress, Wanted
from zdtrace.proving.bench import ClusterBench
from zdtrace.proving.hands import Hands
from zdtrace.proving.proof import lost_words
from zdtrace.proving.run import selector_of
from zdtrace.proving.treatment import Treatment
from zdtrace.sessions.session import signals


def sleeping(workload: Workload, seconds: int) -> Treatment:
    container = workload.pod_spec["containers"][0]["name"]
    hook = {"preStop": {"sleep": {"seconds": seconds}}} if seconds else None
    patch = {"spec": {"template": {"spec": {"containers": [{"name": container, "lifecycle": hook}]}}}}
    return Treatment(steps=(), refused=(), patch=patch, warnings=(), prestop_s=seconds)


def loses(bench: ClusterBench, workload: Workload, seconds: int, rollouts: int) -> bool:
    """Whether one of some rollouts with this preStop loses a request."""
    bench.apply(sleeping(workload, seconds))
    clean = tried = 0
    while clean < rollouts:
        tried += 1
        trial = bench.record(f"prestop-{seconds}-{tried}")
        print(f"preStop {seconds} s, rollout {tried}: {lost_words([trial])} {trial.doubt or ''}", flush=True)
        if trial.is_lossy:
            return True
        clean += trial.is_clean
    return False


def main() -> None:
    name, high_text, rollouts, folder_text, _, *command = sys.argv[1:]
    folder, high, low = Path(folder_text), int(high_text), -1
    folder.mkdir(parents=True)
    api = connect(Access())
    cluster, ref = Cluster(api), parse_workload(name, api.namespace)
    workload = read_workload(cluster, ref)
    header = Header(id=new_id("bisect"), experiment="bisection", target=workload.ref, server=api.server)
    with signals() as heard, ActionJournal(folder / "bisection.journal", header) as journal:
        hands = Hands(cluster, workload.ref, journal)
        bench = ClusterBench(
            hands=hands, command=command, requests=None, folder=folder, heard=heard, say=lambda _: None,
            wanted=Wanted(
                namespace=ref.namespace, selector=selector_of(workload), ingresses=(Ingress("nginx-ingress"),)
            ),
        )
        try:
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if loses(bench, workload, middle, int(rollouts)) else (low, middle)
        finally:
            print(hands.restore(print).state)
            journal.close()
    print(f"the smallest whole second that lost nothing in {rollouts} rollouts: {high}")


if __name__ == "__main__":
    main()
