"""The scorecard's controls on real clips: every measure on the truth, on shifted, exchanged and frozen lips, and on damaged images; results in benchmarks/results/scorecard.json

    python scripts/bench_scorecard.py --heard PROCESSED/train    # who judges (lipsync's own if not given); clips that it was trained on are left out
    python scripts/bench_scorecard.py --judge sync.safetensors --clips 12 --pictures 4    # clips a group for the sync controls, and clips for the pictures' controls

GRID clips (Cooke et al. 2006) of `--met` speakers, whom the judge knows, and of others; the foreign sound is that of a clip of the same group that shares at most two of its six words. Definitions: nbs/610_evaluate.lse.ipynb and nbs/620_evaluate.scorecard.ipynb.
"""
import argparse, math, os, sys, tempfile, time
from dataclasses import asdict
from pathlib import Path
os.environ.setdefault('OMP_NUM_THREADS', '1')
import cv2, numpy as np, torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import load_json, provenance, save_json
from lipsync.evaluate.lse import frames_of, judged_track, leakage, lip_sync_error
from lipsync.evaluate.scorecard import load_scorer, find_lips, score_video
from lipsync.media import read_audio, write_video

MOVES = range(-5, 6)

def alike(a:Path, b:Path) -> int: return sum(x == y for x,y in zip(a.stem, b.stem))

def choose(data:Path, met:list, heard:Path, n:int) -> dict:
    "group: [(clip, another whose sound it gets)]"
    known = {f.stem.split('_')[1] for f in heard.glob('*_processed.parquet')} if heard else set()
    people = {s.name: [c for c in sorted(s.glob('*.mpg')) if not (s.name in met and c.stem in known)] for s in sorted(data.iterdir()) if s.is_dir()}
    turns = lambda of: [cs[i] for i in range(max(map(len, of))) for cs in of if i < len(cs)] # one clip of each, then the next
    pools = dict(met=turns([people[s] for s in met]), new=turns([cs for s,cs in people.items() if s not in met]))
    return {k: [(c, next(o for o in pool[i+1:]+pool[:i] if alike(c, o) <= 2)) for i,c in enumerate(pool[:n])] for k,pool in pools.items()}

def moved_sound(x:np.ndarray, k:int) -> np.ndarray:
    "The sound k frames later; silence for what is missing"
    n = abs(k)*640
    return x if not k else np.concatenate([np.zeros(n, np.float32), x[:-n]]) if k > 0 else np.concatenate([x[n:], np.zeros(n, np.float32)])

def moved_frames(frames:list, k:int) -> list:
    "The lips k frames late (or early); the first or last one is held"
    return [frames[0]]*k+frames[:-k] if k > 0 else frames[-k:]+[frames[-1]]*-k

def sync_controls(scorer, clip:Path, other:Path, d:Path) -> dict:
    "LSE of the clip as it is, moved, with another's sound, frozen; moved once more as files"
    x, frames = read_audio(clip), list(frames_of(clip)); n = len(frames)
    v, hear = scorer.look(frames, judged_track(clip)), lambda s: scorer.hear(s, n)
    still, own, foreign = np.repeat(v[:1], len(v), 0), hear(x), hear(read_audio(other))
    score = lambda v, a: dict(asdict(lip_sync_error(v, a)), true=asdict(lip_sync_error(v, a, padded=False)))
    row = dict(clip=f'{clip.parent.name}/{clip.stem}', other=f'{other.parent.name}/{other.stem}', own=score(v, own), swapped=score(v, foreign), frozen=score(still, own), leakage=asdict(leakage(v, own, foreign)),
        moved={str(k): score(v, hear(moved_sound(x, -k))) for k in MOVES}, files={})
    for k in (-5, 3):
        f = write_video(d/f'{k}.mp4', moved_frames(frames, k), 25, x)
        row['files'][str(k)] = score(scorer.look(frames_of(f), judged_track(f)), scorer.hear(read_audio(f), n))
    print(row['clip'], {k: (round(row[k]['distance'], 2), round(row[k]['confidence'], 2), row[k]['offset'], round(row[k]['at_zero'], 2)) for k in ('own','swapped','frozen')}, [s['offset'] for s in row['moved'].values()], [s['true']['offset'] for s in row['moved'].values()], {k: s['offset'] for k,s in row['files'].items()}, flush=True)
    return row

def damages(clip:Path) -> dict:
    "name: frames"
    frames, rng, tr = list(frames_of(clip)), np.random.default_rng(0), find_lips(clip).track
    box = np.pad(np.ones((150,150), np.float32), ((20,86),(53,53)))
    patch = lambda f, M: np.clip(f+14*(cv2.warpAffine(box, cv2.invertAffineTransform(np.asarray(M)), f.shape[1::-1])[...,None] > .5), 0, 255).astype(np.uint8)
    return dict(encoded=frames, late=moved_frames(frames, 3), frozen=frames[:1]*len(frames), blurred=[cv2.GaussianBlur(f, (0,0), 2) for f in frames],
        noisy=[np.clip(f+rng.normal(0, 12, f.shape), 0, 255).astype(np.uint8) for f in frames], seam=[patch(f, M) for f,M in zip(frames, tr.to_mouth)])

def picture_controls(clip:Path, other:Path, d:Path, text:str) -> dict:
    "name of the damage: its card, without sync; also the clip itself, and another's video with this sound"
    out, x = dict(itself=score_video(clip, clip, source=clip, text=text), other=score_video(other, clip, audio=clip, text=text)), read_audio(clip)
    for k, frames in damages(clip).items(): out[k] = score_video(write_video(d/f'{k}.mp4', frames, 25, x), clip, source=clip, text=text)
    print(clip.stem, {k: {n: round(c[g][n], 3) for g,n in (('shape','follows'), ('shape','lag'), ('picture','psnr'), ('picture','ms_ssim'), ('picture','sharpness'), ('identity','lips')) if g in c} for k,c in out.items()}, flush=True)
    return dict(clip=f'{clip.parent.name}/{clip.stem}', other=f'{other.parent.name}/{other.stem}', cards={k: {g: v for g,v in c.items() if g not in ('visemes','sha256','truth_sha256')} for k,c in out.items()})

def plain(x):
    "The same for JSON, which has no nan"
    if isinstance(x, dict): return {k: plain(v) for k,v in x.items()}
    if isinstance(x, list): return [plain(v) for v in x]
    return None if isinstance(x, float) and not math.isfinite(x) else x

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--judge', help='a sync expert; the one of the package if not given'); p.add_argument('--heard', type=Path, help='processed files of its training: their clips are left out')
    p.add_argument('--data', type=Path, default=ROOT.parent/'shared'/'data'/'grid'); p.add_argument('--met', nargs='+', default=['s1','s2','s3','s4','s30','s34'], help='speakers it was trained on')
    p.add_argument('--clips', type=int, default=8, help='a group'); p.add_argument('--pictures', type=int, default=3); p.add_argument('--out', type=Path, default=ROOT/'benchmarks'/'results'/'scorecard.json')
    a = p.parse_args(); cv2.setNumThreads(1); torch.set_num_threads(1); start = time.time()
    sys.path.insert(0, str(ROOT/'scripts')); from bench_cross import said
    scorer, groups = load_scorer(a.judge), choose(a.data, a.met, a.heard, a.clips)
    with tempfile.TemporaryDirectory() as d:
        sync = {k: [sync_controls(scorer, *x, Path(d)) for x in xs] for k,xs in groups.items()}
        pictures = [picture_controls(*x, Path(d), said(x[0])) for x in choose(a.data, a.met[:1], a.heard, a.pictures)['met']]
    old = load_json(a.out) if a.out.exists() else {} # with --clips 0 or --pictures 0 the other half stays
    if not a.clips: sync, scorer.about = old.get('sync', sync), old.get('scorer')
    save_json(a.out, plain(dict(scorer=scorer.about, sync=sync, pictures=pictures or old.get('pictures', []), seconds=round(time.time()-start), provenance=provenance()))); print(f"{time.time()-start:.0f} s -> {a.out}")

if __name__ == '__main__': main()
