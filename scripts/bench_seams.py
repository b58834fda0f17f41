"""Measure compositing on real clips, relative to the source, compared with simple pasting; results in benchmarks/results/seams.json

    python scripts/bench_seams.py                                   # stand-ins: the true mouths of another second, also from 96 and from 64 pixels
    python scripts/bench_seams.py --checkpoint RUN --pairs A.mpg+B.mpg ... # and what a generator makes of the face of A and the sound of B, with the mouths that should be shut
    python scripts/bench_seams.py --clips DIR                        # your own clips in place of ../shared/data (else: the embedded corpus)

`rectangle` is the generated square through the inverse transform, with nothing done to it; `resize` the same in an upright box of whole pixels, as Wav2Lip pastes; `mask` is composed without
its texture; `composed` is what a dub gets. Each is judged at the edge of its own mask, before any encoder; `encoded` is the composed one as a file.
"""
import argparse, os, sys, tempfile, time
from itertools import islice
from pathlib import Path
os.environ.setdefault('OMP_NUM_THREADS', '1')
import cv2, numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import PreprocessConfig, load_json, provenance, save_json
from lipsync.align.forced import align
from lipsync.align.transcripts import find_transcript
from lipsync.audio.features import log_mel, mel_windows
from lipsync.face.landmarks import apply_affine, invert_affine, warp
from lipsync.demo_corpus.portraits import make_corpus
from lipsync.face.follow import follow_face
from lipsync.dub.compose import Composer, compose, mouth_masks
from lipsync.sources import Video
from lipsync.dub.dub import _crops, generator, references, track_mouths
from lipsync.dub.seams import paste_quality
from lipsync.evaluate.measures import follow, shut_quality, track_opening
from lipsync.media import read_audio, read_frames, write_video

SHARED = ROOT.parent/'shared'/'data'
SQUARE = np.pad(np.ones((248,248), np.float32), 4)

def clip_sets(tmp:Path, clips:Path=None) -> dict:
    "Name -> [(video, first frame)]"
    if clips: return {clips.name: [(f, 0) for f in sorted(clips.rglob('*.mp4'))[:4]]}
    if not SHARED.exists():
        make_corpus(tmp/'corpus', persons=2, sentences=2, size=512, workers=1)
        return {'embedded': [(f, 0) for f in sorted((tmp/'corpus').glob('*/*.mp4'))]}
    first = lambda p: next(iter(sorted((SHARED/'grid'/p).glob('*.mpg'))))
    long, wide = SHARED/'long'/'s1_90s.mp4', SHARED/'address'/'obama'
    return {'GRID': [(first(p), 0) for p in ('s1','s3','s4','s22')], 'address': [(wide/'obama_wa_01.mp4', 30), (wide/'obama_wa_02.mp4', 0), (wide/'obama_wa_06.mp4', 0)], 'long': [(long, a) for a in (45, 420, 1000)]}

def masks_of(tr):
    "The mask of each frame, drawn when asked for"
    at = [np.flatnonzero(tr.track == k) for k in range(tr.track.max()+1)]
    drawn = {k: (mouth_masks([tr.landmarks[i] for i in a], [tr.to_mouth[i] for i in a]), a[0]) for k,a in enumerate(at)}
    return [None if k < 0 else (lambda m, first: m[i-first])(*drawn[int(k)]) for i,k in enumerate(tr.track)]

def moved(frames, tr, by=25, side=0):
    "The true mouths of another second of the same track, through a bottleneck of `side` pixels"
    out = {}
    for k in range(tr.track.max()+1):
        at = np.flatnonzero(tr.track == k)
        for j, i in enumerate(at):
            s = (j+by) % max(2*len(at)-2, 1); s = at[min(s, abs(2*(len(at)-1)-s))] # to and fro, so that nothing jumps
            m = warp(frames[s], tr.to_mouth[s], 256)
            out[int(i)] = cv2.resize(m, (side,side), interpolation=cv2.INTER_AREA) if side else m
    return out

def resized(frame, mouth, M):
    "As Wav2Lip pastes: an upright box of whole pixels"
    c = apply_affine(invert_affine(M), [(4,4), (252,4), (4,252), (252,252)]); (x0,y0), (x1,y1) = c.min(0).round().astype(int), c.max(0).round().astype(int)
    n = len(mouth); b = max(round(n*4/256), 0); out, part = frame.copy(), cv2.resize(mouth[b:n-b,b:n-b], (x1-x0, y1-y0))
    a, b, c, d = max(x0,0), max(y0,0), min(x1, frame.shape[1]), min(y1, frame.shape[0])
    out[b:d,a:c] = part[b-y0:d-y0,a-x0:c-x0]
    return out

def composed(frames, tr, mouths, masks, **kw):
    "By a `Composer` for each track"
    put, last = None, -1
    for i, f in enumerate(frames):
        if i not in mouths: yield f; continue
        if tr.track[i] != last: put, last = Composer(**kw), tr.track[i]
        yield put(f, mouths[i], tr.to_mouth[i], masks[i])

def judged(frames, tr, mouths, tmp, fps=25.) -> dict:
    "Each way of pasting -> its figures"
    masks, square = masks_of(tr), [SQUARE]*len(frames)
    plain = lambda f: (f(i, frame) if i in mouths else frame for i,frame in enumerate(frames))
    write_video(tmp/'encoded.mp4', composed(frames, tr, mouths, masks), fps); write_video(tmp/'again.mp4', frames, fps)
    ways = {'rectangle': (plain(lambda i, f: compose(f, mouths[i], tr.to_mouth[i], SQUARE, colour=False, texture=False)), square), 'resize': (plain(lambda i, f: resized(f, mouths[i], tr.to_mouth[i])), square),
        'mask': (composed(frames, tr, mouths, masks, texture=False), masks), 'composed': (composed(frames, tr, mouths, masks), masks), 'encoded': (tmp/'encoded.mp4', masks), 'source encoded': (tmp/'again.mp4', masks)}
    return {k: paste_quality(x, frames, tr, m)._asdict() for k,(x,m) in ways.items()}

def mean_and_worst(rows) -> dict:
    "Ways -> figures over some clips"
    return {way: {k: dict(mean=float(np.mean([r[way][k] for r in rows])), most=float(np.max([r[way][k] for r in rows]))) for k in rows[0][way]} for way in rows[0]}

def chin_covered(tr) -> float:
    "The least weight of the mask over the source's chin"
    least, masks = 1., masks_of(tr)
    for m, M, lm in zip(masks, tr.to_mouth, tr.landmarks):
        if m is None: continue
        p = apply_affine(M, lm[[148,176,152,400,377]]).round().astype(int).clip(0, 255); least = min(least, float(m[p[:,1],p[:,0]].min()))
    return least

def stand_ins(tmp, clips, n, only=None) -> dict:
    "Sets of clips -> stand-ins -> ways -> figures"
    out = {}
    for name, videos in clip_sets(tmp, clips).items():
        if only not in (None, name): continue
        rows, sides, chin = {}, [], []
        for v, start in videos:
            timed = list(islice(read_frames(v), start, start+n)); frames = [f for _,f in timed]; tr = follow_face(timed)
            k = next(i for i,t in enumerate(tr.track) if t >= 0); sides.append(round(256/float(np.sqrt(np.linalg.det(tr.to_mouth[k][:,:2]))))); chin.append(chin_covered(tr))
            for label, side in {'another second': 0, 'from 96 pixels': 96, 'from 64 pixels': 64}.items(): rows.setdefault(label, []).append(judged(frames, tr, moved(frames, tr, side=side), tmp))
            print(name, v.name, {w: (round(r['seam'], 2), round(r['worst'], 2), round(r['flicker'], 2)) for w,r in rows['from 64 pixels'][-1].items()}, flush=True)
        out[name] = dict(clips=[v.name for v,_ in videos], frames=n, crop_side=sides, chin_covered=chin, ways={k: mean_and_worst(r) for k,r in rows.items()})
    return out

def generated(tmp, checkpoint, pairs) -> dict:
    "The face of one clip, the sound of another: pasting, and shut mouths beside those of the truth"
    generate, cfg, rows, shut, r = generator(str(checkpoint), 'cpu'), PreprocessConfig(), [], {}, []
    for face, sound in (map(Path, p.split('+')) for p in pairs):
        src, audio = Video(face), read_audio(sound, cfg.audio_sr); tr, frames = follow_face(src, cfg), [f for _,f in src]
        mels, vis = mel_windows(log_mel(audio, cfg), tr.times, cfg), align(audio, cfg.audio_sr, *find_transcript(sound), cfg).visemes(tr.times)
        mouths = dict(track_mouths(generate, mels, vis, tr.track, references(src, tr, getattr(generate, 'mouths', 0), cfg), _crops(src, tr, cfg.mouth_size)))
        rows.append(judged(frames, tr, mouths, tmp, src.fps))
        dub, truth, own = (track_opening(v, None) for v in (tmp/'encoded.mp4', sound, face))
        r.append((follow(dub.opening, truth.opening), follow(own.opening, truth.opening)))
        for who, x in dict(dub=dub, truth=truth, undubbed=own).items(): shut.setdefault(who, []).append(shut_quality(x, vis, audio)._asdict())
        print(face.stem, '+', sound.stem, {w: (round(q['seam'], 2), round(q['worst'], 2), round(q['flicker'], 2)) for w,q in rows[-1].items()}, {w: (x[-1]['silence'], x[-1]['bilabials']) for w,x in shut.items()}, flush=True)
    pooled = lambda s, k, n: float(np.nansum([x[k]*x[n] for x in s if x[n]])/max(sum(x[n] for x in s), 1))
    rates = {w: dict(silence=pooled(s, 'silence', 'silent'), silent=sum(x['silent'] for x in s), bilabials=pooled(s, 'bilabials', 'sounds'), sounds=sum(x['sounds'] for x in s),
        motion=float(np.nanmean([x['motion'] for x in s])), opening=float(np.nanmean([x['opening'] for x in s]))) for w,s in shut.items()}
    return dict(checkpoint=Path(checkpoint).name, mouth_side=len(next(iter(mouths.values()))), pairs=[f"{Path(p.split('+')[0]).stem}+{Path(p.split('+')[1]).stem}" for p in pairs], ways=mean_and_worst(rows), shut=rates,
        follows=dict(dub=float(np.mean([a for a,_ in r])), undubbed=float(np.mean([b for _,b in r]))))

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--clips', type=Path); p.add_argument('--frames', type=int, default=50); p.add_argument('--only', help='this set of clips alone; the others stay as they are'); p.add_argument('--checkpoint', help='of a generator'); p.add_argument('--pairs', nargs='+', default=[], help='FACE+SOUND, both with their text beside them')
    p.add_argument('--name', default='generator', help='what the JSON calls that generator'); p.add_argument('--results', type=Path, default=ROOT/'benchmarks'/'results'/'seams.json')
    a = p.parse_args(); cv2.setNumThreads(1); start = time.time()
    out = load_json(a.results) if a.results.exists() else {}
    with tempfile.TemporaryDirectory() as d:
        if a.checkpoint: out.setdefault('generated', {})[a.name] = generated(Path(d), a.checkpoint, a.pairs)
        else: out['stand_ins'] = (out.get('stand_ins', {}) if a.only else {}) | stand_ins(Path(d), a.clips, a.frames, a.only)
    save_json(a.results, out | dict(provenance=provenance()))
    print(f"{time.time()-start:.0f} s -> {a.results}")

if __name__ == '__main__': main()
