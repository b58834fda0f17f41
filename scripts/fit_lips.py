"""Fit the lip model: the networks, ranges and basis in lipsync/weights/lips.safetensors, with their card

    python scripts/fit_lips.py --grid ../shared/data/grid --more ../shared/data/grid_s1_more --address ../shared/data/address --work DIR   # as shipped
    python scripts/fit_lips.py --grid CLIPS --work DIR --out DIR    # CLIPS/<person>/<video> with transcripts beside them, or with GRID's file names

Can be stopped and resumed: landmarks and phones of each clip are kept in --work. Every speaker is predicted once by networks that were not trained on them (three folds, in --work/fold<k>.safetensors);
every tenth sentence of speaker s1 is held out; --address is only for testing. Results are written to benchmarks/results/lips.json.
"""
import argparse, json, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
os.environ.setdefault('OMP_NUM_THREADS', '1')
import cv2, numpy as np, torch, torch.nn.functional as F
from torch import nn
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT/'scripts')]
from bench_cross import said
from types import SimpleNamespace
from lipsync.config import PreprocessConfig, atomic_path, provenance, save_json
from lipsync.align.transcripts import Alignment, find_transcript
from lipsync.align.forced import align
from lipsync.data.corpus import VIDEOS
from lipsync.face.landmarks import FaceLandmarker, OUTER_EYES
from lipsync.align.sync import estimate_offset
from lipsync.align.visemes import N_VISEMES, Segment
from lipsync.face.scene import KEPT
from lipsync.dub.lips import AHEAD, APERTURE, AT, BEHIND, LipModel, MEASURES, hear, lip_measures, lip_range, shut_at, speech_steps
from lipsync.media import MediaError, read_audio, read_frames

FOLDS = (('s2','s5','s30'), ('s3','s31','s22'), ('s4','s34')) # GRID speakers held out together; s1 is in every fold
GRID = "GRID corpus: M. Cooke, J. Barker, S. Cunningham, X. Shao, “An audio-visual corpus for speech perception and automatic speech recognition”, JASA 120 (2006), https://doi.org/10.1121/1.2229005, CC BY 4.0"

def gather(f:Path, out:Path):
    "Landmarks and phones of a clip, cached in a file"
    if out.exists(): return
    cv2.setNumThreads(1); marks, times = [], []
    try: audio = read_audio(f, 16000)
    except MediaError: return
    with FaceLandmarker() as find:
        for t, rgb in read_frames(f, 25): x = find(rgb); times.append(t); marks.append(x[0].landmarks[KEPT] if x else np.full((len(KEPT),3), np.nan, np.float32))
    text, labels = find_transcript(f)
    al = align(audio, 16000, text or said(f), labels if not text else None)
    with atomic_path(out) as t, open(t, 'wb') as w:
        np.savez(w, lms=np.array(marks, np.float32), times=np.array(times), audio=audio.astype(np.float32), phones=np.array([(p.start, p.end) for p in al.phones], float), labels=np.array([p.label for p in al.phones]), aligner=al.aligner, phoneset=al.phoneset)

def upright(lms:np.ndarray) -> np.ndarray: # [n,88,2]
    "Points relative to the centre of the eyes, with the eyes level, in eye distances"
    a, b = (lms[:,AT[i],:2] for i in OUTER_EYES); d, x = b-a, lms[...,:2]-((a+b)/2)[:,None]; e = (d**2).sum(1)[:,None]
    return np.stack([(x*d[:,None]).sum(-1)/e, (x[...,1]*d[:,None,0]-x[...,0]*d[:,None,1])/e], -1)

def load(f:Path, who:str) -> dict:
    "Training data of a clip: visemes [n,21], bands [n,60], measures [n,6]; corrects the audio offset if it is clearly late"
    z = np.load(f, allow_pickle=False)
    q, t, audio = upright(z['lms']), z['times'], z['audio']; m = lip_measures(q)
    al = Alignment([Segment(s, e, l) for (s,e),l in zip(z['phones'].tolist(), z['labels'].tolist())], [], str(z['phoneset']), str(z['aligner']))
    late = estimate_offset(m[:,APERTURE], audio, 16000, 25, al, m[:,1]); move = late.offset if late.off else 0.
    read = lambda a=0, b=None: np.pad(audio, (max(0, -a), max(0, (b or 0)-len(audio))))[max(a, 0):(len(audio) if b is None else b)+max(0, -a)]
    speech = hear(SimpleNamespace(read=read, n=len(audio), sr=16000, seconds=len(audio)/16000, cfg=PreprocessConfig()), al.visemes(speech_steps(len(audio)/16000)).astype(np.int8))
    return dict(name=f.stem, who=who, q=q, m=m, late=move, speech=speech, shut=shut_at(speech, t+move), x=speech.at(t[0]+move+np.arange(-BEHIND, len(t)+AHEAD)/25), times=t+move)

def prepare(clips:list) -> dict:
    "{speaker: usual measures}; adds `y` to the clips, in units of the speaker's range"
    spread = {}
    for w in {c['who'] for c in clips}:
        mine = [c for c in clips if c['who'] == w]; m = np.concatenate([c['m'] for c in mine]); r = lip_range(m[np.isfinite(m).all(1)], np.zeros((2,len(MEASURES))), 1.)
        spread[w] = np.stack([np.maximum(r.rest-r.low, 0), np.maximum(r.high-r.rest, 0)])
        for c in mine: c['y'] = ((c['m']-r.rest)/(r.high-r.low)).astype(np.float32)
    return spread

def batch(clips:list, rng, T:int=75):
    "Augmented clips with padding on both sides and dropped features"
    n = T+BEHIND+AHEAD; V, B, Y = np.zeros((len(clips),n,N_VISEMES), np.float32), np.zeros((len(clips),n,60), np.float32), np.full((len(clips),T,6), np.nan, np.float32); V[...,-1] = 1
    for i, c in enumerate(clips):
        (v, b), m = (x[:n] for x in c['x']), min(n, len(c['x'][0])); b = b.reshape(m, 5, 12)
        b = b + rng.normal(0, .05, 12) + rng.normal(0, .05) + rng.normal(0, .03, (m,5,12))
        if rng.random() < .3: b = np.roll(b, rng.choice([-1,1]), 2) # another vocal tract
        left_out = rng.random()
        V[i,:m], B[i,:m], Y[i,:min(T, len(c['y']))] = v*(left_out > .15), b.reshape(m,-1)*(left_out < .85), c['y'][:T]
    return map(torch.from_numpy, (V, B, Y))

class Block(nn.Module):
    def __init__(self, width, step, both, drop):
        super().__init__()
        self.pad = (step,step) if both else (2*step,0)
        self.a, self.b, self.drop = nn.Conv1d(width, width, 3, dilation=step), nn.Conv1d(width, width, 1), nn.Dropout(drop)
    def forward(self, x): return x + self.b(self.drop(F.gelu(self.a(F.pad(F.gelu(x), self.pad)))))

class LipNet(nn.Module):
    "lipsync.dub.lips.LipNet in torch, for training: visemes [B,T,21] and bands [B,T,60] -> [B,T,6]"
    def __init__(self, width:int=96, drop:float=.3):
        super().__init__()
        self.visemes, self.bands = nn.Linear(N_VISEMES, 24), nn.Linear(60, 24)
        self.inp, self.out = nn.Conv1d(48, width, 5, padding=2), nn.Conv1d(width, len(MEASURES), 1)
        self.blocks = nn.Sequential(*(Block(width, s, s <= 2, drop) for s in (1,2,4,8)))
    def forward(self, visemes, bands):
        x = torch.cat([self.visemes(visemes), self.bands(bands)], -1).transpose(1, 2)
        return self.out(self.blocks(self.inp(x))).transpose(1, 2)

def train(clips:list, steps:int, seed:int, width:int) -> LipNet:
    "Train one network; speakers are sampled in proportion to the square root of their number of clips"
    torch.manual_seed(seed); rng, net = np.random.default_rng(seed), LipNet(width)
    opt = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=.05); lr = torch.optim.lr_scheduler.OneCycleLR(opt, 3e-3, steps)
    by = {w: [c for c in clips if c['who'] == w] for w in sorted({c['who'] for c in clips})}
    names, p = [*by], np.sqrt([len(v) for v in by.values()]); weight = torch.tensor([3,1,1.5,1,1,1.])
    for _ in range(steps):
        v, b, y = batch([by[w][rng.integers(len(by[w]))] for w in rng.choice(names, 24, p=p/p.sum())], rng)
        ok = torch.isfinite(y); off = F.smooth_l1_loss(net(v, b)[:,BEHIND:-AHEAD], torch.nan_to_num(y), reduction='none', beta=.2)
        opt.zero_grad(); (off*ok*weight).sum().div(ok.sum()).backward(); opt.step(); lr.step()
    return net.eval()

def table(clips:list):
    "The linear alternative: ridge regression of visemes +-7 frames and bands +-5, as functions of a clip"
    def inputs(c):
        t = c['times']; v = np.concatenate([c['speech'].at(t+k*.04)[0] for k in range(-7, 8)], 1); b = np.concatenate([c['speech'].at(t+k*.04)[1][:,24:36] for k in range(-5, 6)], 1)
        return np.concatenate([v, b, np.ones((len(t),1))], 1)
    A, B = 30*np.eye(448), 0
    for c in clips:
        ok = np.isfinite(c['y']).all(1); x = inputs(c)[ok]; k = min(1., 40/sum(d['who'] == c['who'] for d in clips)); A = A+k*x.T@x; B = B+k*x.T@c['y'][ok]
    W = np.linalg.solve(A, B); return lambda c: inputs(c)@W

def basis_of(clips:list) -> tuple: # [6,88,2], [88,2]
    "The movement of every point per eye distance of each measure, with the head at rest; symmetric, zero above the nose's base"
    A, B, mean, n, still = 0, 0, 0, 0, [AT[i] for i in (1,168,127,356,6)]
    for c in clips:
        ok = np.isfinite(c['m']).all(1)
        if ok.sum() < 20: continue
        k, q, m = min(1., 22/sum(d['who'] == c['who'] for d in clips)), c['q'][ok], c['m'][ok]
        mean, n = mean+k*q.mean(0), n+k; x, y = m-m.mean(0), (q-q.mean(0)).reshape(len(q), -1)
        Q, _ = np.linalg.qr(y.reshape(len(q), -1, 2)[:,still].reshape(len(q), -1)); x, y = x-Q@(Q.T@x), y-Q@(Q.T@y) # rotations of the head
        A, B = A+k*x.T@x, B+k*x.T@y
    mean, basis = mean/n, np.linalg.solve(A+.01*np.diag(np.diag(A)), B).reshape(6, -1, 2)
    pair = np.array([np.linalg.norm(mean-p, axis=1).argmin() for p in mean*[-1,1]])
    mean, basis = (mean+mean[pair]*[-1,1])/2, (basis+basis[:,pair]*[-1,1])/2
    return basis*np.clip((mean[:,1]-mean[AT[2],1]+.02)/.1, 0, 1)[None,:,None], mean

def agreement(predict, clips:list) -> dict:
    "Correlation of each measure with the true one, mean over the clips; `closed` is the aperture with closures"
    rows = []
    for c in clips:
        p, ok = predict(c), np.isfinite(c['y']).all(1); r = lambda a, b: float(np.corrcoef(a[ok], b[ok])[0,1])
        rows.append([r(p[:,k], c['y'][:,k]) for k in range(6)] + [r(np.maximum(p[:,0], 0)*(1-c['shut']), c['y'][:,0])])
    return dict(clips=len(clips), **{k: round(float(v), 4) for k,v in zip((*MEASURES,'closed'), np.mean(rows, 0))})

def write(path:Path, nets:list, basis, mean, usual, about:dict):
    "A file that `LipModel` reads"
    t = {f'nets.{i}.{k}': v.half().contiguous() for i,net in enumerate(nets) for k,v in net.state_dict().items()}
    t |= {k: torch.from_numpy(np.ascontiguousarray(v, np.float32)) for k,v in dict(basis=basis, mean=mean, usual=usual).items()}
    with atomic_path(path) as tmp: save_file(t, str(tmp), dict(lips=json.dumps(about)))

def of_model(path): m = LipModel(path); return lambda c: m.predict(c['speech'], c['times'])

CARD = """# lips

What lips do when somebody speaks: {nets} small networks from visemes and loudness to six measures of the mouth, the usual range of each, and how 88 points of the face move with them. `lipsync dub` uses it when no generator is given. Load it with `lipsync.dub.lips.load_lips()`.

**Fitted on** {data} {params:,} weights a network. **Command** `{command}`. Created {created}, lipsync {version}.

**Licence** Apache-2.0 for our part. {grid} (https://creativecommons.org/licenses/by/4.0/); changed: reduced to weights. Whoever passes these weights on passes this line on.

## How good

Correlation with what the lips of the speaker did, mean over clips. Each speaker but s1 is predicted by networks that never met him or her, which have the same settings as those shipped; `with closures` is the aperture after p, b, m and pauses have shut it. *table* is ridge regression on the same inputs, as a comparison.

| speaker | clips | aperture | with closures | jaw | width | table: with closures |
|--|--:|--:|--:|--:|--:|--:|
{rows}

English, six-word sentences read aloud, faces from the front. Spontaneous speech and other languages were not measured.
"""

def fit_to(path, clips, a, basis, mean, usual, about):
    "Train networks on these clips and write them to a file, unless it exists"
    if not path.exists() or a.again: write(path, [train(clips, a.steps, s, a.width) for s in range(a.nets)], basis, mean, usual, about)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--grid', type=Path, required=True, help='<person>/<video>'); p.add_argument('--more', type=Path, help='a folder with more clips of s1'); p.add_argument('--address', type=Path, help='<person>/<video> that are only tested on')
    p.add_argument('--work', type=Path, required=True); p.add_argument('--out', type=Path, default=ROOT/'lipsync'/'weights'); p.add_argument('--results', type=Path, default=ROOT/'benchmarks'/'results'/'lips.json')
    p.add_argument('--steps', type=int, default=1200); p.add_argument('--nets', type=int, default=2); p.add_argument('--width', type=int, default=96); p.add_argument('--workers', type=int, default=os.cpu_count()); p.add_argument('--again', action='store_true', help='fit what is there already')
    a = p.parse_args(); torch.set_num_threads(1); start = time.time(); a.work.mkdir(parents=True, exist_ok=True)
    videos = [(f, f.parent.name) for f in sorted(a.grid.glob('*/*')) if f.suffix in VIDEOS] + [(f, 's1') for f in sorted(a.more.iterdir() if a.more else []) if f.suffix in VIDEOS]
    tests = [(f, f.parent.name) for f in sorted(a.address.glob('*/*')) if f.suffix in VIDEOS] if a.address else []
    kept = {f: a.work/f'{f.parent.name}_{f.stem}.npz' for f,_ in videos+tests}
    with ProcessPoolExecutor(a.workers, mp_context=get_context('spawn')) as ex: list(ex.map(gather, kept, kept.values()))
    clips = [load(kept[f], w) for f,w in videos if kept[f].exists()]; tests = [load(kept[f], w) for f,w in tests if kept[f].exists()]
    spread = prepare(clips); prepare(tests) if tests else None
    basis, mean = basis_of(clips); usual = np.mean([*spread.values()], 0)
    held = {c['name'] for c in [c for c in clips if c['who'] == 's1'][::10]}; learn = [c for c in clips if c['name'] not in held]
    about = dict(width=a.width, nets=a.nets, measures=[*MEASURES], speakers=sorted(spread), clips=len(learn))
    rows, folds = {}, [f for f in FOLDS if set(f) & set(spread)]
    for i, left in enumerate(folds):
        part = [c for c in learn if c['who'] not in left]; fit_to(a.work/f'fold{i}.safetensors', part, a, basis, mean, usual, about); net, line = of_model(a.work/f'fold{i}.safetensors'), table(part)
        for w in left: rows[w] = {k: agreement(f, [c for c in clips if c['who'] == w]) for k,f in (('net', net), ('table', line))} if w in spread else None
        print(left, {w: rows[w]['net'] for w in left if rows[w]}, f'{time.time()-start:.0f} s', flush=True)
    final = a.out/'lips.safetensors'; fit_to(final, learn, a, basis, mean, usual, about); net, line = of_model(final), table(learn)
    for name, some in (("s1, sentences left out", [c for c in clips if c['name'] in held]), ("weekly address", tests)):
        if some: rows[name] = {k: agreement(f, some) for k,f in (('net', net), ('table', line))}
    rows = {k: v for k,v in rows.items() if v}; prov = provenance()
    for k, v in rows.items(): print(k, v)
    save_json(a.results, dict(rows=rows, late={c['name']: c['late'] for c in clips+tests if c['late']}, usual=usual.tolist(), folds=folds, provenance=prov, seconds=round(time.time()-start)))
    line = lambda k, v: f"| {k} | {v['net']['clips']} | {v['net']['aperture']:.2f} | {v['net']['closed']:.2f} | {v['net']['jaw']:.2f} | {v['net']['width']:.2f} | {v['table']['closed']:.2f} |"
    (a.out/'lips.md').write_text(CARD.format(nets=a.nets, data=f"{len(learn)} clips of {len(spread)} speakers of the GRID corpus ({', '.join(sorted(spread))}).", params=sum(x.numel() for x in LipNet(a.width).parameters()), command=f'python scripts/fit_lips.py --grid … --more … --address … --steps {a.steps}', created=time.strftime('%Y-%m-%d'), version=prov['lipsync'] if 'lipsync' in prov else '', grid=GRID, rows='\n'.join(line(k, v) for k,v in rows.items())))

if __name__ == '__main__': main()
