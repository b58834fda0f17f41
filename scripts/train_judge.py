"""Train the scorecard's default sync judge with `lipsync train-sync`: make its data, train, evaluate, and write its card

    python scripts/train_judge.py --grid ../shared/data/grid --long ../shared/data/long --address ../shared/data/address   # as shipped
    python scripts/train_judge.py --grid GRID --held s5 s31 s22  # hold out these GRID speakers
    python scripts/train_judge.py                                # on the embedded corpus alone
    python scripts/train_judge.py --data PROCESSED ... --out DIR # with further processed folders (their train/; their val/ is held out)

Can be killed and resumed: intermediate files are kept in --work. Writes sync_judge.safetensors and its card, sync_judge.md, to --out, and results and learning curve to --results.
Trained on: synthetic people, nine tenths of the sentences of GRID's speakers except --held, train/ of --data, and augmented copies of all these (`lipsync.evaluate.judge.relative`), with the same number of files per GRID speaker.
The best epoch is chosen on: held-out sentences (SENTENCES[34:]) by synthetic people of the training, every tenth sentence of GRID's speakers, val/ of --data.
Held out: the synthetic people of HELD_OUT, the GRID speakers of --held, the clips that --long is joined from (checked by name), --address.
"""
import argparse, os, re, sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
import cv2, numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import PreprocessConfig, atomic_path, keep_memory, load_json, provenance, save_json, sha256_file
from lipsync.data.engine import preprocess_corpus
from lipsync.align.espeak import speak
from lipsync.data.store import read_meta
from lipsync.demo_corpus.people import PERSONS, SENTENCES, SyntheticPerson
from lipsync.demo_corpus.puppet import render
from lipsync.evaluate.judge import CHANGES, altered_clips, judge_accuracy, planted_offsets, relative, spoken_clips
from lipsync.media import write_video
from lipsync.models.lipsync import model_header, save_model, load_model
from lipsync.models.syncnet import SyncDiscriminator
from lipsync.testing import n_params
from lipsync.train.expert import train_sync
from lipsync.train.monitor import read_history

NEW_SENTENCES = SENTENCES[34:]
HELD_OUT = ('emma','flora','strange0','strange1','strange2','strange3')
ENGLISH = [f'{l}+{v}' for l in ('en-us','en-gb','en-gb-scotland') for v in ('m1','m2','m3','m4','m5','m6','m7','m8','f1','f2','f3','f4','f5')]

def strangers(n:int, name:str, seed:int, taken=()) -> list:
    "`n` random people: either portrait, with other proportions and colours, each with a voice that is not in `taken`"
    rng = np.random.default_rng(seed); voices = [v for v in rng.permutation(ENGLISH) if v not in taken]
    def one(i):
        shape = (rng.uniform(-1, 1, 6)*[.1,.16,.16,.2,.3,.06]).round(3)
        skin = (rng.uniform(.8, 1.9), *rng.uniform(-6, 6, 2)); hair = (rng.uniform(-20, 5), rng.uniform(.6, 2), rng.uniform(.5, 1.5))
        return SyntheticPerson(f'{name}{i}', ('astronaut','hopper')[i%2], str(voices[i]), int(rng.integers(25, 75)), int(rng.integers(135, 190)), bool(rng.integers(2)),
            tuple(map(float, shape)), tuple(map(float, skin)), tuple(map(float, hair)), tuple(map(float, (rng.uniform(-180, 180), *rng.uniform(.6, 1.2, 2)))))
    return [one(i) for i in range(n)]

def synthetic(people:int, each:int, seed:int) -> list:
    "(person, text, words per minute, seed, file name) of all clips to make"
    rng, out = np.random.default_rng(seed), []
    known = [*PERSONS, *strangers(people, 'relative', seed+1)]
    for p in [*known, *strangers(4, 'strange', seed+2, {p.voice for p in known})]:
        old = rng.permutation(34)[:max(2, each//2) if p.name in HELD_OUT else each]
        new = rng.permutation(range(34, len(SENTENCES)))[:2 if p.name in HELD_OUT or p in PERSONS else 0]
        for k in [*old, *new]: out.append((p, SENTENCES[k], p.rate+int(rng.integers(-12, 13)), int(rng.integers(2**31)), f'{p.name}/{k:02}'))
    return out

def make(job, folder):
    "Render one clip with its audio and text"
    cv2.setNumThreads(1); p, text, rate, seed, name = job; f = Path(folder)/f'{name}.mp4'
    if f.exists(): return
    s = speak(text, p.voice, rate, p.pitch, pad=.25)
    f.parent.mkdir(parents=True, exist_ok=True); f.with_suffix('.txt').write_text(text+'\n')
    write_video(f, render(p, s, size=256, seed=seed), 25, s.audio)

def workers() -> int: return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()

def make_synthetic(folder:Path, people:int, each:int, seed:int) -> Path:
    "Make and process speaking clips of all synthetic people"
    with ProcessPoolExecutor(workers(), mp_context=get_context('spawn')) as ex: list(ex.map(make, jobs := synthetic(people, each, seed), [folder/'synthetic']*len(jobs)))
    preprocess_corpus(folder/'synthetic', folder/'synthetic_processed', PreprocessConfig(), workers(), val_ratio=0, progress=False, preflight=0)
    return folder/'synthetic_processed'

def process(videos:Path, out:Path, pattern:str='*.mp4,*.mpg') -> Path:
    "Real clips, processed"
    preprocess_corpus(videos, out, PreprocessConfig(), workers(), val_ratio=0, pattern=pattern, progress=False, preflight=0)
    return out

def put(files, folder:Path):
    "Link the files into `folder` under their own names"
    folder.mkdir(parents=True, exist_ok=True)
    for f in files:
        if not (folder/f.name).exists(): (folder/f.name).symlink_to(f.resolve())

def copies(jobs:list):
    "Make augmented copies of (file, destination, seed)"
    if todo := [j for j in jobs if not j[1].exists()]:
        with ProcessPoolExecutor(workers(), mp_context=get_context('spawn')) as ex: list(ex.map(relative, *zip(*todo)))

def who(f:Path) -> str: return read_meta(f)['person']
def sentence(f:Path) -> int: return int(read_meta(f)['video']) # index of a synthetic clip

def by_person(processed:Path) -> dict: # person: files
    "The processed files of a folder"
    out = {}
    for f in sorted(processed.glob('*/*_processed.parquet'), key=lambda f: f.name): out.setdefault(who(f), []).append(f)
    return out

def shared_out(files:list, n:int) -> list:
    "(file, number of its copies): about `n` in total"
    return [(f, n//len(files)-1+(i<n%len(files))) for i,f in enumerate(files[:n])]

NEVER = 'GRID, people it never met'

def gather(a, work:Path) -> dict:
    "Make and process everything; fills work/mixed/train and /val; returns the files of each test"
    syn = sorted(make_synthetic(work, a.people, a.each, a.seed).glob('train/*.parquet'))
    known, new = [f for f in syn if who(f) not in HELD_OUT], [f for f in syn if who(f) in HELD_OUT]
    learn, tests = [(f, a.copies) for f in known if sentence(f)<34], {'synthetic persons it knows, new sentences': [f for f in known if sentence(f)>=34],
        'new synthetic persons, sentences it knows': [f for f in new if sentence(f)<34], 'new synthetic persons, new sentences': [f for f in new if sentence(f)>=34]}
    chosen = ['synthetic persons it knows, new sentences']
    for d in a.data: learn += shared_out(sorted(d.glob('train/*.parquet')), a.files); tests[f'{d.name}, held out'] = sorted(d.glob('val/*.parquet')); chosen.append(f'{d.name}, held out')
    if a.grid:
        people = by_person(process(a.grid, work/'grid_processed'))
        if lack := set(a.held)-people.keys(): raise SystemExit(f"--held: not in {a.grid}: {', '.join(sorted(lack))}")
        known = {w: fs[:a.cap] for w,fs in people.items() if w not in a.held}
        for fs in known.values(): learn += shared_out([f for i,f in enumerate(fs) if i%10!=5], a.files)
        chosen.append('GRID, people it knows, new sentences'); tests[chosen[-1]] = [f for fs in known.values() for f in fs[5::10]]
        tests |= {f'GRID {w}, whom it never met': people[w] for w in a.held if len(people[w])>1} | {NEVER: [f for w in a.held for f in people[w]]}
    if a.long:
        joined = {Path(w['clip']).stem for w in load_json(next(a.long.glob('*.words.json')))}
        if twice := joined & {read_meta(f)['video'] for f,_ in learn}: raise SystemExit(f"in training and in --long: {twice}")
        tests['GRID s1, thirty more sentences'] = sorted(process(a.long.parent, work/'long_processed', 's1_90s.mp4').glob('train/*.parquet'))
    if a.address: tests['weekly address'] = sorted(process(a.address, work/'address_processed').glob('train/*.parquet'))
    put([f for f,_ in learn], work/'mixed'/'train'); put([f for k in chosen for f in tests[k]], work/'mixed'/'val')
    copies([(f, work/'mixed'/'train'/f.name.replace('_processed', f'~{i}_processed'), a.seed+1000*i+j) for j,(f,n) in enumerate(learn) for i in range(1, n+1)])
    return tests

def measure(m, tests:dict) -> dict:
    "Run all tests, with the changes where they are meaningful"
    clips = {k: [c for f in fs for c in spoken_clips(f, m.cfg.image_size) if c.mels.max()>-1] for k,fs in tests.items()}
    late = {'weekly address': 2} # 67 ms
    out = dict(tests={k: judge_accuracy(m, c, late.get(k, 0)) for k,c in clips.items() if len(c)>1})
    hard = {k: clips[k][::len(clips[k])//12][:15] for k in ('new synthetic persons, new sentences',NEVER) if k in clips}
    moved = {k: planted_offsets(m, clips[k]) for k in tests if k==NEVER or 'whom it never met' in k}
    return out | dict(planted=moved, changes={k: {how: judge_accuracy(m, altered_clips(c, how)) for how in CHANGES} for k,c in hard.items()})

def table(rows:dict, late=()) -> str:
    "Markdown table with one row per test and 95 % intervals"
    cell = lambda v: f'{v[0]:.2f} ({v[1]:.2f}–{v[2]:.2f})'
    lines = [f"| {k} | {r['clips']} | {cell(r['in_sync'])} | {cell(r['exact'])} | {cell(r['near'])} |" for k,r in rows.items()]
    return '\n'.join(['| clips | number | in sync? (guessing .50) | offset exact (.03) | within a frame (.10) |', '|--|--:|--:|--:|--:|', *lines])

def planted_table(rows:dict) -> str:
    "Markdown"
    cell = lambda v: f'{v[0]:.3f} ({v[1]:.3f}–{v[2]:.3f})'
    return '\n'.join(['| clips | number | questions | found to the frame | within a frame |', '|--|--:|--:|--:|--:|', *(f"| {k} | {r['clips']} | {r['questions']} | {cell(r['exact'])} | {cell(r['near'])} |" for k,r in rows.items())])

CARD = """# sync_judge

Says whether a window of {window} mouth pictures ({ms} ms) and a window of sound belong together: the judge that `lipsync evaluate` asks unless it is given another. Load it with `lipsync.evaluate.judge.default_judge()`.

**Trained on** {data}

**Command** `{command}`, seed {seed}, {epochs} epochs, which ends in `lipsync train-sync`; {params:,} weights, {created}, lipsync {version}, torch {torch}. SHA-256 `{sha}`.

**Licence** Apache-2.0 for our part. {attribution}

## How good

Whole clips that it was not trained on; in brackets the 95 % interval over clips. Marked * : the epoch was chosen on these, so they are a little flattered. The address, whose sound is two frames late, is asked for that delay.

{table}

Sound moved on purpose, by -5 to 5 frames, on whole clips (3 s) of people it never met; in brackets as above:

{planted}

With something done to the clips ({hard}):

{changes}

The last two are controls: no judge may find them in sync.

## What it can't do

- **People.** It has met {met}. Strangers are judged by what it saw in these; see the rows of people it never met for how well. They speak in the same room before the same camera as those it learnt from: of other films it knows nothing, and there it is best used to compare dubs of *one* face in *one* voice, not persons with each other.
- English only, faces from the front, speech without others talking at the same time, 25 frames a second, and mouth crops as `lipsync preprocess` cuts them (it reduces them to {size} pixels).
- A single window is a weak witness: average over a clip. Shorter clips than about two seconds say little, and what happens within {ms} ms is seen as one.
- It is no measure for a generator that was trained against it, and must not be used as one.
"""
GRID = "GRID corpus: M. Cooke, J. Barker, S. Cunningham, X. Shao, “An audio-visual corpus for speech perception and automatic speech recognition”, JASA 120 (2006), https://doi.org/10.1121/1.2229005, CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/); changed: reduced to weights. Whoever passes these weights on passes this line on."
PORTRAITS = "The synthetic persons are drawn from two pictures of US government agencies (NASA, US Navy) in the public domain and speak with espeak-ng."

def card(path:Path, m, r:dict) -> str:
    "The card, Markdown"
    t = {k+(' *' if k in r['chosen'] else ''): v for k,v in r['tests'].items()}
    parts = '\n\n'.join(f'*{k}*\n\n{table(v)}' for k,v in r['changes'].items())
    return CARD.format(**{k: r[k] for k in ('data','command','seed','epochs','attribution','met')}, params=n_params(m), created=r['provenance']['created'][:10], version=r['provenance']['lipsync'],
        torch=r['provenance']['versions'].get('torch'), sha=sha256_file(path), table=table(t), planted=planted_table(r['planted']), window=m.n, ms=40*m.n, hard=' and '.join(r['changes']), changes=parts, size=m.cfg.sync_size)

def command() -> str:
    "The command line, without the folders that don't affect the result"
    words = ' '.join(['python scripts/train_judge.py', *sys.argv[1:]])
    return re.sub(r' --(work|run|out|results) \S+', '', words)

def main(a):
    keep_memory(); tests = gather(a, a.work)
    n = {k: sum(1 for f in (a.work/'mixed'/'train').glob('*.parquet') if ('~' in f.name)==k) for k in (False, True)}
    if not (run := a.work/a.run/'sync.safetensors').exists(): train_sync(a.work/'mixed', run.parent, preset='tiny', epochs=a.epochs, batch_size=8, lr=a.lr, window=a.window, dropout=a.dropout, num_workers=0, seed=a.seed, cpu=True, set=f'stride=25,val_sequences=0,expert_decay={a.decay}')
    m = load_model(run, SyncDiscriminator)
    people = len({who(f) for f in (a.work/'mixed'/'train').glob('*.parquet') if '~' not in f.name})
    names = {who(f) for f in (a.work/'mixed'/'train').glob('*.parquet')}; real = sorted({n for n in names if re.fullmatch(r's\d+', n)}, key=lambda n: int(n[1:])) if a.grid else []
    made = sum(n in {p.name for p in PERSONS} or n.startswith('relative') for n in names)
    data = f"{n[False]} clips of {len(names)} persons, and {n[True]} copies of them with other looks and voices: {made} synthetic persons of `lipsync synth` and relatives drawn at random ({a.each} sentences each, two portraits, espeak-ng voices)"
    data += (f", and GRID's speakers {', '.join(real)} (CC BY 4.0; nine tenths of their sentences, of each at most {a.cap}, with its copies about {a.files} files). Never in training, nor in choosing the epoch: GRID's {', '.join(a.held)}" if real else '') + ''.join(f', {d.name}' for d in a.data) + '.'
    p = provenance()
    facts = dict(data=data, command=command(), seed=a.seed, epochs=a.epochs, attribution=(GRID+' ' if a.grid else '')+PORTRAITS, held=a.held if a.grid else [], met=(f"{len(real)} real people ({', '.join(real)} of GRID, British, who say sentences of one form) and " if real else '')+f'{made} synthetic persons, who are two faces in disguise')
    r = dict(facts, chosen=[k for k in tests if 'it knows, new' in k or 'held out' in k], **measure(m, tests), history=read_history(run.parent/'sync_history.jsonl'), provenance=p)
    out = save_model(a.out/'sync_judge.safetensors', m, meta=dict(m.meta, **facts, tests={k: {f: v[f] for f in ('clips','in_sync','exact','near')} for k,v in r['tests'].items()}))
    with atomic_path(a.out/'sync_judge.md') as f: f.write_text(card(out, m, r), encoding='utf-8')
    for f in a.out.glob('sync_judge.*'): f.chmod(0o644)
    save_json(a.results, dict(r, sha256=sha256_file(out))); print((a.out/'sync_judge.md').read_text())

if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for k,h in dict(grid='GRID corpus: speaker folders', long='folder of s1_90s.mp4', address='folder of person folders, sound two frames late').items(): p.add_argument(f'--{k}', type=Path, help=h)
    p.add_argument('--data', type=Path, nargs='*', default=[], help='further processed folders')
    p.add_argument('--people', type=int, default=16, help='synthetic relatives drawn at random'); p.add_argument('--each', type=int, default=7, help='sentences each')
    p.add_argument('--held', nargs='*', default=['s5','s31','s22'], help='GRID speakers that it never meets'); p.add_argument('--cap', type=int, default=90, help='sentences of a GRID speaker at most')
    p.add_argument('--files', type=int, default=160, help='files of a real speaker, with copies'); p.add_argument('--copies', type=int, default=0, help='copies of a synthetic clip')
    p.add_argument('--window', type=int, default=16, help='frames judged at a time'); p.add_argument('--dropout', type=float, default=.4); p.add_argument('--decay', type=float, default=.1, help='weight decay')
    p.add_argument('--epochs', type=int, default=8); p.add_argument('--lr', type=float, default=2e-3); p.add_argument('--seed', type=int, default=0)
    p.add_argument('--work', type=Path, default=ROOT/'out'/'judge'); p.add_argument('--run', default='run'); p.add_argument('--out', type=Path, default=ROOT/'lipsync'/'weights'); p.add_argument('--results', type=Path, default=ROOT/'benchmarks'/'results'/'judge.json')
    main(p.parse_args())
