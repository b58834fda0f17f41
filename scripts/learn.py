"""Does the training learn? Overfit one clip; or train the three stages on one speaker, evaluated on held-out sentences

    python scripts/learn.py overfit --clip PROCESSED/train/s1_bbaf2n_processed.parquet --out out/overfit
    python scripts/learn.py stages  --data_dir PROCESSED --person s1 --out out/stages
    python scripts/learn.py stages  ... --preset plus --expert out/stages/run/sync.safetensors --out out/plus   # the same with the preset `plus` and the same expert
    python scripts/learn.py overfit ... --size 256      # the full size, on a GPU

PROCESSED is a folder of `lipsync preprocess --auto_split`. Both can be killed and resumed, and write their part of benchmarks/results/learns.json (--results).
`overfit`: `base` with its full widths at a smaller image size (--size), trained and measured (PSNR) on one clip.
`stages`: the `tiny` widths at 96 pixels, expert first, then coarse, sync, full; val/l1 by stage, and how often the expert finds the right offset (within a frame, among 15) in mouths
generated for held-out sentences, compared with the truth, a copy of the first frame, and a generator with the audio of another sentence; by the training's expert, and by an independent one.
"""
import argparse, shutil, sys
from pathlib import Path
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import keep_memory, load_json, model_config, provenance, save_json
from lipsync.data.dataset import LipSyncDataset
from lipsync.models.syncnet import best_offsets
from lipsync.testing import correlation, n_params
from lipsync.models.checkpoint import load_generator
from lipsync.train.expert import fit_expert, load_expert
from lipsync.train.gan import generate
from lipsync.train.learner import fit_datasets
from lipsync.train.loaders import accelerator, open_data
from lipsync.train.losses import in_sync_loss
from lipsync.evaluate.metrics import psnr
from lipsync.train.monitor import read_history
from lipsync.train.stages import SETTINGS, stages, train_config
from torch.utils.data import DataLoader, default_collate

BASE_AT = {256: {}, 128: dict(image_size=128, face_size=256, mouth_channels=(128,64,64,32)), 64: dict(image_size=64, face_size=128, mouth_channels=(128,64,64), disc_scales=2)}
TINY_96 = dict(image_size=96, face_size=192, base_grid=6, mouth_channels=(48,32,24,16), sync_size=96)

def link(files, folder:Path):
    "The files under their own names in `folder`, without copying where possible"
    folder.mkdir(parents=True, exist_ok=True)
    for f in files:
        if not (folder/f.name).exists(): (folder/f.name).symlink_to(f.resolve())

@torch.no_grad()
def lips_compared(model, b) -> dict:
    "PSNR of the whole crop and of the lips, how closely the dark inside of the mouth follows the truth, and how much the lips move, of generated mouths and of a still image"
    real, S = b['mouths'], b['mouths'].shape[-1]
    def lips(x): return x[..., S*11//32:S*19//32, S*5//16:S*11//16]
    def dark(x): return (lips(x).mean(2)<-.35).float().mean((2,3))
    of = dict(truth=real, generated=generate(model, b), still=real.mean(1, keepdim=True).expand_as(real))
    return {k: dict(psnr=psnr(y, real), lips_psnr=psnr(lips(y), lips(real)), dark=correlation(dark(y), dark(real)), moves=float(lips(y).std(1).mean()/lips(real).std(1).mean())) for k,y in of.items()}

def overfit(clip:Path, out:Path, size:int, epochs:int, lr:float) -> dict:
    "`base` on one clip"
    for part in ('train','val'): link([clip], out/'data'/part)
    cfg = train_config('base', freeze_audio=False, lr_g=lr, lr_schedule='cosine', beta1=.9, grad_clip=1., ema_decay=.99, batch_size=1,
        seq_length=15, stride=15, num_workers=0, lmd_clips=0, val_every=10, samples_every=50, detail_every=1000, perceptual='laplacian', perceptual_warmup=0.).replace(coarse_end=epochs, sync_end=epochs, epochs=epochs)
    mcfg, acc = model_config('base', **BASE_AT[size]), accelerator(not torch.cuda.is_available())
    data = open_data(out/'data', mcfg, cfg.seq_length, cfg)
    fit_datasets(cfg, mcfg, *data, out/'run', acc=acc)
    h = read_history(out/'run'); rows = [r for r in h if 'val/psnr' in r]
    model, clip = load_generator(out/'run'/'last.pt')[0], LipSyncDataset(out/'data'/'val', train=False, seq_length=75, image_size=mcfg.image_size, face_size=mcfg.face_size)
    b = default_collate([clip[0]])
    return dict(size=size, params=n_params(model), lips=lips_compared(model, b), steps=h[-1]['step'], frames=len(data[0])*cfg.seq_length, psnr=rows[-1]['val/psnr'], l1=rows[-1]['val/l1'], sharpness=rows[-1]['val/sharpness'],
        seconds=sum(r['seconds'] for r in h), curve=[(r['step'], r['val/psnr']) for r in rows], train={k: getattr(cfg, k) for k in SETTINGS}, device=str(acc.device))

@torch.no_grad()
def judged(model, expert, clips) -> dict:
    "For each kind of mouths: fraction of offsets that the expert finds (guessing: 0.2), its loss, and L1"
    items = [clips[i] for i in range(len(clips))]; out = {}
    other = [next(o for o in items[i+1:]+items[:i] if o['video']!=x['video']) for i,x in enumerate(items)]
    for x,o in zip(items, other):
        b, swapped = default_collate([x]), default_collate([{**x, 'mels': o['mels'], 'visemes': o['visemes']}])
        real = b['mouths']
        kinds = {'truth': real, 'generated': generate(model, b), 'first frame': real[:,:1].expand_as(real).contiguous(), 'swapped sound': generate(model, swapped)}
        for k,y in kinds.items():
            off = best_offsets(expert, y, b['mels'], 7)
            row = out.setdefault(k, dict(found=[], asked=0, sync=[], l1=[]))
            row['found'].append(float((off.abs()<=1).sum())); row['asked'] += len(off)
            row['sync'].append(float(in_sync_loss(expert, y, b['mels']))); row['l1'].append(float((y-real).abs().mean()))
    mean = lambda v: sum(v)/len(v)
    return {k: dict(in_sync=sum(r['found'])/r['asked'], asked=r['asked'], clips=len(r['found']), sync=mean(r['sync']), l1=mean(r['l1'])) for k,r in out.items()}

PLUS = dict(model=dict(surroundings=True, skip_channels=(12,16,16,24,32)), train=dict(viseme_dropout=.3)) # what the preset `plus` adds to `base`, at these widths

def three_stages(data_dir:Path, person:str, out:Path, epochs:int, preset:str='base', taught_by:Path=None) -> dict:
    "The three stages on one person"
    more = PLUS if preset == 'plus' else dict(model={}, train={})
    for part in ('train','val'): link(sorted((data_dir/part).glob(f'{person}_*.parquet')), out/'data'/part)
    cfg = train_config('tiny', epochs, batch_size=4, seq_length=10, stride=13, val_sequences=40, lmd_clips=4, perceptual='laplacian', ema_decay=.995, **more['train'])
    mcfg, acc, run = model_config('tiny', **TINY_96, **more['model']), accelerator(not torch.cuda.is_available()), out/'run'
    if taught_by: run.mkdir(parents=True, exist_ok=True); shutil.copyfile(taught_by, run/'sync.safetensors')
    if not (run/'sync.safetensors').exists(): fit_expert(cfg, mcfg, *open_data(out/'data', mcfg, cfg.expert_length, cfg.replace(stride=0)), run, acc)
    data = open_data(out/'data', mcfg, cfg.seq_length, cfg)
    fit_datasets(cfg, mcfg, *data, run, acc=acc)
    if not (out/'judge'/'sync.safetensors').exists(): fit_expert(cfg.replace(seed=1), mcfg, *open_data(out/'data', mcfg, cfg.expert_length, cfg.replace(stride=0)), out/'judge', acc)
    expert, judge, clips = load_expert(run, acc), load_expert(out/'judge', acc), LipSyncDataset(out/'data'/'val', train=False, seq_length=75, image_size=mcfg.image_size, face_size=mcfg.face_size)
    of = {s.name: load_generator(run/f'best_model_{s.name}.pt')[0] for s in stages(cfg)}
    return dict(preset=preset, person=person, train_clips=len(list((out/'data'/'train').glob('*.parquet'))), val_clips=len(clips), expert=dict(expert.meta), history=read_history(run), sync_history=[{k: v for k,v in r.items()} for r in read_history(run/'sync_history.jsonl')],
        seconds=sum(r['seconds'] for r in [*read_history(run), *read_history(run/'sync_history.jsonl')]),
        judged={k: judged(g, expert, clips) for k,g in of.items()}, judged_by_another={k: judged(g, judge, clips) for k,g in of.items()}, judge=dict(judge.meta), train={k: getattr(cfg, k) for k in SETTINGS}, model=mcfg.to_dict(), device=str(acc.device))

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('what', choices=['overfit','stages'])
    p.add_argument('--clip', type=Path, help='overfit: a processed file'); p.add_argument('--data_dir', type=Path, help='stages: a processed folder'); p.add_argument('--person', default='s1')
    p.add_argument('--preset', choices=['base','plus'], default='base', help="stages: the preset"); p.add_argument('--expert', type=Path, help='stages: a sync.safetensors to use instead of training one')
    p.add_argument('--out', type=Path, required=True); p.add_argument('--size', type=int, default=128, choices=BASE_AT); p.add_argument('--epochs', type=int); p.add_argument('--lr', type=float, default=1e-3)
    p.add_argument('--results', type=Path, default=ROOT/'benchmarks'/'results'/'learns.json')
    a = p.parse_args(); keep_memory()
    part = overfit(a.clip, a.out, a.size, a.epochs or 240, a.lr) if a.what=='overfit' else three_stages(a.data_dir, a.person, a.out, a.epochs or 12, a.preset, a.expert)
    part |= dict(threads=torch.get_num_threads(), provenance=provenance())
    save_json(a.results, (load_json(a.results) if a.results.exists() else {}) | {a.what+('_plus' if a.preset == 'plus' else ''): part})
    print({k: v for k,v in part.items() if isinstance(v, (int,float,str))})
    if a.what=='stages': print(*part['judged_by_another'].items(), sep='\n')

if __name__ == '__main__': main()
