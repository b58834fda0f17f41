"""Side by side: the first frame copied, the nearest viseme pasted, `base` and `plus`, on sentences that training never heard; results in benchmarks/results/compare.json

    python scripts/bench_compare.py embedded --work DIR     # makes the corpus, trains `base` and `plus` (tiny widths, the demo's schedule), dubs and scores: all from nothing
    python scripts/bench_compare.py clips --name s1 --train PROCESSED/train --videos GRID/s1 --base RUN/best_model_full.pt --plus RUN2/best_model_full.pt --work DIR

`clips`: the videos of one person, less those that have a processed file in --train; the two checkpoints are those of scripts/learn.py, both taught by one expert.
Each clip is dubbed twice by each: with its own words, where every pixel of the truth is known; and with those of another held-out clip of the person, whose video shows how the lips should move.
All go through the same `dub_video` and the same `lipsync evaluate`. Kept in DIR: the dubs, scores.json and report.html of each, a sheet of mouths. Run again, it goes on where it was. Definitions: nbs/53b_evaluate.baselines.ipynb
"""
import argparse, os, shutil, sys, time
from pathlib import Path
os.environ.setdefault('OMP_NUM_THREADS', '1')
import cv2, numpy as np, torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT/'scripts')]
from bench_cross import alike, plain, said
from lipsync.config import PreprocessConfig, load_json, model_config, provenance, save_json
from lipsync.data.align import find_transcript
from lipsync.data.corpus import VIDEOS
from lipsync.data.engine import preprocess_corpus
from lipsync.data.synth import make_corpus
from lipsync.demo import UNSEEN
from lipsync.dub.dub import dub_video, generator
from lipsync.evaluate.baselines import NearestViseme, first_frame
from lipsync.evaluate.lse import frames_of, judged_track, mouth_square
from lipsync.evaluate.scorecard import load_scorer, score_folders, worst_clips, write_page, write_scores
from lipsync.evaluate.measures import track_opening
from lipsync.media import read_audio, write_video
from lipsync.train.learner import fit
from lipsync.train.stages import train_config

KINDS = {'first frame': 'the mouth of the first frame', 'nearest viseme': 'real mouths of the same visemes', 'base': 'the faithful model', 'plus': 'with what surrounds the mouth'}
SENTENCES = (*UNSEEN, "Five brown bees buzz above the apple tree.")

def words(clip:Path) -> str:
    "What is said in it"
    text, _ = find_transcript(clip)
    return text or said(clip)

def other_of(clip:Path, clips:list) -> Path:
    "The next clip with other words"
    i = clips.index(clip)
    return next(o for o in clips[i+1:]+clips[:i] if words(o) != words(clip) and (clip.suffix != '.mpg' or alike(clip, o) <= 2))

def link(src:Path, to:Path, text:str):
    "The clip under another name, and its words beside it"
    to.parent.mkdir(parents=True, exist_ok=True)
    if not to.exists(): to.symlink_to(src.resolve())
    to.with_suffix('.txt').write_text(text)

def undubbed(clip:Path, sound:Path, to:Path):
    "The clip as it is, with another's sound"
    to.parent.mkdir(parents=True, exist_ok=True)
    if not to.exists(): write_video(to, list(frames_of(clip)), 25, read_audio(sound))

def make_dubs(people:list, work:Path, most:int) -> dict:
    "All dubs into work/{own,other}/KIND/NAME.mp4, truth and source beside them; processor's ms a frame of each kind"
    cost = load_json(work/'cost.json') if (work/'cost.json').exists() else {}
    for who, clips, kinds in people:
        for clip in clips[:most]:
            for mode, sound in (('own', clip), ('other', other_of(clip, clips))):
                d, name, text = work/mode, f'{who}_{clip.stem}', words(sound)
                link(clip, d/'source'/f'{name}{clip.suffix}', words(clip)); link(sound, d/'truth'/f'{name}{sound.suffix}', text)
                if mode == 'other': undubbed(clip, sound, d/'undubbed'/f'{name}.mp4')
                for kind, generate in kinds.items():
                    out = d/kind/f'{name}.mp4'
                    if out.exists(): continue
                    out.parent.mkdir(parents=True, exist_ok=True); start = time.process_time()
                    rep = dub_video(clip, sound, generate, out, text=text)
                    cost.setdefault(kind, []).append([rep.frames, time.process_time()-start]); save_json(work/'cost.json', cost)
                    print(mode, kind, name, rep.aligner, f'{rep.dubbed} of {rep.frames} frames', flush=True)
    return {k: 1000*sum(s for _,s in v)/sum(n for n,_ in v) for k,v in cost.items()}

def score(work:Path, scorer) -> dict:
    "mode: kind: summary, visemes, videos"
    out = {}
    for mode in ('own','other'):
        for kind in ('truth', 'undubbed', *KINDS):
            pred, truth, keep = work/mode/kind, work/mode/'truth', work/'scores'/mode/kind
            if not pred.exists(): continue
            if not (keep/'scores.json').exists():
                r = score_folders(pred, truth, None if kind == 'truth' and mode == 'other' else work/mode/'source', scorer, quiet=True)
                files = {p.stem: [(kind, p), ('truth', next(truth.glob(p.stem+'.m*')))] for p in sorted(pred.iterdir()) if p.suffix in VIDEOS}
                write_scores(r, keep); write_page(r, keep, worst_clips(r, files, keep, 2) if kind in KINDS else [])
            r = load_json(keep/'scores.json'); out.setdefault(mode, {})[kind] = dict(summary=r['summary'], visemes=r['visemes'], failed=r['failed'], videos=len(r['videos']))
            print(mode, kind, {k: round(v['mean'], 3) for k,v in r['summary'].items() if k in ('sync.lse_d_true','sync.offset_true','sync.in_time','shape.follows','picture.psnr','picture.sharpness','paste.worst')}, flush=True)
    return out

def sheet(work:Path, name:str, out:Path, mode:str='other', n:int=9, side:int=112):
    "Rows: truth, then each kind; lips from the truth's most shut to its widest, in the order of time"
    truth, = (f for f in (work/mode/'truth').glob(name+'.m*'))
    opening = np.nan_to_num(track_opening(truth, 25).opening); k = len(opening)-2
    pick, rows = sorted(np.argsort(opening[:k])[np.linspace(k//4, k-1, n).round().astype(int)]), []
    for kind in ('truth', *KINDS):
        f = truth if kind == 'truth' else work/mode/kind/f'{name}.mp4'; tr, frames = judged_track(f), list(frames_of(f))
        rows.append(np.concatenate([cv2.resize(mouth_square(frames[min(i, len(frames)-1)], tr.to_mouth[min(i, len(tr.times)-1)])[32:192,48:208], (side,side), interpolation=cv2.INTER_AREA) for i in pick], 1))
    out.parent.mkdir(parents=True, exist_ok=True); cv2.imwrite(str(out), np.concatenate(rows)[...,::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])

def embedded(work:Path, workers:int, epochs:int) -> tuple:
    "(people, what was trained)"
    corpus, unseen = make_corpus(work/'corpus', 4, 8, 0, workers=workers, progress=True), make_corpus(work/'unseen', 4, list(SENTENCES), 1, workers=workers, progress=True)
    if not (work/'processed').exists(): preprocess_corpus(corpus, work/'processed', PreprocessConfig(), workers, val_ratio=.15)
    runs, cfg = {}, train_config('tiny', epochs)
    for preset, c, m in (('base', cfg, model_config('tiny')), ('plus', cfg.replace(viseme_dropout=.3), model_config('tiny', surroundings=True))):
        run = work/'runs'/preset; run.mkdir(parents=True, exist_ok=True)
        if preset == 'plus' and not (run/'sync.safetensors').exists(): shutil.copyfile(work/'runs'/'base'/'sync.safetensors', run/'sync.safetensors') # taught by the same expert
        runs[preset] = fit(c, work/'processed', run, m)
    models = {k: generator(v, 'cpu') for k,v in runs.items()}; people = []
    for p in sorted(x for x in unseen.iterdir() if x.is_dir()):
        bank = NearestViseme(sorted((work/'processed'/'train').glob(f'{p.name}_*_processed.parquet')))
        people.append((p.name, sorted(p.glob('*.mp4')), {'first frame': first_frame, 'nearest viseme': bank, **models}))
    return people, runs

def one_person(a) -> tuple:
    "(people, the checkpoints)"
    bank, heard = sorted(a.train.glob(f'{a.name}_*_processed.parquet')), {f.stem.split('_')[1] for f in a.train.glob(f'{a.name}_*_processed.parquet')}
    clips = [c for c in sorted(a.videos.iterdir()) if c.suffix in VIDEOS and c.stem not in heard]
    runs = dict(base=a.base, plus=a.plus)
    return [(a.name, clips, {'first frame': first_frame, 'nearest viseme': NearestViseme(bank), **{k: generator(v, 'cpu') for k,v in runs.items()}})], runs

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('what', choices=['embedded','clips']); p.add_argument('--work', type=Path, required=True, help='everything is kept here')
    p.add_argument('--name', default='s1', help='clips: the person'); p.add_argument('--train', type=Path, help='clips: processed files of the training'); p.add_argument('--videos', type=Path, help='clips: videos of the person')
    p.add_argument('--base', type=Path, help='clips: a checkpoint'); p.add_argument('--plus', type=Path, help='clips: a checkpoint'); p.add_argument('--most', type=int, default=12, help='how many held-out clips of a person at most')
    p.add_argument('--epochs', type=int, help='embedded: of training'); p.add_argument('--workers', type=int, default=os.cpu_count(), help='embedded: processes'); p.add_argument('--threads', type=int, default=1, help='of torch')
    p.add_argument('--judge', help="a sync expert that none of them met; the package's own if not given"); p.add_argument('--out', type=Path, default=ROOT/'benchmarks'/'results'/'compare.json'); p.add_argument('--pictures', type=Path, default=ROOT/'nbs'/'images')
    a = p.parse_args(); cv2.setNumThreads(1); torch.set_num_threads(a.threads); start, name = time.time(), a.name if a.what == 'clips' else 'embedded'
    a.work.mkdir(parents=True, exist_ok=True); scorer = load_scorer(a.judge)
    people, runs = embedded(a.work, a.workers, a.epochs) if a.what == 'embedded' else one_person(a)
    cost, rows = make_dubs(people, a.work, a.most), score(a.work, scorer)
    sheet(a.work, f'{people[0][0]}_{people[0][1][0].stem}', a.pictures/f'compare_{name}.jpg')
    part = dict(people=[who for who,*_ in people], clips=[f'{who}/{c.stem}' for who,cs,_ in people for c in cs[:a.most]], kinds=KINDS, cpu_ms=cost, scorer=scorer.about, scores=rows, provenance=provenance(), seconds=round(time.time()-start),
        training={k: load_json(Path(v).parent/'config.json') for k,v in runs.items()})
    save_json(a.out, plain((load_json(a.out) if a.out.exists() else {}) | {name: part})); print(f'{time.time()-start:.0f} s -> {a.out}')

if __name__ == '__main__': main()
