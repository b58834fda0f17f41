"""Cost of an hour: dub a synthetic hour of a talking portrait with flashes and beeps, and compare with its first minute.

    python scripts/bench_dub.py                       # 60 minutes at 160x160 by the training-free generator; takes about half an hour of one core
    python scripts/bench_dub.py --generator tiny      # by an untrained network of the preset `tiny`
    python scripts/bench_dub.py --minutes 5 --work /tmp/x --out /tmp/dub.json

The frames come at uneven times (33 and 47 ms in turn). Each ten seconds the picture's upper border flashes for one frame, and a beep of 50 ms begins at that frame's time.
Measured: peak memory of each process (VmHWM), time a frame, that frames, times and size are the source's, and the offset between flash and beep in the output, from the first minute to the last.
"""
import argparse, json, shutil, subprocess, sys, tempfile
from fractions import Fraction
from pathlib import Path
import av, numpy as np
from lipsync.config import provenance, save_json
from lipsync.align.transcripts import write_textgrid
from lipsync.align.espeak import speak
from lipsync.demo_corpus.puppet import render
from lipsync.media import VideoWriter, audio_blocks, probe, read_frames

SR, SIDE, EVERY, TEXT = 16000, 160, 10., "Most of the maps were made by hand, but why would the boat move by night?"

def times_of(minutes): return np.concatenate([[0], np.cumsum(np.tile([.033,.047], int(minutes*60/.08)+1))])[:int(minutes*60*25)]

def flashes(times): return np.searchsorted(times, np.arange(1., times[-1]-.2, EVERY))

def make_sound(path:Path, times, speech):
    "Speech again and again, and a beep at each flash, as AAC; block by block"
    at, n, pos = times[flashes(times)], int((times[-1]+.05)*SR), 0
    with av.open(str(path), 'w', format='mp4') as c:
        s = c.add_stream('aac', rate=SR, layout='mono'); s.bit_rate = 64000
        while pos < n:
            k = min(1024, n-pos); i = np.arange(pos, pos+k); x = .3*speech[i % len(speech)]
            for t in at[(at > pos/SR-.06) & (at < (pos+k)/SR)]:
                on = (i/SR >= t) & (i/SR < t+.05); x = np.where(on, .8*np.sin(2*np.pi*4000*(i/SR-t)), x)
            f = av.AudioFrame.from_ndarray(x.astype(np.float32)[None], 'fltp', 'mono'); f.sample_rate, f.pts, f.time_base = SR, pos, Fraction(1, SR)
            for p in s.encode(f): c.mux(p)
            pos += k
        for p in s.encode(): c.mux(p)

def make(folder:Path, minutes:float):
    "face.mp4, sound.m4a and its TextGrid"
    s, times = speak(TEXT, pad=.3, sr=SR), times_of(minutes)
    loop, bright = [*render('hopper', s, size=SIDE)], set(flashes(times).tolist())
    with VideoWriter(folder/'face.mp4', SIDE, SIDE, 25, times=times) as w:
        for i in range(len(times)):
            f = loop[min(j := i % (2*len(loop)-2), 2*len(loop)-2-j)].copy()
            f[:12] = 250 if i in bright else 20
            w.add(f)
    make_sound(folder/'sound.m4a', times, s.audio)
    long = len(s.audio)/SR; phones = [p._replace(start=p.start+k*long, end=p.end+k*long) for k in range(int(times[-1]/long)) for p in s.phones]
    write_textgrid(folder/'sound.TextGrid', [], phones, times[-1])

JOB = """
import json, re, sys, time, torch
from lipsync.config import keep_memory, model_config
from lipsync.dub.dub import dub_video
from lipsync.models.lipsync import CompleteLipSyncModel
keep_memory()
folder, kind, marks, t0 = *sys.argv[1:3], {}, time.time()
generator = CompleteLipSyncModel(model_config('tiny')).eval() if kind == 'tiny' else None
peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])//1024
def tell(k, n):
    for part in (.001, .25, .5, .75, 1.):
        if k >= part*n: marks.setdefault(part, (peak(), round(time.time()-t0, 1)))
rep = dub_video(f'{folder}/face.mp4', f'{folder}/sound.m4a', generator, f'{folder}/dub.mp4', on_progress=tell)
print(json.dumps(dict(peak_mib=peak(), marks=marks, frames=rep.frames, dubbed=rep.dubbed, sound=rep.sound, seconds=rep.seconds)))
"""

def offsets(folder:Path) -> np.ndarray: # seconds [flashes], positive: the sound is late
    "Beep minus flash in the output"
    seen = [t for t, f in read_frames(folder/'dub.mp4') if f[2:10].mean() > 140]
    heard, pos, last = [], 0, -1.
    for x in audio_blocks(folder/'dub.mp4', SR, 10.):
        d = np.abs(x[2:]-2*x[1:-1]+x[:-2]) # 4 kHz stands out from speech
        for i in np.flatnonzero(d > .8):
            if (t := (pos+i)/SR) > last+1: heard.append(t)
            last = t
        pos += len(x)
    if len(seen) != len(heard): raise SystemExit(f"{len(seen)} flashes and {len(heard)} beeps")
    return np.array(heard)-np.array(seen)

def run(minutes:float, folder:Path, generator:str) -> dict:
    "Make, dub in a process of its own, measure"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder/'sound.TextGrid').exists(): make(folder, minutes)
    (folder/'dub.mp4').unlink(missing_ok=True); shutil.rmtree(folder/'.dub.mp4.parts', ignore_errors=True)
    p = subprocess.run([sys.executable, '-c', JOB, str(folder), generator], capture_output=True, text=True)
    if p.returncode: raise SystemExit(p.stderr[-3000:])
    out, a, b = json.loads(p.stdout.splitlines()[-1]), probe(folder/'face.mp4'), probe(folder/'dub.mp4')
    with av.open(str(folder/'face.mp4')) as c, av.open(str(folder/'dub.mp4')) as e:
        x, y = (np.array(sorted(float(p.pts*p.time_base) for p in f.demux(video=0) if p.pts is not None)) for f in (c, e))
    off = offsets(folder)
    return dict(out, minutes=minutes, same_size=(a.width, a.height) == (b.width, b.height), same_count=len(x) == len(y), largest_time_difference=float(np.abs((x-x[0])-(y-y[0])).max()),
        offset_ms=dict(first=1e3*float(off[0]), last=1e3*float(off[-1]), median=1e3*float(np.median(off)), most=1e3*float(np.abs(off).max()), drift=1e3*float(np.median(off[-10:])-np.median(off[:10])), flashes=len(off)))

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--minutes', type=float, default=60.); p.add_argument('--work', type=Path, help="folder for the material, which is kept and used again; default a temporary one")
    p.add_argument('--out', type=Path, default=Path('benchmarks/results/dub.json'))
    p.add_argument('--generator', choices=('training-free','tiny'), default='training-free')
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        work, rows = args.work or Path(tmp), []
        for m in (1., args.minutes):
            rows.append(run(m, work/f'{m:g}', args.generator)); print(rows[-1], flush=True)
    save_json(args.out, dict(command=f'python scripts/bench_dub.py --minutes {args.minutes:g} --generator {args.generator}', side=SIDE, generator='tiny, untrained' if args.generator == 'tiny' else args.generator, rows=rows, memory_ratio=rows[1]['peak_mib']/rows[0]['peak_mib'], provenance=provenance()))
    print(f"memory {rows[0]['peak_mib']} -> {rows[1]['peak_mib']} MiB, x{rows[1]['peak_mib']/rows[0]['peak_mib']:.3f} -> {args.out}")

if __name__ == '__main__': main()
