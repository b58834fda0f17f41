"""Benchmarks of preprocessing, the generator and its training, each with a reference in the same run; results as JSON in benchmarks/results/

    python scripts/bench.py preprocess            # x real time on one core, time per stage, quick versus thorough
    python scripts/bench.py scaling               # two worker processes versus one
    python scripts/bench.py size                  # bytes per hour versus the reference design's pickles
    python scripts/bench.py model                 # ms per frame of the generator by optimisation, and of Wav2Lip's network; also on a GPU, if any
    python scripts/bench.py model --run RUN --data PROCESSED # also the quality of a trained generator on its validation clips
    python scripts/bench.py train                 # samples per second of the adversarial step, with each optimisation and all together; more settings: bench_train.py
    python scripts/bench.py landmarks --clips DIR # landmarks by LiteRT versus MediaPipe's, if installed: speed, difference, size; DIR has grid/ and address/
    python scripts/bench.py all                   # everything but landmarks
    python scripts/bench.py --clips DIR preprocess # your own clips instead of ../shared/data (default: the embedded corpus)

The tests don't time anything: machines are noisy, so every value is a ratio to a reference measured in the same minute.
"""
import argparse, contextlib, io, os, shutil, subprocess, sys, tempfile, time
from collections import Counter
from pathlib import Path
os.environ['OMP_NUM_THREADS'] = '1' # before NumPy and torch read it
import cv2, numpy as np, torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT/'scripts')]
import bench_train
from bench_landmarks import bench_landmarks
from bench_model import bench_model
from lipsync import media
from lipsync.config import PreprocessConfig, provenance, save_json
from lipsync.data import preprocess
from lipsync.face import tracks
from lipsync.data.engine import map_videos
from lipsync.face.landmarks import FaceLandmarker
from lipsync.demo_corpus.portraits import make_corpus
from lipsync.sources import Video
from lipsync.media import probe, read_audio, write_video

SHARED = ROOT.parent/'shared'/'data'

def one_core():
    "Stay on one core, with one thread for each library"
    cv2.setNumThreads(1); torch.set_num_threads(1); media.decode_threads(1)
    if hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

def cut_square(src:Path, dst:Path, side:int=512):
    "The middle of a wide video as a square one at 25 fps, H.264, with its sound and text"
    def square(f):
        h, w = f.shape[:2]; s = min(h, w)
        f = f[(h-s)//2:(h+s)//2, (w-s)//2:(w+s)//2]
        return cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA)
    write_video(dst, (square(f) for _,f in media.read_frames(src, 25)), 25, read_audio(src), 16000)
    if (t := src.with_suffix('.txt')).exists(): shutil.copyfile(t, dst.with_suffix('.txt'))

def clip_sets(tmp:Path, clips:Path=None) -> dict:
    "Name -> videos: real clips where they are, else the embedded corpus"
    if clips: return {clips.name: sorted(f for p in ('*.mp4','*.mpg','*.mov','*.mkv') for f in clips.rglob(p))[:24]}
    if not SHARED.exists():
        make_corpus(tmp/'corpus', persons=2, sentences=3, size=512)
        return {'embedded 512x512': sorted((tmp/'corpus').glob('*/*.mp4'))}
    wide = [f for f in sorted((SHARED/'address').rglob('*.mp4')) if probe(f).has_audio]
    for f in wide: cut_square(f, tmp/f.name)
    return {'GRID 360x288': sorted((SHARED/'grid'/'s1').glob('*.mpg'))[:20], '512x512': sorted(tmp.glob('*.mp4')), '1280x720': wide}

class Stages:
    "Time spent inside some functions, each counted without those it calls that are counted too"
    def __init__(self): self.spent, self.stack = Counter(), []
    def wrap(self, name, f):
        def g(*a, **kw):
            t, inner = time.perf_counter(), []
            self.stack.append(inner)
            try: return f(*a, **kw)
            finally:
                d = time.perf_counter()-t; self.stack.pop(); self.spent[name] += d-sum(inner)
                if self.stack: self.stack[-1].append(d)
        return g
    def frames(self, it): # a generator's time
        def g(source):
            frames = iter(it(source)); step = self.wrap('decode', lambda: next(frames, None))
            while (x := step()) is not None: yield x
        return g

def measured_stages():
    "Wrap the stages of preprocessing; returns the clock"
    s = Stages()
    Video.__iter__ = s.frames(Video.__iter__)
    FaceLandmarker.__call__ = s.wrap('landmarks', FaceLandmarker.__call__)
    FaceLandmarker.faces_in = s.wrap('count faces', FaceLandmarker.faces_in)
    tracks._alike = s.wrap('compare frames', tracks._alike)
    for name, label in dict(warp='warp', encode_jpeg='JPEG', align='align', read_audio='sound', estimate_offset='sync', _meta='hash', log_mel='mel', voice_activity='mel', mel_windows='mel').items():
        setattr(preprocess, name, s.wrap(label, getattr(preprocess, name)))
    preprocess.RowWriter.add = s.wrap('write', preprocess.RowWriter.add); preprocess.RowWriter.__exit__ = s.wrap('write', preprocess.RowWriter.__exit__)
    return s

def run(videos, out:Path, cfg=PreprocessConfig()):
    "(seconds, seconds of video, frames) of preprocessing the videos one after another"
    t, reports = time.perf_counter(), [preprocess.preprocess_video(v, out/f"{v.stem}.parquet", cfg, force=True) for v in videos]
    if bad := [r for r in reports if r.status != 'done']: sys.exit(f"{bad[0].source}: {bad[0].reason}")
    return time.perf_counter()-t, sum(r.duration for r in reports), sum(r.frames for r in reports)

def bench_preprocess(tmp, clips, rounds:int=3) -> dict:
    "x real time on one core, best of `rounds`; FaceMesh alone on every frame beside it; and with every frame measured"
    one_core(); sets, out = clip_sets(tmp, clips), {}
    for name, videos in sets.items():
        run(videos[:1], tmp/'out') # loads the models
        best, thorough, mesh = [], [], []
        for _ in range(rounds):
            best.append(run(videos, tmp/'out'))
            tracks.UNLIKE, keep = -1., tracks.UNLIKE
            thorough.append(run(videos, tmp/'out')); tracks.UNLIKE = keep
            mesh.append(mesh_alone(videos[0]))
        (s, dur, n), (s1,_,_) = min(best), min(thorough)
        out[name] = dict(videos=len(videos), frames=n, x_real_time=round(dur/s, 2), ms_per_frame=round(s/n*1e3, 2), x_real_time_every_frame_measured=round(dur/s1, 2),
            facemesh_alone_ms=round(min(mesh), 2), frames_in_the_time_of_facemesh=round(s/n*1e3/min(mesh), 2))
        print(name, out[name], flush=True)
    clock = measured_stages()
    for name, videos in sets.items():
        clock.spent.clear(); s, dur, n = run(videos, tmp/'out')
        spent = clock.spent | Counter(other=s-sum(clock.spent.values()))
        out[name]['stages_ms_per_frame'] = {k: round(v/n*1e3, 3) for k,v in spent.most_common()}
        print(name, out[name]['stages_ms_per_frame'], flush=True)
    return out

def mesh_alone(video) -> float:
    "Milliseconds of FaceMesh (refined landmarks) on each frame of a video, nothing else"
    frames = [f for _,f in Video(video, fps=25, quick=True)]
    find = tracks._landmarker(); find.reset(); find(frames[0])
    t = time.perf_counter()
    for f in frames: find(f)
    return (time.perf_counter()-t)/len(frames)*1e3

def bench_scaling(tmp, clips, rounds:int=3) -> dict:
    "Videos per second with two worker processes against one, in turns"
    videos = next(iter(clip_sets(tmp, clips).values()))
    def once(workers):
        t = time.perf_counter()
        reports = map_videos(preprocess.preprocess_video, [(v, tmp/'out'/f"{i}_{v.stem}.parquet", PreprocessConfig(), 'x', True) for i in range(3) for v in videos], workers)
        assert all(r.status == 'done' for r in reports)
        return time.perf_counter()-t, sum(r.duration for r in reports)
    once(2) # the server that forks the workers is up
    one, two = [], []
    for _ in range(rounds): one.append(once(1)); two.append(once(2))
    r = dict(videos=3*len(videos), x_real_time_1=round(one[0][1]/min(one)[0], 2), x_real_time_2=round(two[0][1]/min(two)[0], 2), ratio=round(min(one)[0]/min(two)[0], 3),
        ratios=[round(a[0]/b[0], 3) for a,b in zip(one, two)])
    print(r); return r

def unbroken(src:Path, dst:Path):
    "Half a minute without a cut: the clip's frames forth and back, with its sound; a clip of 75 frames is one sequence and stands only once in a pickle"
    frames = [f for _,f in media.read_frames(src, 25)]
    loop = frames + frames[-2:0:-1]
    write_video(dst, (loop[i % len(loop)] for i in range(750)), 25, np.resize(read_audio(src), 30*16000), 16000)

def sizes(videos, folder:Path) -> tuple:
    "(bytes as Parquet, bytes as pickles, hours, tracks)"
    from lipsync.data.pickles import export_pkl
    reports = [preprocess.preprocess_video(v, folder/'p'/f"x_{v.stem}_processed.parquet") for v in videos]
    with contextlib.redirect_stdout(io.StringIO()): export_pkl(folder/'p', folder/'pkl', json=True)
    size = lambda d, g: sum(f.stat().st_size for f in d.rglob(g))
    return size(folder/'p', '*.parquet'), size(folder/'pkl', '*.pkl'), sum(r.duration for r in reports)/3600, sum(r.tracks for r in reports)

def bench_size(tmp, clips) -> dict:
    "Bytes an hour of the processed files and of the pickles they export to, for half a minute without a cut and for the clips as they are"
    out = {}
    for k, (name, videos) in enumerate(clip_sets(tmp, clips).items()):
        for v in videos: # until one is unbroken: frames outside a whole sequence are not in the pickles at all
            unbroken(v, tmp/f'long{k}.mp4'); p, old, h, tracks = sizes([tmp/f'long{k}.mp4'], tmp/f'a{k}_{v.stem}')
            if tracks == 1: break
        p1, old1, h1, _ = sizes(videos, tmp/f'b{k}')
        out[name] = dict(unbroken_from=v.name, tracks=tracks, GB_per_hour=round(p/h/1e9, 3), pickle_GB_per_hour=round(old/h/1e9, 3), ratio=round(old/p, 2), clips_GB_per_hour=round(p1/h1/1e9, 3),
            clips_ratio=round(old1/p1, 2), source_GB_per_hour=round(sum(v.stat().st_size for v in videos)/h1/1e9, 3))
        print(name, out[name], flush=True)
    return out

BENCHES = dict(preprocess=bench_preprocess, scaling=bench_scaling, size=bench_size) # each is called with a scratch folder and the clips

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('what', nargs='+', choices=[*BENCHES, 'landmarks', 'model', 'train', 'all']); ap.add_argument('--clips', type=Path, help="folder of clips to use")
    ap.add_argument('--run', type=Path, help="model: run folder, to measure the quality of its generator"); ap.add_argument('--data', type=Path, help="model: processed folder of its training")
    ap.add_argument('--rounds', type=int, default=6, help="model: number of timings per variant"); ap.add_argument('--preset', default='base', help="model: preset")
    args = ap.parse_args()
    if args.run and not args.data: ap.error("--run needs --data, the processed folder")
    benches = BENCHES | dict(model=lambda tmp, clips: bench_model(args.rounds, args.run, args.data, args.preset), train=lambda tmp, clips: bench_train.bench_train(bench_train.arguments([])), landmarks=bench_landmarks)
    commit = subprocess.run(['git','rev-parse','--short','HEAD'], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    for what in [b for b in benches if b != 'landmarks'] if 'all' in args.what else args.what:
        with tempfile.TemporaryDirectory() as tmp: result = benches[what](Path(tmp), args.clips)
        cpu = next((l.split(':')[1].strip() for l in open('/proc/cpuinfo') if l.startswith('model name')), '') if os.path.exists('/proc/cpuinfo') else ''
        name = what if what != 'model' or args.preset == 'base' else f"model_{args.preset}"
        save_json(ROOT/'benchmarks'/'results'/f"{name}.json", dict(command=f"python scripts/bench.py {what}", commit=commit, cpu=cpu, **{what: result}, **provenance()))

if __name__ == '__main__': main()
