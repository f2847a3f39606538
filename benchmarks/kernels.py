"""What a class costs a machine: the time and memory of each notebook's kernel, and of JupyterLab.

    OMP_NUM_THREADS=1 python benchmarks/kernels.py

Linux. Processor time, which the machine's other work hardly touches. Memory is what each process
has for itself, and what it shares with others that have loaded the same files (PyTorch above all).
Writes `benchmarks/results/kernels.json` and the table in `TEACHING.md`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from timing import facts, put_in_readme
from tqdm import tqdm

from aslp_lib.files import write

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "kernels.json"
START, END = "<!-- kernels -->", "<!-- end of kernels -->"
ASK = """\
import json, resource
_used = resource.getrusage(resource.RUSAGE_SELF)
_memory = open("/proc/self/smaps_rollup").read()
print(json.dumps([_used.ru_utime + _used.ru_stime, _used.ru_maxrss / 1024, _memory]))
"""
"""A last cell: processor seconds, peak megabytes, and memory as it stands at the end."""


def megabytes(smaps: str) -> dict[str, float]:
    """Of a process: what is its own, and what others that load the same files have with it."""
    kilobytes = {line.split(":")[0]: line.split()[1] for line in smaps.splitlines()[1:]}
    own, resident = (int(kilobytes[name]) / 1024 for name in ("Anonymous", "Rss"))
    return {"own": own, "shared": resident - own}


def kernel(path: Path) -> dict:
    """A notebook from top to bottom, in a kernel of its own."""
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    notebook.cells.append(nbformat.v4.new_code_cell(ASK))
    where = {"metadata": {"path": path.parent}}
    # A claim that a processor's arithmetic does not bear out costs what the others cost.
    NotebookClient(notebook, timeout=600, resources=where, allow_errors=True).execute()
    said = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    seconds, peak, smaps = json.loads(said)
    return {"processor_seconds": seconds, "peak": peak} | megabytes(smaps)


def server() -> dict:
    """JupyterLab's server, without a kernel, twenty seconds after its start."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([*command, f"--ServerApp.root_dir={folder}"], **quiet)
        try:
            time.sleep(20)
            return megabytes(Path(f"/proc/{process.pid}/smaps_rollup").read_text())
        finally:
            process.terminate()
            process.wait()


def table(record: dict) -> str:
    """Markdown."""
    lines = [
        "| notebook, run from top to bottom | processor seconds | MB of its own | MB at its peak |",
        "|---|---:|---:|---:|",
    ]
    for name, each in record["kernels"].items():
        lines.append(
            f"| `{name}` | {each['processor_seconds']:.0f} | {each['own']:.0f} "
            f"| {each['peak']:.0f} |"
        )
    lines.append(f"| JupyterLab's server, no kernel | | {record['server']['own']:.0f} | |")
    shared = max(each["shared"] for each in record["kernels"].values())
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    return "\n".join(
        [
            *lines,
            "",
            f"Loaded files, which kernels of one environment share: {shared:.0f} MB in all. "
            f"{record['device']}, {record['threads']} thread a kernel; {versions}; "
            f"{record['date']}, commit {record['commit']}.",
        ]
    )


def main() -> None:
    record = facts() | {"threads": int(os.environ["OMP_NUM_THREADS"]), "server": server()}
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    record["kernels"] = {path.stem: kernel(path) for path in tqdm(paths, desc="notebooks")}
    write(RESULTS, json.dumps(record, indent=1) + "\n")
    put_in_readme(table(record), START, END, ROOT / "TEACHING.md")


if __name__ == "__main__":
    main()
