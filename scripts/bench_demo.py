"""Run `lipsync demo` for its documentation page: writes its results to benchmarks/results/demo.json, and the comparison and mouth openings of the first sentence to nbs/images

    python scripts/bench_demo.py               # 10 to 20 minutes on two cores
    python scripts/bench_demo.py --keep        # out/demo exists already: only write results and images
"""
import argparse, os, sys
from pathlib import Path
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import numpy as np
from PIL import Image
from lipsync.config import load_json, save_json
from lipsync.demo import FREE, TRAINED, demo
from lipsync.evaluate.measures import track_opening
from lipsync.report import plot_tracks

def pictures(out:Path, first:dict, to:Path):
    "The contact sheet and the openings of the first sentence"
    Image.open(out/'sheet.png').convert('RGB').save(to/'dub.jpg', quality=85)
    person, sentence = first['name'].rsplit('_', 1)
    files = {'truth': out/'unseen'/person/f'{sentence}.mp4', FREE: out/'dubs'/f"{first['name']}_{FREE}.mp4", TRAINED: out/'dubs'/f"{first['name']}_{TRAINED}.mp4", 'control': out/'dubs'/f"{first['name']}_{TRAINED}_control.mp4"}
    tracks = {k: track_opening(f).opening for k,f in files.items()}; n = min(map(len, tracks.values()))
    plot_tracks(np.arange(n)/25, {k: t[:n] for k,t in tracks.items()}, first['text']).savefig(to/'tracks.png', dpi=72, bbox_inches='tight')

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--out', type=Path, default=ROOT/'out'/'demo'); p.add_argument('--keep', action='store_true')
    a = p.parse_args()
    if not a.keep: demo(a.out)
    r = load_json(a.out/'report.json')
    save_json(ROOT/'benchmarks'/'results'/'demo.json', dict(command='python scripts/bench_demo.py', load=round(os.getloadavg()[2], 1), **{k: r[k] for k in ('passed','verdict','times','dubs')}, provenance={k: r['provenance'][k] for k in ('lipsync','python','machine','cpus','created','versions')}))
    pictures(a.out, r['dubs'][0], ROOT/'nbs'/'images')

if __name__ == '__main__': main()
