"""Compare baselines (first frame, nearest viseme), `base` and `plus` on held-out sentences, and the training-free generator on people outside the training; results in benchmarks/results/{compare,people}.json

    python scripts/bench_compare.py embedded --work DIR     # makes the corpus, trains `base` and `plus` (tiny widths, the demo's schedule), dubs and scores
    python scripts/bench_compare.py clips --name s1 --train PROCESSED/train --videos GRID/s1 --base RUN/best_model_full.pt --plus RUN2/best_model_full.pt --work DIR
    python scripts/bench_compare.py people --grid ../shared/data/grid --address ../shared/data/address --folds FIT --work DIR   # any face: eight speakers, an address, two portraits
    python scripts/bench_compare.py unheard --grid ../shared/data/grid --work DIR   # the training-free generator with ten held-out sentences of s1, on ten faces and on s1's
    python scripts/bench_compare.py people ... --adapted DIR --base CKPT --plus CKPT  # more columns: `lipsync adapt` with a minute of each speaker's other sentences (kept in DIR), checkpoints

`people`: two sentences per speaker, one by the person and one by another, dubbed onto a clip of three seconds; the generators only get that clip of a person. --folds is the --work of scripts/fit_lips.py:
the voice of a GRID speaker is processed by lip networks that were not trained on it, a sentence of s1 by the shipped ones, which were not trained on that sentence. Each kind runs in its own process on one core.
`clips`: the videos of one person, except those with a processed file in --train; the two checkpoints are those of scripts/learn.py, both trained with one expert.
Each clip is dubbed twice by each: with its own words, where every pixel of the truth is known; and with those of another held-out clip of the person, whose video shows the right lip movement.
All use the same `dub_video` and `lipsync evaluate`. DIR keeps the dubs, scores.json and report.html of each, and a sheet of mouths. The same command resumes an interrupted run. Definitions: nbs/630_evaluate.baselines.ipynb
"""
import argparse, os, re, shutil, sys, time
from concurrent.futures import ProcessPoolExecutor
from json import loads
from multiprocessing import get_context
from pathlib import Path
os.environ.setdefault('OMP_NUM_THREADS', '1')
import cv2, numpy as np, torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT/'scripts')]
from bench_cross import alike, plain, said
from fit_lips import FOLDS
from lipsync.config import PreprocessConfig, load_json, model_config, provenance, save_json
from lipsync.align.transcripts import find_transcript
from lipsync.data.corpus import VIDEOS
from lipsync.console import to_json
from lipsync.align.forced import align
from lipsync.data.engine import preprocess_corpus
from lipsync.data.preprocess import preprocess_video
from lipsync.align.sync import estimate_offset
from lipsync.demo_corpus.people import PERSONS, _source
from lipsync.demo_corpus.portraits import make_corpus
from lipsync.demo import UNSEEN
from lipsync.dub.dub import dub_video, generator
from lipsync.evaluate.baselines import PEOPLE, NearestViseme, first_frame
from lipsync.evaluate.lse import frames_of, judged_track, mouth_square
from lipsync.dub.person import PersonGenerator
from lipsync.dub.training_free import TrainingFree
from lipsync.evaluate.scorecard import figure, load_scorer, score_folders, score_video, summarise, sync_part, worst_clips, write_page, write_scores
from lipsync.evaluate.measures import track_opening
from lipsync.evaluate.stats import interval
from lipsync.media import read_audio, write_video
from lipsync.train.adapt import adapt
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

# -- People whom nobody trained for

FACES = ('s2','s3','s4','s5','s30','s31','s34','s1') # of GRID
STRANGER = dict(zip(FACES, ('s4','s1','s30','s31','s34','s1','s2','s3'))) # who says the second sentence
KEPT = {k for k,*_ in PEOPLE} | {'sync.offset_true','sync.lse_c_true','sync.survives','shape.lag','shape.lmd_motion','identity.lips_own','paste.seam','paste.life','truth_shut.silence','truth_shut.closed'} # figures that people.json holds
MADE = ('first frame', 'nearest viseme', 'training-free', 'adapted', 'base', 'plus')

def sentences(grid:Path, who:str) -> list:
    "Clips of a speaker; of s1 those which scripts/fit_lips.py keeps from training"
    clips = sorted(f for f in (grid/who).iterdir() if f.suffix in VIDEOS)
    return clips[::10] if who == 's1' else clips

def cast(a) -> list:
    "What is dubbed with what: dictionaries of face, voice, who and whose, and the groups it belongs to"
    out, sound = [], lambda who, k, unlike: min((c for c in sentences(a.grid, who)[k:]+sentences(a.grid, who)[:k] if c != unlike), key=lambda c: alike(c, unlike)) # the words least like the clip's own
    for who in FACES[:a.most]:
        one, two = sentences(a.grid, who)[-1:-3:-1]
        for face, whose in ((one, who), (two, STRANGER[who])): out.append(dict(face=face, voice=sound(whose, 4, face), who=who, whose=whose))
    if a.address:
        one, two, three = (f for f in sorted(a.address.glob('*/*')) if f.suffix in VIDEOS and f.with_suffix('.txt').exists())
        out += [dict(face=one, voice=in_time(three, a.work/'in_time'), who='address', whose='address'), dict(face=two, voice=sound('s5', 1, sentences(a.grid, 's1')[0]), who='address', whose='s5')]
    for i, name in enumerate(PERSONS[:2] if a.most > 1 else ()):
        for whose in ('s1', 's2' if i else 's34'): out.append(dict(face=photo(name.name, a.work), voice=sentences(a.grid, whose)[2+i], who=name.name, whose=whose))
    for c in out:
        still = c['face'].suffix == '.png'
        c |= dict(name=f"{c['who']}_{c['face'].stem}_{c['whose']}_{c['voice'].stem}", text=words(c['voice']), still=still, groups=['photos'] if still else ['films', 'own' if c['who'] == c['whose'] else 'stranger', 's1' if c['whose'] == 's1' else 'unmet'])
    return out

def photo(name:str, work:Path) -> Path:
    "A portrait as a file: the astronaut (NASA) or the admiral (US Navy), public domain"
    out = work/f'{name}.png'; x = _source(name)[...,::-1]
    if not out.exists(): cv2.imwrite(str(out), x[:len(x)//2*2,:x.shape[1]//2*2])
    return out

def in_time(clip:Path, folder:Path) -> Path:
    "The clip with its sound moved to its lips, where it is beyond doubt late or early"
    out, m = folder/f'{clip.stem}.mp4', track_opening(clip, 25); x = read_audio(clip, 16000)
    late = estimate_offset(m.opening, x, 16000, 25, align(x, 16000, words(clip)), m.width); k = round(16000*late.offset) if late.off else 0
    if not out.exists(): write_video(out, list(frames_of(clip)), 25, np.pad(x, (max(0, -k), 0))[max(k, 0):])
    out.with_suffix('.txt').write_text(words(clip)); print(f'{clip.stem}: sound moved by {k/16:.0f} ms', flush=True)
    return out

def maker(kind:str, c:dict, a):
    "The generator of a kind for one clip, or None where there is none"
    if kind == 'first frame': return first_frame
    if kind == 'nearest viseme':
        bank = a.work/'banks'/f"{c['who']}_{c['face'].stem}_processed.parquet"; bank.parent.mkdir(exist_ok=True)
        return None if c['still'] else (preprocess_video(c['face'], bank), NearestViseme([bank]))[1]
    lips = next((a.folds/f'fold{i}.safetensors' for i, f in enumerate(FOLDS) if a.folds and c['whose'] in f), None) # that never met the voice
    if kind == 'training-free': return TrainingFree(lips)
    if kind == 'adapted': return PersonGenerator(learnt(c, a), lips) if a.adapted and c['who'] in FACES else None
    return generator(getattr(a, kind), 'cpu') if getattr(a, kind) else None

def learnt(c:dict, a, most:int=20) -> Path:
    "What `lipsync adapt --minutes M` learns from other sentences of a speaker: neither those that are dubbed nor those that are said"
    out, used = a.adapted/c['who'], {x[k] for x in cast(a) for k in ('face','voice')}
    if not (out/'footage').exists():
        (out/'footage').mkdir(parents=True)
        for f in [f for f in sorted((a.grid/c['who']).iterdir()) if f.suffix in VIDEOS and f not in used][:most]: (out/'footage'/f.name).symlink_to(f.resolve())
    if not (out/'person'/'adapt.json').exists(): adapt(out/'person', out/'footage', minutes=a.minutes, device='cpu')
    return out/'person'

def make_kind(kind:str, clips:list, a) -> dict:
    "All dubs of a kind, in a process of its own: [ms of the processor a frame, peak of memory so far in MB] of each"
    cv2.setNumThreads(1); torch.set_num_threads(1); cost = {}
    for c in clips:
        out = a.work/'dubs'/kind/f"{c['name']}.mp4"; out.parent.mkdir(parents=True, exist_ok=True)
        if out.exists() or (g := maker(kind, c, a)) is None: continue
        start = time.process_time(); rep = dub_video(c['face'], c['voice'], g, out, text=c['text'])
        cost[c['name']] = [1e3*(time.process_time()-start)/rep.frames, int(re.search(r'VmHWM:\s+(\d+)', Path('/proc/self/status').read_text())[1])*1024/1e6]
        print(kind, c['name'], rep.aligner, f'{rep.dubbed} of {rep.frames} frames', f'{cost[c["name"]][0]:.0f} ms a frame', flush=True)
    return cost

def still_film(c:dict, a) -> Path:
    "A photo as a film, to be compared with"
    out = a.work/'stills'/f"{c['name']}.mp4"; out.parent.mkdir(exist_ok=True)
    if not out.exists(): write_video(out, [cv2.imread(str(c['face']))[...,::-1]]*len(list(frames_of(c['voice']))), 25, crf=4)
    return out

def score_kind(kind:str, c:dict, other:Path, scorer, a) -> dict|None:
    "The scorecard of one clip of a kind, kept in work/scores"
    keep, source = a.work/'scores'/kind/f"{c['name']}.json", still_film(c, a) if c['still'] else c['face']
    pred = dict(truth=c['voice'], undubbed=source).get(kind, a.work/'dubs'/kind/f"{c['name']}.mp4")
    if not pred.exists(): return None
    sound, judge = c['voice'] if kind == 'undubbed' else None, scorer.about['sha256']
    if not keep.exists():
        r = score_video(pred, c['voice'], sound, None if kind == 'truth' else source, c['text'], scorer, other)
        save_json(keep, loads(to_json({k: v for k,v in r.items() if k not in ('visemes','picture')} | dict(judge=judge))))
        print(kind, c['name'], *(f"{k} {v:.2f}" for k,v in (('follows', r['shape']['follows']), ('LSE-D', r['sync']['lse_d_true']), ('worst', r.get('paste', {}).get('worst', float('nan'))))), flush=True)
    elif (r := load_json(keep)).get('judge') != judge: # by another judge: only that is done again
        tr = judged_track(pred); r['sync'] = sync_part(scorer, scorer.look(frames_of(pred), tr), read_audio(sound or pred), read_audio(other), len(tr.times))
        save_json(keep, loads(to_json(r | dict(judge=judge)))); print(kind, c['name'], 'judged again', f"LSE-D {r['sync']['lse_d_true']:.2f}", flush=True)
    return load_json(keep)

def people(a, scorer) -> dict:
    "Everything about people whom nobody trained for"
    clips, start = cast(a), time.time(); path = a.work/'cost.json'
    for kind in [k for k in MADE if not a.only or k in a.only]:
        with ProcessPoolExecutor(1, get_context('spawn')) as ex: cost = ex.submit(make_kind, kind, clips, a).result()
        if cost: old = load_json(path) if path.exists() else {}; save_json(path, old | {kind: old.get(kind, {}) | cost})
    cost, rows = load_json(path) if path.exists() else {}, {}
    for i, c in enumerate(clips): # all kinds of a clip in turn: its source and truth are looked at once
        for kind in a.only or ('truth', 'undubbed', *MADE):
            if r := score_kind(kind, c, clips[(i+1) % len(clips)]['voice'], scorer, a): rows.setdefault(kind, {})[c['name']] = r
    scores = {g: {k: dict(summary=_summary([c for c in clips if g in c['groups'] and c['name'] in of], of, cost.get(k, {}))) for k, of in rows.items()} for g in dict.fromkeys(g for c in clips for g in c['groups'])}
    for k, of in rows.items(): print(k, {x: round(v['mean'], 3) for x,v in scores['films'][k]['summary'].items() if x in ('shape.follows','sync.in_time','sync.lse_d_true','shut.closed','shut.silence','paste.worst','shape.jerk','cost.ms')})
    show = lambda c: {k: str(v.name if isinstance(v, Path) else v) if k != 'groups' else v for k,v in c.items() if k not in ('name','still')}
    return dict(clips={c['name']: show(c) for c in clips}, scores={g: {k: v for k,v in x.items() if v['summary']} for g,x in scores.items()}, videos={k: {n: {f: round(v, 4) for f in sorted(KEPT) if (v := figure(r, f)) is not None} for n,r in of.items()} for k,of in rows.items()}, cost=cost,
        scorer=scorer.about, provenance=provenance(), seconds=round(time.time()-start), load=round(os.getloadavg()[0], 1), folds=FOLDS if a.folds else None, trained={k: str(getattr(a, k).name) for k in ('adapted','base','plus') if getattr(a, k)})

def _summary(clips, rows, cost):
    "Means and intervals of the scorecard, of the cost and of the largest memory"
    if not clips: return {}
    made = [cost[c['name']] for c in clips if c['name'] in cost]
    return {k: v for k,v in summarise([rows[c['name']] for c in clips]).items() if k in KEPT} | ({'cost.ms': interval([m for m,_ in made]), 'cost.mb': dict(mean=max(m for _,m in made), low=None, high=None, n=len(made))} if made else {})

def mouths(a, c:dict, out:Path, n:int=8, side:int=168):
    "Rows: who really says it, the source, each kind; mouths about three times their size in GRID, from the truth's most shut to its widest in the order of time"
    opening = np.nan_to_num(track_opening(c['voice'], 25).opening); k = min(len(opening), len(list(frames_of(still_film(c, a) if c['still'] else c['face']))))-2
    pick, rows = sorted(np.argsort(opening[:k])[np.linspace(k//5, k-1, n).round().astype(int)]), []
    for f in (c['voice'], still_film(c, a) if c['still'] else c['face'], *(a.work/'dubs'/kind/f"{c['name']}.mp4" for kind in MADE)):
        if not f.exists(): continue
        tr, frames = judged_track(f), list(frames_of(f))
        rows.append(np.concatenate([cv2.resize(mouth_square(frames[i], tr.to_mouth[min(i, len(tr.times)-1)])[44:204,48:208], (side,side), interpolation=cv2.INTER_AREA) for i in pick], 1))
    save_small(np.concatenate(rows), out)

def save_small(rgb, out:Path, most:int=150_000):
    "A JPEG of at most so many bytes"
    out.parent.mkdir(parents=True, exist_ok=True)
    for q in range(92, 40, -4):
        if len(b := cv2.imencode('.jpg', rgb[...,::-1], [cv2.IMWRITE_JPEG_QUALITY, q])[1]) <= most: break
    out.write_bytes(b.tobytes())

def front(a, clips:list, out:Path, n:int=5, height:int=236):
    "The first picture: a film and a photo, each source above its dub, by the default as it is installed"
    rows = []
    for c in clips:
        dub = a.work/'front'/f"{c['name']}.mp4"; dub.parent.mkdir(exist_ok=True)
        if not dub.exists(): dub_video(c['face'], c['voice'], None, dub, text=c['text'])
        both = [list(frames_of(f)) for f in (still_film(c, a) if c['still'] else c['face'], dub)]; m = track_opening(dub, 25).opening; k = min(map(len, both))
        pick = sorted(np.argsort(np.nan_to_num(m[:k]))[np.linspace(k//4, k-1, n).round().astype(int)]); x, y, s = crop_of(dub, both[1][0])
        rows += [np.concatenate([cv2.resize(fs[i][y:y+s,x:x+s], (height,height), interpolation=cv2.INTER_AREA) for i in pick], 1) for fs in both]
    save_small(np.concatenate(rows), out)

def crop_of(video:Path, frame) -> tuple:
    "A square around the head: x, y, side"
    lm = judged_track(video).landmarks[0][:,:2]; (x0, y0), (x1, y1) = lm.min(0), lm.max(0); s = int(min(1.7*(y1-y0), *frame.shape[:2]))
    return int(np.clip((x0+x1-s)/2, 0, frame.shape[1]-s)), int(np.clip((y0+y1)/2-.55*s, 0, frame.shape[0]-s)), s

def main_people(a):
    "Dub, score, and write pictures and figures"
    start, scorer = time.time(), load_scorer(a.judge); r, clips = people(a, scorer), cast(a)
    if a.only: return print('run it again without --only')
    one = lambda who, group: next((c for c in clips if c['who'] == who and group in c['groups']), None)
    for name, c in (('s4', one('s4','stranger')), ('s31', one('s31','stranger')), ('address', one('address','own')), ('photo', one('astronaut','photos'))):
        if c and a.pictures: mouths(a, c, a.pictures/f'people_{name}.jpg')
    if a.pictures and (some := [c for c in (one('s4','stranger'), one('hopper','photos')) if c]): front(a, some, a.pictures/'people.jpg')
    save_json(a.out, plain(r)); print(f'{time.time()-start:.0f} s -> {a.out}')

def unheard(a) -> list:
    "Every tenth sentence of s1, which scripts/fit_lips.py keeps from training, said by seven other faces in turn and by s1"
    out, voices, others = [], sentences(a.grid, 's1'), FACES[:-1]
    for i, voice in enumerate(voices):
        who = others[i % len(others)]
        for face in (sentences(a.grid, who)[3+i//len(others)], sorted(f for f in (a.grid/'s1').iterdir() if f.suffix in VIDEOS)[3*i+1]):
            out.append(dict(face=face, voice=voice, who=face.parent.name, whose='s1', name=f'{face.parent.name}_{face.stem}_{voice.stem}', text=words(voice), still=False, groups=['all', 'own' if face.parent.name == 's1' else 'stranger']))
    return out

def main_unheard(a):
    "Dub and score them"
    start, scorer, clips = time.time(), load_scorer(a.judge), unheard(a); make_kind('training-free', clips, a)
    rows = {c['name']: score_kind('training-free', c, clips[(i+2) % len(clips)]['voice'], scorer, a) for i, c in enumerate(clips)}
    scores = {g: _summary([c for c in clips if g in c['groups']], rows, {}) for g in ('all','own','stranger')}
    for g, s in scores.items(): print(g, {k: [round(s[k][x], 3) for x in ('mean','low','high')] for k in ('shape.follows','shape.jerk','sync.in_time_true','sync.lse_d_true','shut.closed','shut.silence','paste.worst')})
    save_json(a.out, plain(dict(scores=scores, clips=[c['name'] for c in clips], scorer=scorer.about, provenance=provenance(), seconds=round(time.time()-start)))); print(f'-> {a.out}')

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('what', choices=['embedded','clips','people','unheard']); p.add_argument('--work', type=Path, required=True, help='everything is kept here')
    p.add_argument('--name', default='s1', help='clips: the person'); p.add_argument('--train', type=Path, help='clips: processed files of the training'); p.add_argument('--videos', type=Path, help='clips: videos of the person')
    p.add_argument('--base', type=Path, help='clips: a checkpoint'); p.add_argument('--plus', type=Path, help='clips: a checkpoint'); p.add_argument('--most', type=int, default=12, help='how many held-out clips of a person at most; people: how many speakers')
    p.add_argument('--grid', type=Path, help='people: <person>/<video>'); p.add_argument('--address', type=Path, help='people: <person>/<video>.mp4 and .txt'); p.add_argument('--folds', type=Path, help='people: the --work of scripts/fit_lips.py'); p.add_argument('--adapted', type=Path, help='people: a folder in which what `lipsync adapt` learns of each speaker is kept'); p.add_argument('--minutes', type=float, default=0., help='people: of training of each adapted speaker')
    p.add_argument('--only', nargs='+', choices=['truth','undubbed',*MADE], help='people: these kinds now, the others when it is run again')
    p.add_argument('--epochs', type=int, help='embedded: of training'); p.add_argument('--workers', type=int, default=os.cpu_count(), help='embedded: processes'); p.add_argument('--threads', type=int, default=1, help='of torch')
    p.add_argument('--judge', help="independent sync expert; default: the package's judge"); p.add_argument('--out', type=Path); p.add_argument('--pictures', type=Path, default=ROOT/'nbs'/'images')
    a = p.parse_args(); a.out = a.out or ROOT/'benchmarks'/'results'/dict(people='people.json', unheard='unheard.json').get(a.what, 'compare.json')
    cv2.setNumThreads(1); torch.set_num_threads(a.threads); start, name = time.time(), a.name if a.what == 'clips' else 'embedded'
    a.work.mkdir(parents=True, exist_ok=True)
    if a.what in ('people','unheard'): return (main_people if a.what == 'people' else main_unheard)(a)
    scorer = load_scorer(a.judge)
    people, runs = embedded(a.work, a.workers, a.epochs) if a.what == 'embedded' else one_person(a)
    cost, rows = make_dubs(people, a.work, a.most), score(a.work, scorer)
    sheet(a.work, f'{people[0][0]}_{people[0][1][0].stem}', a.pictures/f'compare_{name}.jpg')
    part = dict(people=[who for who,*_ in people], clips=[f'{who}/{c.stem}' for who,cs,_ in people for c in cs[:a.most]], kinds=KINDS, cpu_ms=cost, scorer=scorer.about, scores=rows, provenance=provenance(), seconds=round(time.time()-start),
        training={k: load_json(Path(v).parent/'config.json') for k,v in runs.items()})
    save_json(a.out, plain((load_json(a.out) if a.out.exists() else {}) | {name: part})); print(f'{time.time()-start:.0f} s -> {a.out}')

if __name__ == '__main__': main()
