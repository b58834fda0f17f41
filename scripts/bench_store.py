"""Measure the gain of storing a face in every fifth row only, and of the digest in the footer; results in benchmarks/results/store.json

    python scripts/bench_store.py                                         # clips of the embedded corpus
    python scripts/bench_store.py --clips ../shared/data/grid/s2/*.mpg    # and these

Each clip is preprocessed with a face in every row, every fifth and every 25th. Bytes are those of whole files; ms of the processor are of reading the first 75 rows with their mouths and one face, the median of nine.
Then 500 bytes of a footer are changed one at a time, and the file is read by pyarrow alone, page checksums compared: how often are other rows or another metadata handed out without an error?
"""
import argparse, sys, tempfile, time
from pathlib import Path
import cv2, numpy as np, pyarrow.parquet as pq
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import provenance, save_json
from lipsync.data import preprocess, store
from lipsync.demo_corpus.portraits import make_corpus

WAYS = {'a face in every row': 1, 'in every fifth': 5, 'in every 25th': 25}

def read_ms(path, n=9) -> float:
    took = []
    for _ in range(n):
        t = time.process_time(); r = store.read_rows(path, 0, 75, ['mouth_jpeg','face_jpeg','mel_window','viseme'])
        for j in [next(j for j in r['face_jpeg'] if j), *filter(None, r['mouth_jpeg'])]: store.decode_jpeg(j)
        took.append(1e3*(time.process_time()-t))
    return float(np.median(took))

def unnoticed(path, n=500) -> dict:
    "Of `n` files with one byte of the footer changed: how many pyarrow refuses, reads as they were, and reads otherwise"
    def read(p):
        with pq.ParquetFile(p, page_checksum_verification=True) as f: return f.read(use_threads=False), f.metadata.metadata
    whole, rng, bad = path.read_bytes(), np.random.default_rng(0), path.with_name('bad.parquet'); size = int.from_bytes(whole[-8:-4], 'little')
    (rows, meta), out = read(path), dict(refused=0, same=0, other=0)
    for p in rng.integers(len(whole)-8-size, len(whole), n):
        b = bytearray(whole); b[p] ^= rng.integers(1, 256); bad.write_bytes(b)
        try: r, m = read(bad); out['same' if r.equals(rows) and m == meta else 'other'] += 1
        except Exception: out['refused'] += 1
    return out

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--clips', type=Path, nargs='*', default=[]); p.add_argument('--out', type=Path, default=ROOT/'benchmarks'/'results'/'store.json')
    a = p.parse_args(); cv2.setNumThreads(1); rows = []
    with tempfile.TemporaryDirectory() as d:
        d = Path(d); make_corpus(d/'c', persons=2, sentences=2, workers=1)
        for clip in [*sorted((d/'c').glob('*/*.mp4')), *a.clips]:
            out = dict(clip=f'{clip.parent.name}/{clip.name}', real=clip in a.clips)
            for way, n in WAYS.items():
                preprocess.FACE_EVERY = store.FACE_EVERY = n; f = d/f'{n}.parquet'; rep = preprocess.preprocess_video(clip, f, force=True)
                if rep.status != 'done': raise SystemExit(f'{clip}: {rep.reason}')
                out[way] = dict(bytes=f.stat().st_size, read_ms=round(read_ms(f), 2))
            rows.append(out); print(out['clip'], {w: f"{out[w]['bytes']/1e3:.0f} kB, {out[w]['read_ms']:.0f} ms" for w in WAYS}, flush=True)
        footer = unnoticed(d/'5.parquet')
    total = lambda way, real: sum(r[way]['bytes'] for r in rows if r['real'] == real)
    sizes = {way: {'real' if real else 'embedded': round(total(way, real)/total('a face in every row', real), 4) for real in {r['real'] for r in rows}} for way in WAYS}
    print(sizes, footer); save_json(a.out, dict(rows=rows, times_every_face=sizes, footer=footer, provenance=provenance()))

if __name__ == '__main__': main()
