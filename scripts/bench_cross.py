"""Cross-driving: the face of clip A with the audio of clip B, on pairs of GRID clips; results in benchmarks/results/cross.json

    python scripts/bench_cross.py --checkpoint RUN/best_model_full.pt --judge JUDGE/sync.safetensors --met s1 --heard PROCESSED/train
    python scripts/bench_cross.py ... --dubs DIR         # keep the dubs, and measure existing ones again
    python scripts/bench_cross.py ... --pictures DIR     # a contact sheet of each pair: A, the dub, B
    python scripts/bench_cross.py ... --noise 20 10 5    # instead: two pairs of each kind again (those with most b and p), B's audio with pink noise of these levels (dB below the speech); keeps the other results

Training clips of a `--met` speaker (processed files in `--heard`) are left out. There are four kinds of pairs: face and voice that the generator was trained on or not. The transcript of every clip is known: from
the text beside it, else from its GRID name. One separate process makes the dubs one after the other, and its memory is measured; then each is evaluated as a file. Definitions: nbs/reports/cross_driving.ipynb.
"""
import argparse, math, multiprocessing, os, random, resource, sys, tempfile, time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
os.environ.setdefault('OMP_NUM_THREADS', '1')
import cv2, numpy as np, torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import PreprocessConfig, load_json, provenance, save_json
from lipsync.align.forced import align
from lipsync.align.transcripts import find_transcript
from lipsync.audio.features import log_mel, mel_windows
from lipsync.face.landmarks import warp
from lipsync.dub.dub import dub_video, generator
from lipsync.dub.seams import face_track, paste_quality
from lipsync.evaluate.stats import interval
from lipsync.evaluate.measures import best_lag, follow, lip_distance, shut_quality, track_opening
from lipsync.media import read_audio, read_frames, write_wav
from lipsync.models.lipsync import load_model
from lipsync.models.syncnet import SyncDiscriminator, _asked, offset_logits

CFG, OFFSETS, APART = PreprocessConfig(), 7, 12 # frames of the offset search either way; frames between two looks at one person
KINDS = dict(known=('met','met'), voice=('met','new'), face=('new','met'), both=('new','new')) # of the face, of the voice
SHARES = dict(known=.4, voice=.2, face=.2, both=.2)

# What is dubbed

def grid_text(stem:str) -> str:
    "The sentence that a GRID file name spells"
    words = [dict(b='bin', l='lay', p='place', s='set'), dict(b='blue', g='green', r='red', w='white'), dict(a='at', b='by', i='in', w='with'), {}, dict(zip('z123456789', 'zero one two three four five six seven eight nine'.split())), dict(a='again', n='now', p='please', s='soon')]
    return ' '.join(w.get(c, c) for w,c in zip(words, stem))

def said(clip:Path) -> str|None:
    "What to give `dub_video` as the text: nothing where it lies beside the clip"
    return None if any(find_transcript(clip)) else grid_text(clip.stem)

def alike(a:Path, b:Path) -> int:
    "How many of their six words two GRID sentences share, each at its place"
    return sum(x == y for x,y in zip(a.stem, b.stem))

def clip_pairs(data:Path, n:int, met:list, heard:Path=None, seed:int=0) -> list:
    "[(kind, face, voice)]: people, and then clips, used as evenly as can be, sentences that share at most two words; of `both` half within one person if there are such clips"
    known, rng = {f.stem.split('_')[1] for f in heard.glob('*_processed.parquet')} if heard else set(), random.Random(seed)
    clips = {s.name: [c for c in sorted(s.glob('*.mpg')) if not (s.name in met and c.stem in known)] for s in sorted(data.iterdir()) if s.is_dir()}
    pool = dict(met=[c for s in met for c in clips[s]], new=[c for s,cs in clips.items() if s not in met for c in cs])
    used, out = defaultdict(int), []
    for kind,(f,v) in KINDS.items():
        could = [(a,b) for a in pool[f] for b in pool[v] if a != b and alike(a, b) <= 2]; rng.shuffle(could)
        within = [p for p in could if kind == 'both' and p[0].parent == p[1].parent]
        for i in range(round(n*SHARES[kind])):
            left = [p for p in (within if i < n*SHARES[kind]/2 else could) if (kind, *p) not in out] or [p for p in could if (kind, *p) not in out]
            a, b = min(left, key=lambda p: (used['face',p[0].parent]+used['voice',p[1].parent], used['face',p[0]]+used['voice',p[1]])); out.append((kind, a, b))
            for k in (('face',a), ('face',a.parent), ('voice',b), ('voice',b.parent)): used[k] += 1
    return out

class Timed:
    "A `generate` that knows when it was first called and how long it worked"
    def __init__(self, generate): self.generate, self.first, self.seconds, self.mouths = generate, None, 0., getattr(generate, 'mouths', 0)
    def __call__(self, *args, **kw):
        self.first = self.first or time.time()
        it = iter(self.generate(*args, **kw))
        while True:
            t = time.time(); y = next(it, None); self.seconds += time.time()-t
            if y is None: return
            yield y

def make_dubs(checkpoint:str, pairs:list, folder:Path) -> list:
    "Dub all pairs in this process; time by part and the most memory so far"
    cv2.setNumThreads(1); torch.set_num_threads(1); generate, out = generator(checkpoint, 'cpu'), []
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024
    for kind, a, b in pairs:
        g, start, cpu, before = Timed(generate), time.time(), time.process_time(), peak()
        rep = dub_video(a, b, g, folder/name_of(a, b), text=said(b)); end = time.time()
        ms = lambda s: round(1000*s/rep.frames, 2)
        row = dict(frames=rep.frames, dubbed=rep.dubbed, aligner=rep.aligner, note=rep.note, look=ms(g.first-start), generate=ms(g.seconds), compose=ms(end-g.first-g.seconds), all=ms(end-start), cpu=ms(time.process_time()-cpu), memory_before=round(before), memory=round(peak()))
        out.append(row); save_json(folder/(name_of(a, b)+'.json'), row); print('dubbed', name_of(a, b), row, flush=True)
    return out

def name_of(a:Path, b:Path) -> str: return f"{a.parent.name}_{a.stem}+{b.parent.name}_{b.stem}.mp4"

# What is measured

@lru_cache(256)
def frames_of(video): return [f for _,f in read_frames(video)]
@lru_cache(256)
def face_of(video): return face_track(video)
@lru_cache(256)
def lips_of(video): return track_opening(video, None)

def crops(frames:list, Ms:list, side:int, full:int=CFG.mouth_size) -> np.ndarray:
    "uint8 [n,side,side,3]; a frame without a face has the crop of the one before"
    out, M = [], next(m for m in Ms if m is not None)
    for f,m in zip(frames, Ms):
        M = M if m is None else m
        out.append(cv2.resize(warp(f, M, full), (side,side), interpolation=cv2.INTER_AREA))
    return np.stack(out)

@torch.no_grad()
def sync_of(judge, mouths:np.ndarray, mels:np.ndarray) -> dict:
    "`p`: probability in sync; `distance`, `confidence` and `offset` as LSE-D, LSE-C and the offset, without padding; `in_sync`: windows within a frame of the truth"
    n = min(len(mouths), len(mels)); m = torch.from_numpy(mouths[:n])[None].permute(0,1,4,2,3)/127.5-1; s = torch.from_numpy(mels[:n])[None].float()
    x = offset_logits(judge, m, s, OFFSETS)[_asked(s, judge.n, OFFSETS)]
    d = (2-2*((x-judge.bias)/judge.scale.exp().clamp(max=50)).clamp(-1, 1)).sqrt().mean(0)
    return dict(p=float(x[:,OFFSETS].sigmoid().mean()), distance=float(d.min()), confidence=float(d.median()-d.min()), offset=int(d.argmin())-OFFSETS, in_sync=float(((x.argmax(1)-OFFSETS).abs()<=1).float().mean()), asked=len(x))

def moved(track): return replace(track, lips=track.lips-np.nanmean(track.lips, 0)) # each point about its own mean place
def held(track): return replace(track, lips=np.repeat(track.lips[track.seen][:1], len(track.lips), 0), opening=np.full(len(track.opening), track.opening[track.seen][0]))

def shape_of(track, truth) -> dict:
    "Landmark distance in eye distances, as it is and of the movement alone; how the opening follows, where it follows best, and by how much it is wrong"
    n = min(len(track.opening), len(truth.opening)); lag, at = best_lag(track.opening, truth.opening)
    return dict(lmd=lip_distance(track, truth), lmd_moved=lip_distance(moved(track), moved(truth)), follows=follow(track.opening, truth.opening), lag=lag, follows_there=at, opening=float(np.nanmean(np.abs(track.opening[:n]-truth.opening[:n]))))

_hog = cv2.HOGDescriptor((64,64), (16,16), (8,8), (8,8), 9)
def prints(frames, tr, what:str) -> np.ndarray:
    "Gradients of each `face`, or of what is around its `lips` (HOG, Dalal & Triggs 2005), about their mean, of length 1 [n,1764]"
    looks = crops(frames, tr.to_face, 64, CFG.face_size) if what == 'face' else crops(frames, tr.to_mouth, 128)[:,16:80,32:96] # the quarter of the mouth's crop in which the lips are
    x = np.stack([_hog.compute(cv2.cvtColor(np.ascontiguousarray(c), cv2.COLOR_RGB2GRAY)).ravel() for c in looks]); x -= x.mean(1, keepdims=True)
    return x/np.linalg.norm(x, axis=1, keepdims=True)

@lru_cache(256)
def prints_of(video, what): return prints(frames_of(video), face_of(video), what)

def nearest(x:np.ndarray, y:np.ndarray, same:bool=False) -> np.ndarray: # [n]
    "Cosine distance of each print to the nearest of another set; of the same clip only those some time away count"
    d = 1-x@y.T
    if same: d[np.abs(np.subtract.outer(np.arange(len(x)), np.arange(len(y)))) <= APART] = np.inf
    return d.min(1)

def identity_of(dub, a, others:list, what:str) -> dict:
    "Medians of the nearest print: source to itself, dub to source, other people to source; share of frames whose nearest print is the source's, and whose the others' are"
    src, x = prints_of(a, what), prints(frames_of(dub), face_of(a), what)
    d = [nearest(x, src, True), *(nearest(x, prints_of(o, what)) for o in others)]
    share = np.bincount(np.argmin(d, 0), minlength=len(d))/len(x)
    return dict(own=float(np.median(nearest(src, src, True))), dub=float(np.median(d[0])), other=float(np.median(np.concatenate([nearest(prints_of(o, what), src) for o in others]))), taken=float(share[0]),
        taken_for={o.parent.name: float(k) for o,k in zip(others, share[1:]) if k})

def judged(judge, kind, a:Path, b:Path, dub:Path, people:dict) -> dict:
    "All figures of one dub"
    tr, side, audio = face_of(a), judge.cfg.image_size, read_audio(b, CFG.audio_sr)
    al = align(audio, CFG.audio_sr, *((t, None) if (t := said(b)) else find_transcript(b)), CFG)
    mels, vis = mel_windows(log_mel(audio, CFG), tr.times, CFG), al.visemes(tr.times)
    own = crops(frames_of(a), tr.to_mouth, side)
    mouths = dict(dub=crops(frames_of(dub), tr.to_mouth, side), truth=crops(frames_of(b), face_of(b).to_mouth, side), undubbed=own, frozen=np.repeat(own[:1], len(own), 0))
    lips = dict(dub=lips_of(dub), truth=lips_of(b), undubbed=lips_of(a), frozen=held(lips_of(a)))
    others = [v for s,v in (people | {b.parent.name: b}).items() if s != a.parent.name]
    return dict(kind=kind, face=f'{a.parent.name}/{a.stem}', voice=f'{b.parent.name}/{b.stem}', aligner=al.aligner, found=lips['dub'].found,
        sync={k: sync_of(judge, m, mels) for k,m in mouths.items()}, shape={k: shape_of(t, lips['truth']) for k,t in lips.items() if k != 'truth'},
        paste=paste_quality(dub, a, tr)._asdict(), identity={w: identity_of(dub, a, others, w) for w in ('face','lips')}, shut={k: shut_quality(lips[k], vis, audio)._asdict() for k in ('dub','truth','undubbed')})

# In noise

def with_noise(x:np.ndarray, snr:float, rng) -> np.ndarray:
    "Pink noise `snr` dB below the sounding part of `x`"
    s = np.fft.rfft(rng.standard_normal(len(x))); s[1:] /= np.sqrt(np.arange(1, len(s))); n = np.fft.irfft(s, len(x))
    return (x + n/n.std()*np.sqrt(np.square(x[np.abs(x) > .01]).mean())*10**(-snr/20)).astype(np.float32)

def in_noise(checkpoint:str, pairs:list, levels:list, folder:Path, seed:int) -> list:
    "For the clean sound and each level: what the lips of the dubs do, told by the clean sound, and the truth's"
    generate, rng, out = generator(checkpoint, 'cpu'), np.random.default_rng(seed), []
    for _, a, b in pairs:
        x, text, grid = read_audio(b, CFG.audio_sr), *((t, None) if (t := said(b)) else find_transcript(b))
        vis, names = align(x, CFG.audio_sr, text, grid, CFG).visemes(face_of(a).times), dict(face=f'{a.parent.name}/{a.stem}', voice=f'{b.parent.name}/{b.stem}')
        for i, snr in enumerate((None, *levels)):
            wav, mp4 = folder/f'{b.stem}_{i}.wav', folder/f'{a.stem}_{b.stem}_{i}.mp4'
            write_wav(wav, x if snr is None else with_noise(x, snr, rng), CFG.audio_sr); dub_video(a, wav, generate, mp4, text=text); lips = lips_of(mp4)
            out.append(names | dict(snr=snr, follows=follow(lips.opening, lips_of(b).opening), dub=shut_quality(lips, vis, x)._asdict(), truth=shut_quality(lips_of(b), vis, x)._asdict()))
            print(out[-1], flush=True)
    return out

# What is told

def median(x) -> dict:
    "Median with its 95 % bootstrap interval over pairs"
    r = interval(x, statistic=np.median); return dict(median=r['mean'], low=r['low'], high=r['high'], n=r['n'])

def flat(row, at='') -> dict: return {k: v for n,x in row.items() for k,v in (flat(x, f'{at}{n}.').items() if isinstance(x, dict) else [(at+n, x)])}

def plain(x):
    "The same for JSON, which has no nan"
    if isinstance(x, dict): return {k: plain(v) for k,v in x.items()}
    if isinstance(x, list): return [plain(v) for v in x]
    return None if isinstance(x, float) and not math.isfinite(x) else x

def summary(rows:list) -> dict:
    "Kind of pair -> figure -> median and interval"
    numbers = [{k: v for k,v in flat(r).items() if isinstance(v, (int,float)) and 'taken_for' not in k} for r in rows]
    return {kind: {k: median([x.get(k) for r,x in zip(rows, numbers) if kind in ('all', r['kind'])]) for k in numbers[0]} for kind in ('all', *dict.fromkeys(r['kind'] for r in rows))}

def sheet(row, a, b, dub, out:Path, n:int=8, side:int=160):
    "Rows: A, the dub, B, faces and then mouths, from B's mouth at its widest to its most shut, in the order of time"
    k = min(len(frames_of(v)) for v in (a, b, dub)); order = np.argsort(np.nan_to_num(lips_of(b).opening[:k])); pick = sorted(order[np.linspace(0, k-1, n).round().astype(int)])
    strip = lambda v, s, what: np.concatenate(list(crops([frames_of(v)[i] for i in pick], [getattr(face_of(s), f'to_{what}')[i] for i in pick], side, getattr(CFG, f'{what}_size'))), 1)
    rows = [strip(v, s, what) for what in ('face','mouth') for v,s in ((a,a), (dub,a), (b,b))]
    cv2.imwrite(str(out/f"{row['kind']}_{dub.stem}.jpg"), np.concatenate(rows)[...,::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])

def measured(a, judge, pairs:list, folder:Path) -> list:
    "Make the dubs that are missing, in a process of its own, and judge all"
    left = [x for x in pairs if not (folder/(name_of(*x[1:])+'.json')).exists()]
    if left:
        with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as child: child.submit(make_dubs, a.checkpoint, left, folder).result()
    people, rows = {f.parent.name: f for f in sorted(a.data.glob('*/*.mpg'), reverse=True)}, []
    for kind, f, v in pairs:
        dub = folder/name_of(f, v); r = judged(judge, kind, f, v, dub, people) | dict(cost=load_json(folder/(dub.name+'.json'))); rows.append(r)
        print(kind, dub.stem, {k: (round(s['p'], 2), s['offset']) for k,s in r['sync'].items()}, 'r', {k: round(s['follows'], 2) for k,s in r['shape'].items()}, {k: round(x, 2) for k,x in r['paste'].items()}, r['identity']['lips'], flush=True)
        if a.pictures: a.pictures.mkdir(parents=True, exist_ok=True); sheet(r, f, v, dub, a.pictures)
    return rows

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--checkpoint', required=True, help='of a generator'); p.add_argument('--judge', required=True, type=Path, help='a sync expert that the generator never met')
    p.add_argument('--pairs', type=int, default=20); p.add_argument('--seed', type=int, default=0)
    p.add_argument('--data', type=Path, default=ROOT.parent/'shared'/'data'/'grid', help='folders of speakers with .mpg clips'); p.add_argument('--met', nargs='+', default=['s1'], help='speakers of the training')
    p.add_argument('--heard', type=Path, help='processed files of the training: their clips are left out'); p.add_argument('--noise', type=float, nargs='+', default=[], help='decibels')
    p.add_argument('--dubs', type=Path, help='keep the dubs here'); p.add_argument('--pictures', type=Path); p.add_argument('--out', type=Path, default=ROOT/'benchmarks'/'results'/'cross.json')
    a = p.parse_args(); cv2.setNumThreads(1); torch.set_num_threads(1); start = time.time()
    pairs, judge = clip_pairs(a.data, a.pairs, a.met, a.heard, a.seed), load_model(a.judge, SyncDiscriminator).eval()
    old = load_json(a.out) if a.out.exists() else {}
    with tempfile.TemporaryDirectory() as d:
        if a.noise:
            some = [x for k in KINDS for x in sorted((x for x in pairs if x[0] == k), key=lambda x: -sum(c in 'bp' for c in x[2].stem))[:2]]
            new = old | dict(noise=in_noise(a.checkpoint, some, a.noise, Path(d), a.seed), noise_provenance=provenance())
        else:
            folder = a.dubs or Path(d); folder.mkdir(parents=True, exist_ok=True); rows = measured(a, judge, pairs, folder)
            new = {k: v for k,v in old.items() if k.startswith('noise')} | dict(checkpoint=Path(a.checkpoint).name, judge=dict(judge.meta), met=a.met, seed=a.seed, offsets=OFFSETS, pairs=rows, summary=summary(rows), seconds=round(time.time()-start), provenance=provenance())
    save_json(a.out, plain(new)); print(f"{time.time()-start:.0f} s -> {a.out}")

if __name__ == '__main__': main()
