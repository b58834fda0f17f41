"""Measure speed and memory of all parts on this machine, each with a reference in the same run; appends a line to benchmarks/results/history.jsonl

    make bench                                # = python scripts/bench_all.py: two to three minutes on an idle core
    python scripts/bench_all.py --quick       # one minute: shorter clips, fewer rounds, no training of `base` widths
    python scripts/bench_all.py --only dub    # some parts; a line is written only if all were measured
    python scripts/bench_all.py --show        # the newest line as a table

Each part runs in a process of its own, on one core with one thread, so that its peak of memory is its own and figures of different machines can be compared. The peak is VmHWM of /proc, which starts anew with a program (`ru_maxrss`
begins at the size of the process that started it). Times are CPU time, so what other programs take of the core doesn't count, though their use of the caches does: look at the ratios; `load` says how busy the machine was. Material is the
embedded corpus, the same everywhere.
What is measured: nbs/reports/benchmarks.ipynb. The larger measurements behind single chapters: bench.py, bench_train.py, bench_dub.py.
"""
import argparse, contextlib, json, os, re, subprocess, sys, tempfile, time
from collections import Counter
from pathlib import Path
os.environ['OMP_NUM_THREADS'] = '1' # before NumPy and torch read it

ROOT = Path(__file__).resolve().parent.parent
HISTORY = ROOT/'benchmarks'/'results'/'history.jsonl'
sys.path[:0] = [str(ROOT), str(ROOT/'scripts')]

def row(figure, value, unit, reference='', of_reference=None, ratio=None, **more):
    "A figure beside its reference; `ratio` is their quotient, above 1 where the figure is the better one"
    r = lambda x: None if x is None else float(f'{x:.4g}')
    return dict(figure=figure, value=r(value), unit=unit, reference=reference, of_reference=r(of_reference), ratio=r(ratio), **more)

def faster(figure, value, unit, reference, of_reference, more_is_better=True, **kw):
    return row(figure, value, unit, reference, of_reference, value/of_reference if more_is_better else of_reference/value, **kw)

def best(f, rounds):
    "Seconds of the quickest call"
    def once(): t = time.perf_counter(); f(); return time.perf_counter()-t
    return min(once() for _ in range(rounds))

# -- The parts: each is called in its own process with a scratch folder, and gives rows

def corpus(tmp, sentences):
    "Clips of two persons, from the cache where they were made before"
    from lipsync.demo_corpus.portraits import make_corpus
    return sorted(make_corpus(tmp/'corpus', persons=2, sentences=sentences, size=384, workers=1).glob('*/*.mp4'))

def preprocess(tmp, quick):
    import bench
    from lipsync.face import tracks
    bench.one_core(); videos = corpus(tmp, 1 if quick else 2)
    bench.run(videos[:1], tmp/'out') # loads the models
    own, all_frames, mesh = [], [], []
    for _ in range(1 if quick else 3): # in turns
        own.append(bench.run(videos, tmp/'out'))
        tracks.UNLIKE, keep = -1., tracks.UNLIKE
        all_frames.append(bench.run(videos, tmp/'out')); tracks.UNLIKE = keep
        mesh.append(bench.mesh_alone(videos[0]))
    (s, dur, n), naive = min(own), min(all_frames)[0]
    return [faster('preprocessing', dur/s, 'x real time, one core', 'landmarks measured in every frame', dur/naive),
        faster('preprocessing', s/n*1e3, 'ms a frame', 'FaceMesh alone on every frame', min(mesh), False)]

def loader(tmp, quick):
    import bench, cv2, numpy as np, pyarrow.parquet as pq
    from lipsync.data.dataset import FrameCache, LipSyncDataset
    from lipsync.data.preprocess import preprocess_video
    bench.one_core(); files = [tmp/'train'/f'{v.parent.name}_{v.stem}_processed.parquet' for v in corpus(tmp, 1)]
    for v, f in zip(corpus(tmp, 1), files): preprocess_video(v, f)
    T, n = 25, 8 if quick else 24
    def frames_per_s(size, cached):
        ds = LipSyncDataset(tmp/'train', train=True, seq_length=T, image_size=size, face_size=2*size)
        if not cached: ds.cache = FrameCache(0)
        items = np.random.default_rng(0).integers(len(ds), size=n)
        if cached: [ds[int(i)] for i in items]
        return n*T/best(lambda: [ds[int(i)] for i in items], 2)
    pictures = pq.read_table(files[0], columns=['mouth_jpeg'])['mouth_jpeg'].to_pylist()
    def naive(size): # decode at full size, shrink, to float: what a loader does at first
        for b in pictures: (cv2.resize(cv2.imdecode(np.frombuffer(b, np.uint8), 1), (size,size), interpolation=cv2.INTER_AREA)/127.5-1).astype(np.float32)
    def compared(name, size, cached): return faster(f'loader, {size}-pixel mouths, {name}', frames_per_s(size, cached), 'frames/s, one core', 'mouth JPEGs decoded, shrunk, as numbers', len(pictures)/best(lambda: naive(size), 3))
    return [compared('first time', 64, False), compared('from its cache', 64, True), compared('first time', 256, False)]

def model(tmp, quick):
    import torch, bench_model as bm
    from lipsync.config import keep_memory
    from lipsync.models import Streamer
    from lipsync.models.fast import optimise
    torch.set_num_threads(1); keep_memory(); bm.T = T = 10 if quick else 25
    base, tiny = bm.generator('base'), bm.generator('tiny')
    (args, _), (small, _) = bm.inputs(base.cfg, T=T), bm.inputs(tiny.cfg, T=T)
    net, x = bm.wav2lip()
    def stream(m, mels, visemes, face, n=5):
        s = Streamer(m, face[0])
        for i in range(0, T, n): s.push(mels[0,i:i+n], visemes[0,i:i+n])
        s.finish()
    half = optimise(base)
    calls = {'base': lambda: base(*args), 'half': lambda: half(*args), 'stream': lambda: stream(base, *args), 'tiny': lambda: tiny(*small), 'tiny stream': lambda: stream(tiny, *small), 'wav2lip': lambda: net(*x)}
    with torch.inference_mode(): t = {k: v['cpu_ms_per_frame'] for k,v in bm.in_turns(calls, 1 if quick else 3, T).items()}
    ms = lambda name, k, reference, ref: faster(name, t[k], 'CPU ms a frame, one thread', reference, t[ref], False)
    return [ms('generator base, 256 pixels, float32', 'base', "Wav2Lip's network, 96 pixels", 'wav2lip'), ms('generator base as a dub runs it', 'half', 'base, float32, as it is', 'base'),
        ms('generator base, streaming 5 frames', 'stream', 'base, the clip at once', 'base'), ms('generator tiny, 64 pixels', 'tiny', 'base, float32', 'base'), ms('generator tiny, streaming 5 frames', 'tiny stream', 'tiny, the clip at once', 'tiny')]

def train(tmp, quick):
    import torch, bench_train as bt
    torch.set_num_threads(1); bt.keep_memory(); acc = bt.accelerator(cpu=True); rows = []
    for preset, T, name in (('tiny', 25, 'training tiny, 64 pixels, 25 frames'), ('base', 5, 'training at the widths of base, 128 pixels, 5 frames')):
        if quick and preset=='base': continue
        a = bt.arguments(['--device', 'cpu', '--preset', preset, '--rounds', '1', '--timed', '2', '--warmup', '1', '--perceptual', 'laplacian', '--threads', '1']); a.T = T
        r, w, peak = bt.cycles(a, {}, acc), bt.work(a), bt.peaks(a, acc)['fp32'] # TFLOP/s
        rows.append(faster(name, r['samples_per_s'], 'steps/s of one clip, one thread', 'if all its operations ran as fast as a large matrix product', peak*1e3*a.n_critic/w['cycle']))
    return rows

def made_up(tmp, seconds):
    "A film of somebody who talks, and a speech of the same length with its phones"
    import numpy as np
    from bench_dub import TEXT
    from lipsync.align.transcripts import write_textgrid
    from lipsync.align.espeak import speak
    from lipsync.demo_corpus.puppet import render
    from lipsync.media import write_video, write_wav
    s, sr = speak(TEXT, pad=.3, sr=16000), 16000
    long, n = len(s.audio)/sr, int(seconds*25)
    loop = [*render('hopper', s, size=384)]; there = loop+loop[-2:0:-1]
    write_video(tmp/'face.mp4', (there[i % len(there)] for i in range(n)), 25, np.resize(s.audio, int(seconds*sr)), sr)
    write_wav(tmp/'speech.wav', np.resize(np.roll(s.audio, sr//2), int(seconds*sr)), sr)
    (tmp/'speech.txt').write_text(' '.join([TEXT]*round(seconds/long)))

def timed(names):
    "Wrap functions, given as {label: (holder, name)}; the clock that counts each without those inside it"
    from bench import Stages
    s = Stages()
    for label, (holder, name) in names.items(): setattr(holder, name, s.wrap(label, getattr(holder, name)))
    return s

def generating(make, clock):
    "A generator's function whose drawing is timed"
    def generate(*a):
        frames = iter(make(*a)); step = clock.wrap('draw the mouths', lambda: next(frames, None))
        while (y := step()) is not None: yield y
    generate.mouths = make.mouths
    return generate

def copy(src, dst):
    "The film decoded and encoded again as a dub encodes it, nothing else"
    from lipsync.sources import Video
    from lipsync.dub.output import Output
    v = Video(src)
    with Output(dst, v.width, v.height, v.fps, None, src, 18, like=v.traits, sources=v.files, key={}) as o:
        for _, rgb, raw in v.pictures(0):
            if o.add(rgb, raw, rgb): o.checkpoint({})

def dub(tmp, quick):
    import bench
    from lipsync.dub import compose, dub as d, output
    from lipsync.models.fast import optimise
    import bench_model as bm
    bench.one_core(); seconds = 4. if quick else 10.
    made_up(tmp, seconds)
    plain = best(lambda: copy(tmp/'face.mp4', tmp/f'copy{time.time_ns()}.mp4'), 1 if quick else 2)
    clock = timed({'find the faces': (d._Job, 'look'), 'find the phones': (d._Job, 'listen'), 'put them in': (compose.Composer, '__call__'), 'encode': (output.Output, 'add'), 'finish the file': (output.Output, '_finish')})
    make = generating(d.from_model(optimise(bm.generator('tiny'))), clock)
    d.dub_video(tmp/'face.mp4', tmp/'speech.wav', make, tmp/'warm.mp4'); clock.spent.clear() # models are loaded
    t = time.perf_counter(); rep = d.dub_video(tmp/'face.mp4', tmp/'speech.wav', make, tmp/'dub.mp4'); s = time.perf_counter()-t
    parts = clock.spent | Counter({'the rest: reading, sound, masks': s-sum(clock.spent.values())})
    assert rep.dubbed == rep.frames == round(seconds*25)
    t = time.perf_counter(); free = d.dub_video(tmp/'face.mp4', tmp/'speech.wav', None, tmp/'free.mp4'); s_free = time.perf_counter()-t
    assert free.dubbed == free.frames
    return [faster('dub, tiny generator, 384 pixels', seconds/s, 'x real time, one core', 'a plain copy: decoded and encoded again', seconds/plain, parts_ms_a_frame={k: float(f'{v/rep.frames*1e3:.3g}') for k,v in parts.most_common()}),
        faster('dub, training-free, 384 pixels', seconds/s_free, 'x real time, one core', 'a plain copy: decoded and encoded again', seconds/plain)]

def people(tmp, quick):
    "Two people dubbed from one clip of each, without training; the larger form is `bench_compare.py people`"
    import bench
    from lipsync.data.preprocess import preprocess_video
    from lipsync.dub.dub import dub_video
    from lipsync.evaluate.baselines import NearestViseme
    from lipsync.evaluate.measures import track_opening
    from lipsync.evaluate.scorecard import shape_part
    bench.one_core(); clips, found = corpus(tmp, 2), dict(free=[], nearest=[])
    for face, voice in (clips[:2], clips[3:1:-1]):
        bank, truth = tmp/f'{face.parent.name}_{face.stem}_processed.parquet', track_opening(voice); preprocess_video(face, bank)
        for kind, made in (('free', None), ('nearest', NearestViseme([bank]))):
            dub_video(face, voice, made, out := tmp/f'{kind}_{face.parent.name}.mp4', text=voice.with_suffix('.txt').read_text()); found[kind].append(shape_part(track_opening(out), truth))
    mean = lambda kind, key: sum(x[key] for x in found[kind])/len(found[kind])
    return [faster('any face, training-free', mean('free', 'lmd_motion'), "eye distances that lips move otherwise than the truth's, two people", 'nearest viseme of the same clip', mean('nearest', 'lmd_motion'), False,
        follows=round(mean('free', 'follows'), 3), reference_follows=round(mean('nearest', 'follows'), 3))]

def nothing(tmp, quick):
    import torch, ai_edge_litert.interpreter, lipsync.dub.dub # what every dub has in memory before it begins
    return []

PARTS = dict(imports=nothing, preprocess=preprocess, loader=loader, model=model, train=train, dub=dub, people=people)
MEMORY = dict(preprocess='preprocessing', loader='loader', model='generators, base and tiny', train='training', dub='dub', people='dub without training, and its judgement')

# -- One process a part

def peak_mb() -> float:
    "The largest size this program had, MB"
    return int(re.search(r'VmHWM:\s+(\d+)', Path('/proc/self/status').read_text())[1])*1024/1e6

def worker(name, quick):
    "Measure one part and print its rows as a line of JSON"
    time.perf_counter = time.process_time # of all threads, also for what is imported: other programs' time doesn't count
    with tempfile.TemporaryDirectory() as d, contextlib.redirect_stdout(sys.stderr):
        t = time.time(); rows = PARTS[name](Path(d), quick); t = time.time()-t
    print('RESULT '+json.dumps(dict(rows=rows, peak_mb=round(peak_mb()), seconds=round(t, 1))), flush=True)

def measure(name, quick) -> dict:
    p = subprocess.run([sys.executable, __file__, '--worker', name, *(['--quick'] if quick else [])], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    found = [l[7:] for l in p.stdout.splitlines() if l.startswith('RESULT ')]
    if p.returncode or not found: sys.exit(f"error: {name} could not be measured\n{p.stderr[-3000:]}")
    return json.loads(found[0])

def git(*args): return subprocess.run(['git', *args], cwd=ROOT, capture_output=True, text=True).stdout.strip()

def machine() -> dict:
    "What was measured on, and how busy it was"
    cpu = next((l.split(':')[1].strip() for l in open('/proc/cpuinfo') if l.startswith('model name')), '') if os.path.exists('/proc/cpuinfo') else ''
    return dict(cpu=cpu, cores=len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count(), load=round(os.getloadavg()[0], 1))

def line(quick, only=None) -> dict:
    "All figures, with machine, versions, date and commit"
    from lipsync.config import provenance
    out, start, where = dict(rows=[]), time.time(), machine()
    for name in only or PARTS:
        m = measure(name, quick); print(f"{name}: {m['seconds']} s", file=sys.stderr, flush=True)
        out['rows'] += [dict(part=name, **r) for r in m['rows']]
        if name == 'imports': imports = m['peak_mb']
        elif 'imports' in (only or PARTS): out['rows'].append(dict(part='memory', **faster(MEMORY[name], m['peak_mb'], 'MB at most', 'a program that only imports torch and LiteRT', imports, False)))
    return provenance() | dict(commit=git('rev-parse', '--short', 'HEAD'), changed=bool(git('status', '--porcelain', '--untracked-files=no', '--', 'lipsync')), quick=quick, machine=where, seconds=round(time.time()-start)) | out

def read(path=HISTORY) -> list:
    "All lines of the history, oldest first"
    return [json.loads(l) for l in path.read_text().splitlines()] if path.exists() else []

def show(x):
    "A line as a table"
    from lipsync.console import show_table
    num = lambda v: '' if v is None else f'{v:,.3g}' if v < 100 else f'{v:,.0f}'
    m = x['machine']
    show_table([dict(part=r['part'], figure=r['figure'], value=num(r['value']), unit=r['unit'], reference=r['reference'], its=num(r['of_reference']), ratio=num(r['ratio'])) for r in x['rows']],
        f"{x['commit']}{' with changes' if x['changed'] else ''}, {x['created'][:16]}, {m['cpu']}, load {m['load']}, {x['seconds']} s{', quick' if x['quick'] else ''}; a ratio above 1 is better than its reference")
    for r in x['rows']:
        if 'parts_ms_a_frame' in r: print(f"{r['figure']}, ms a frame: "+', '.join(f'{k} {v:g}' for k,v in r['parts_ms_a_frame'].items()))

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--quick', action='store_true'); ap.add_argument('--only', nargs='+', choices=[*PARTS]); ap.add_argument('--show', action='store_true')
    ap.add_argument('--history', type=Path, default=HISTORY); ap.add_argument('--worker', choices=[*PARTS], help=argparse.SUPPRESS)
    a = ap.parse_args()
    if a.worker: return worker(a.worker, a.quick)
    if a.show: return show(read(a.history)[-1]) if a.history.exists() else sys.exit(f"error: {a.history}: no such file\n  fix: make bench")
    x = line(a.quick, a.only)
    if not a.only:
        a.history.parent.mkdir(parents=True, exist_ok=True)
        with open(a.history, 'a') as f: f.write(json.dumps(x)+'\n')
    show(x)

if __name__ == '__main__': sys.exit(main())
