"""Measure the gain of `lipsync adapt` on people. Results in benchmarks/results/adapt.json and nbs/images/adapt.jpg

    python scripts/bench_adapt.py                                       # s3 and s4 of ../shared/data/grid, eight minutes each
    python scripts/bench_adapt.py --people DIR DIR ... --minutes 8      # your own: a folder of videos for each person
    python scripts/bench_adapt.py --keep out/adapt                      # resume interrupted runs there

The last 15 % of each person's footage are neither trained on nor in the bank of the evaluation.
"""
import argparse, os, sys
from pathlib import Path
os.environ.setdefault('OMP_NUM_THREADS', '1')
import cv2, numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import atomic_path, load_json, provenance, save_json
from lipsync.train.adapt import adapt

GRID = ROOT.parent/'shared'/'data'/'grid'

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--people', type=Path, nargs='+', default=[GRID/'s3', GRID/'s4'])
    p.add_argument('--minutes', type=float, default=8.)
    p.add_argument('--keep', type=Path, default=ROOT/'out'/'adapt')
    a = p.parse_args()
    for f in a.people: adapt(a.keep/f.name, f, minutes=a.minutes, device='cpu')
    runs = [{k: v for k,v in load_json(a.keep/f.name/'adapt.json').items() if k != 'provenance'} | dict(name=f.name) for f in a.people]
    save_json(ROOT/'benchmarks'/'results'/'adapt.json', dict(runs=runs, provenance=provenance()))
    sheets = [cv2.imread(str(a.keep/f.name/'held_out.png')) for f in a.people]; w = min(s.shape[1] for s in sheets)
    sheets = [cv2.resize(s, (w, round(len(s)*w/s.shape[1]))) for s in sheets]
    with atomic_path(ROOT/'nbs'/'images'/'adapt.jpg') as t: cv2.imwrite(str(t), np.concatenate(sheets), [cv2.IMWRITE_JPEG_QUALITY, 88])

if __name__ == '__main__': main()
