"""Cost of OpenMP's spinning threads for a training step, on an idle and on a busy machine. Results in benchmarks/results/spin.json

    python scripts/bench_spin.py             # settings in turn, each quiet and beside three busy loops, three rounds
    python scripts/bench_spin.py --rounds 1

Each step is measured in a process of its own, since OpenMP reads its settings when it is loaded.
"""
import argparse, os, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import provenance, save_json

SETTINGS = {'default': {}, 'PASSIVE': dict(OMP_WAIT_POLICY='PASSIVE'), 'spin 10000 (ours)': dict(GOMP_SPINCOUNT='10000'), 'spin 1000': dict(GOMP_SPINCOUNT='1000')}
STEP = """
import time, torch
from lipsync.config import keep_memory; keep_memory()
from lipsync.testing import synthetic_batch
from lipsync.config import model_config
from lipsync.train.loaders import accelerator
from lipsync.train.stages import stages, train_config
from lipsync.train.steps import LipSyncLearner
cfg, m = train_config('tiny', perceptual='laplacian', n_critic=1), model_config('tiny')
l, b = LipSyncLearner(None, cfg.replace(w_sync=0.), m, accelerator(cpu=True)), synthetic_batch(m, B=4, T=12)
stage = stages(cfg.replace(w_sync=0.))[-1]; l.step([b], stage, 10.)
times = []
for _ in range(4): start = time.perf_counter(); l.step([b], stage, 10.); times.append(time.perf_counter()-start)
print(sorted(times)[1])
"""

def step(env:dict) -> float: # Seconds of a full adversarial step of `tiny`
    clean = {k: v for k,v in os.environ.items() if k not in ('GOMP_SPINCOUNT','OMP_WAIT_POLICY','OMP_NUM_THREADS')}
    return float(subprocess.run([sys.executable, '-W', 'ignore', '-c', STEP], env=clean | env | dict(PYTHONPATH=str(ROOT), CUDA_VISIBLE_DEVICES=''), capture_output=True, text=True, check=True).stdout.split()[-1])

def beside(n:int, f):
    "`f()` while `n` processes are busy"
    loops = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(n)]
    try: return f()
    finally: [p.kill() for p in loops]; [p.wait() for p in loops]

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--rounds', type=int, default=3); p.add_argument('--loops', type=int, default=3, help='busy processes beside')
    a = p.parse_args(); rows = {k: dict(quiet=[], busy=[]) for k in SETTINGS}
    for _ in range(a.rounds):
        for k, env in SETTINGS.items(): rows[k]['quiet'].append(step(env)); rows[k]['busy'].append(beside(a.loops, lambda: step(env)))
    for k, r in rows.items(): print(f"{k:18} quiet {min(r['quiet']):.2f} s, beside {a.loops} busy processes {min(r['busy']):.2f} to {max(r['busy']):.2f} s")
    save_json(ROOT/'benchmarks'/'results'/'spin.json', dict(seconds=rows, loops=a.loops, cores=len(os.sched_getaffinity(0)), load_before=os.getloadavg()[0], provenance=provenance()))

if __name__ == '__main__': main()
