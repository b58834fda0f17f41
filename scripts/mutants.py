"""Mutation tests: plant faults one at a time in a copy of the project, and run the chapters that should detect them

    make mutants                                    # all of them, about an hour of one core
    python scripts/mutants.py penalty lambda        # faults whose name contains one of these words
    python scripts/mutants.py --list

Each fault replaces a text in a notebook; the copy's modules are exported again. It is caught if a chapter fails, and the table lists the cell.
If a fault survives, the command exits with 1, unless it is explained below (HARMLESS). Results are written to benchmarks/results/mutants.json.
"""
import argparse, json, os, re, shutil, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import load_json, provenance, save_json

# name: (notebook, text, replacement, chapters that should detect it)
MUTANTS = {
    'critic trained in the wrong direction':    ('445_train.steps', "lambda real, fake: critic_loss(real, fake,", "lambda real, fake: critic_loss(fake, real,", ['445_train.steps']),
    'penalty subtracted':                       ('445_train.steps', "return lam*gp, dict(", "return -lam*gp, dict(", ['445_train.steps']),
    'penalty forgotten':                        ('445_train.steps', "return lam*gp, dict(", "return 0*gp, dict(", ['445_train.steps']),
    'lambda of another stage':                  ('445_train.steps', "learn.stage.start, cfg.gp_clock", "0, cfg.gp_clock", ['445_train.steps','465_train.learner']),
    'generator learns at the wrong steps':      ('440_train.core', "%self.every == self.every-1", "%self.every == 0", ['445_train.steps']),
    'warm-up of the critic ignored':            ('440_train.core', "if n >= self.warmup and", "if", ['445_train.steps']),
    'fake keeps its graph for the critic':      ('440_train.core', "with torch.no_grad(), self.autocast(): return at_least_float32(self.model(*self.held[i][0]))", "with self.autocast(): return at_least_float32(self.model(*self.held[i][0]))", ['440_train.core','445_train.steps']),
    'critic goes on learning in the other step':('440_train.core', "self.net.requires_grad_(False); return", "return", ['440_train.core','445_train.steps']),
    'share of a batch forgotten':               ('440_train.core', "self.loss_grad*self.share if self.share < 1 else self.loss_grad", "self.loss_grad", ['440_train.core']),
    'gradients not clipped':                    ('440_train.core', "norm = grad_norm(self.model, self.clip)\n", "norm = grad_norm(self.model, 0.)\n", ['440_train.core']),
    'average not used in validation':           ('440_train.core', "self.trained, self.learn.model = self.model, self.ema.module", "self.trained, self.learn.model = self.model, self.model", ['440_train.core']),
    'average follows the other way round':      ('410_train.gan', "w = 1-min(self.decay,", "w = min(self.decay,", ['410_train.gan','440_train.core']),
    'best epoch is the worst':                  ('440_train.core', "if score >= self.best['score']", "if score <= self.best['score'] or 'weights' not in self.best", ['440_train.core','450_train.expert']),
    'optimizer not restored':                   ('440_train.core', "load_optimizer(self.torch_opt, s['opt'], path); ", "", ['440_train.core']),
    'stored mels 80 ms late':                   ('270_data.preprocess', "mel_windows(mel, tr.times[s], cfg)", "mel_windows(mel, tr.times[s]-.08, cfg)", ['270_data.preprocess','280_data.dataset']),
    'stored visemes backwards':                 ('270_data.preprocess', "viseme=visemes[s], voiced", "viseme=visemes[s][::-1], voiced", ['270_data.preprocess','280_data.dataset']),
    'the dub hears 80 ms late':                 ('560_dub.dub', "mels = Mels(take.sound, times, room", "mels = Mels(take.sound, times-.08, room", ['560_dub.dub']),
    'resume repeats a batch':                   ('440_train.core', "self.learn.consumed += n; self.learn.held", "self.learn.consumed += n//2; self.learn.held", ['440_train.core']),
    'penalty on the true clips only':           ('410_train.gan', "torch.lerp(fake, real, alpha", "torch.lerp(real, real, alpha", ['410_train.gan']),
    'gradients summed over processes':          ('410_train.gan', "for g in gs]), 'mean')", "for g in gs]), 'sum')", ['410_train.gan','reliability/killed_runs']),
    'sampler ignores the epoch':                ('420_train.checkpoints', "self.seed*1_000_003+self.epoch", "self.seed*1_000_003", ['420_train.checkpoints']),
    'stage one epoch late':                     ('415_train.stages', "if epoch<s.end)", "if epoch<=s.end)", ['415_train.stages']),
    'perceptual loss at once':                  ('415_train.stages', "w*warm if k=='perceptual' else w", "w", ['415_train.stages']),
    'early stage never ends':                   ('415_train.stages', "e-(s.end-epoch-1)", "e", ['415_train.stages']),
    'audio not frozen':                         ('445_train.steps', "part.requires_grad_(n not in stage.frozen)", "part.requires_grad_(True)", ['465_train.learner']),
    'adversarial term with the wrong sign':     ('400_train.losses', "return -fake.mean()", "return fake.mean()", ['400_train.losses','445_train.steps']),
    'visemes hidden of the wrong clips':        ('445_train.steps', "noise[:,1] < self.hidden)", "noise[:,1] > self.hidden)", ['445_train.steps']),
    'validation clips in training':             ('435_train.loaders', "LipSyncDataset(Path(data_dir)/part, train=part=='train'", "LipSyncDataset(Path(data_dir)/'val', train=part=='train'", ['435_train.loaders']),
    'colours in another order':                 ('110_media', "_orient(_packed(f, 'rgb24', how), _matrix(f))", "_orient(_packed(f, 'bgr24', how), _matrix(f))", ['110_media']),
    'closures the other way round':             ('535_dub.lips', "*(1-closed), self.widest)", "*closed, self.widest)", ['535_dub.lips']),
    'lips late by two frames':                  ('535_dub.lips', "speech.at(np.arange(lo, hi)/25+phase)", "speech.at(np.arange(lo, hi)/25+phase-.08)", ['535_dub.lips']),
    'path prefers what fits worst':             ('545_dub.bank', "back = total.argmin(0)", "back = total.argmax(0)", ['545_dub.bank']),
    'predictor learns without variety':         ('460_train.visemes', "self.held[i] = ((augment_mels(", "self.held[i] = ((augment_mels(0*", ['460_train.visemes']),
    'faces of rows that store none':            ('280_data.dataset', "rows[rows % FACE_EVERY == 0]): raise", "rows[rows % FACE_EVERY == 1]): raise", ['280_data.dataset']),
    'files not levelled':                       ('203_audio.lazy', "x*np.float32(10**(self.gain/20))", "x", ['203_audio.lazy']),
    'training sound not levelled':              ('270_data.preprocess', "levelled(read_audio(src, cfg.audio_sr, clip=False), cfg)", "read_audio(src, cfg.audio_sr, clip=False)", ['270_data.preprocess']),
    'live sound not levelled':                  ('206_audio.streaming', "yield level(x)", "yield x", ['206_audio.streaming','570_dub.live']),
    'a noise floor becomes speech':             ('200_audio.features', "_HUM, _THERE, _VARIES = 200, 1e-9, 6.", "_HUM, _THERE, _VARIES = 200, 1e-9, 0.", ['200_audio.features']),
    'channels out of phase averaged':           ('110_media', "_LOSES, _QUIET_CENTRE = 4., 20.", "_LOSES, _QUIET_CENTRE = 400., 20.", ['110_media']),
    'header heard as sound':                    ('206_audio.streaming', "kind = '' if pcm else stream_kind(p)", "kind = ''", ['206_audio.streaming']),
    'oldest checkpoint of a run folder':        ('352_models.checkpoint', "_first_good(newest_first(folder))", "_first_good(newest_first(folder)[::-1])", ['352_models.checkpoint']),
    'mel windows a column late':                ('200_audio.features', "np.arange(w)-w//2", "np.arange(w)-w//2+1", ['200_audio.features','203_audio.lazy']),
    'lazy mels a column late':                  ('203_audio.lazy', "at = window_columns(self.times, c)", "at = window_columns(self.times, c)+1", ['203_audio.lazy']),
    'streaming mels a column late':             ('206_audio.streaming', "centre = int(col[half])", "centre = int(col[half])+1", ['206_audio.streaming']),
    'the smallest face is taken':               ('255_face.follow', "k = max(here, key=here.get)", "k = min(here, key=here.get)", ['255_face.follow']),
    'the face that speaks is not asked for':    ('255_face.follow', "k = said[0]['face'] if sure else k", "k = k", ['255_face.follow']),
    'stored crop of the frame before':          ('270_data.preprocess', "warp(rgb, tr.to_mouth[i], cfg.mouth_size)", "warp(rgb, tr.to_mouth[max(i-1, 0)], cfg.mouth_size)", ['270_data.preprocess']),
    'sound shifted the other way':              ('270_data.preprocess', "shift_audio(audio, cfg.audio_sr, late)", "shift_audio(audio, cfg.audio_sr, -late)", ['270_data.preprocess']),
    'face cut out turned the wrong way':        ('235_face.nets', "math.atan2(float(right[1]-left[1])", "-math.atan2(float(right[1]-left[1])", ['235_face.nets','240_face.landmarks']),
    'face seen with red and blue exchanged':    ('235_face.nets', "maps, mesh, logit = self.mesh.see(img)", "maps, mesh, logit = self.mesh.see(img[...,::-1])", ['235_face.nets','240_face.landmarks']),
    'face cut out too narrow':                  ('235_face.nets', "GROW = 1.5 ", "GROW = 1.45 ", ['235_face.nets','240_face.landmarks']),
    'face looked for beside where it was':      ('235_face.nets', "size/2-c*self.x-s*self.y]", "size/2-c*self.x-s*self.y+1]", ['235_face.nets','240_face.landmarks']),
    'face detector sees other brightness':      ('235_face.nets', "self.net.see(small, -1, 1)", "self.net.see(small, 0, 1)", ['235_face.nets']),
    'face boxes not weighted by their scores':  ('235_face.nets', "w = score[order[same], None]", "w = np.ones((same.sum(),1))", ['235_face.nets']),
    'face depth in another scale':              ('235_face.nets', "pts[:,2]*self.side]", "pts[:,2]*192]", ['235_face.nets']),
    'face close-ups half a cell off':           ('235_face.nets', "T[:,None,:,2] - np.float32(.5)", "T[:,None,:,2]", ['235_face.nets']),
    'face eyes exchanged':                      ('235_face.nets', "T[[0,1,2,1,2]]", "T[[0,2,1,2,1]]", ['235_face.nets']),
    'face already followed gives way':          ('235_face.nets', "for _, a in new] + self.rois)]", "for _, a in new][::-1] + [])]", ['235_face.nets','240_face.landmarks']),
    'face cut out by its box alone':            ('240_face.landmarks', "if found and not self._follows: found", "if False: found", ['240_face.landmarks']),
    'far face cut out too narrow':              ('240_face.landmarks', "self._closeup(rgb, box, 2)", "self._closeup(rgb, box, 1.7)", ['240_face.landmarks']),
}
HARMLESS = {} # name: why a survivor is no fault

def copy_to(out:Path):
    "Copy the project without generated files"
    for f in subprocess.run(['git', 'ls-files'], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT/f).exists(): (out/f).parent.mkdir(parents=True, exist_ok=True); shutil.copyfile(ROOT/f, out/f)
    if (ROOT.parent/'shared').exists() and not (out.parent/'shared').exists(): (out.parent/'shared').symlink_to(ROOT.parent/'shared')

def plant(out:Path, name:str, old:str, new:str):
    "Replace a text in the exported cells of a notebook; it must occur exactly once"
    p = out/'nbs'/f'{name}.ipynb'; nb = json.loads(p.read_text()); n = 0
    for c in nb['cells']:
        s = ''.join(c['source'])
        if c['cell_type'] == 'code' and s.startswith('#| export') and old in s: n += s.count(old); c['source'] = s.replace(old, new).splitlines(keepends=True)
    if not n: raise SystemExit(f"{name}: no such text any more: {old}")
    p.write_text(json.dumps(nb, indent=1, ensure_ascii=False)+'\n')

def run_chapter(out:Path, name:str, env:dict) -> str: # '' if it passes, else the id of the failed cell
    p = subprocess.run([str(Path(sys.executable).parent/'nbdev_test'), '--path', f'nbs/{name}.ipynb', '--n_workers', '0'], cwd=out, env=env, capture_output=True, text=True, timeout=1500)
    if not p.returncode: return ''
    m = re.search(r'Executing Cell #(\d+)', p.stdout+p.stderr)
    cells = json.loads((out/'nbs'/f'{name}.ipynb').read_text())['cells']
    return f"{name.split('_')[0]}:{cells[int(m[1])-1]['id']}" if m and int(m[1]) <= len(cells) else f"{name.split('_')[0]}: import"

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('words', nargs='*'); p.add_argument('--list', action='store_true')
    a = p.parse_args(); chosen = {k: v for k,v in MUTANTS.items() if not a.words or any(w in k for w in a.words)}
    if a.list: print(*chosen, sep='\n'); return
    rows = []
    with tempfile.TemporaryDirectory() as d:
        out = Path(d)/'project'; copy_to(out)
        env = dict(os.environ, PYTHONPATH=str(out), OMP_NUM_THREADS='1', GOMP_SPINCOUNT='10000', CUDA_VISIBLE_DEVICES='', PYTHONWARNINGS='ignore')
        for name, (nb, old, new, chapters) in chosen.items():
            before = {f: (out/f).read_text() for f in (f'nbs/{nb}.ipynb',)}; start = time.time()
            plant(out, nb, old, new); subprocess.run([str(Path(sys.executable).parent/'nbdev_export')], cwd=out, env=env, check=True, capture_output=True)
            caught = next((c for ch in chapters if (c := run_chapter(out, ch, env))), '')
            for f, t in before.items(): (out/f).write_text(t)
            rows.append(dict(fault=name, notebook=nb, caught=caught, chapters=chapters, seconds=round(time.time()-start)))
            print(f"{name:44} {'caught by '+caught if caught else 'harmless: '+HARMLESS[name] if name in HARMLESS else 'SURVIVED '+', '.join(chapters)}  ({rows[-1]['seconds']} s)", flush=True)
    left = [r['fault'] for r in rows if not r['caught'] and r['fault'] not in HARMLESS]
    print(f"{len(rows)} faults, {sum(bool(r['caught']) for r in rows)} caught, {len(left)} survived")
    file = ROOT/'benchmarks'/'results'/'mutants.json'; old = {r['fault']: r for r in load_json(file)['rows']} if file.exists() else {}
    old |= {r['fault']: r for r in rows} # keep the results of faults that were not run
    save_json(file, dict(rows=[old[k] for k in MUTANTS if k in old], harmless=HARMLESS, provenance=provenance()))
    return 1 if left else 0

if __name__ == '__main__': sys.exit(main())
