"""Ablation of the generator's optional parts: the same data and steps, one option at a time

    python scripts/ablate.py --data_dir PROCESSED --out out/ablation             # all variants -> out/ablation/ablation.json
    python scripts/ablate.py --data_dir PROCESSED --out out/ablation --only plus # some of them; finished ones are kept
    python scripts/ablate.py --data_dir PROCESSED --leak                         # how much the visible pixels reveal about the mouth

PROCESSED is a folder of `lipsync preprocess --auto_split`: trained on train/, measured on val/ (held-out sentences).
The networks are `tiny`, for mouths of 64 or 96 pixels (--size); every variant gets the same seed, clips, order and number of steps.
"""
import argparse, sys, time
from pathlib import Path
import numpy as np, torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import keep_memory, load_json, model_config, provenance, save_json
from lipsync.data.dataset import LipSyncDataset
from lipsync.models.generator import visible
from lipsync.models.lipsync import load_model
from lipsync.models.syncnet import SyncDiscriminator, sync_accuracy
from lipsync.testing import n_params
from lipsync.models.checkpoint import load_generator
from lipsync.train.expert import fit_expert
from lipsync.train.gan import generate
from lipsync.train.learner import fit_datasets
from lipsync.train.loaders import accelerator, open_data
from lipsync.train.losses import laplacian_pyramid
from lipsync.evaluate.metrics import psnr
from lipsync.train.monitor import sample_sheet, save_png
from lipsync.models.viseme_predictor import load_predictor
from lipsync.train.visemes import SoundDataset, fit_predictor
from lipsync.train.stages import train_config
from lipsync.train.steps import build
from torch.utils.data import DataLoader, default_collate

SIZES = {64: dict(), 96: dict(image_size=96, face_size=192, base_grid=6, mouth_channels=(48,32,24,16), sync_size=96, skip_channels=(12,16,24,32,32))}
TRAIN = dict(batch_size=4, seq_length=8, val_sequences=24, samples_every=100, detail_every=100)

VARIANTS = { # name: (settings of the model, settings of the training)
    'faithful': ({}, {}),
    'viseme dropout': ({}, dict(viseme_dropout=.3)),
    'reference skips': (dict(ref_frames=3), {}),
    'reference skips, similar pose': (dict(ref_frames=3), dict(reference='pose')),
    'surroundings': (dict(surroundings=True), {}),
    'mouth critic': (dict(mouth_critic=True), {}),
    'all of them': (dict(ref_frames=3, surroundings=True, mouth_critic=True), dict(reference='pose', viseme_dropout=.3)),
    'plus': (dict(surroundings=True), dict(viseme_dropout=.3)),
}

def file_name(variant): return variant.replace(', ', '-').replace(' ', '-')

def lips_of(x):
    "The lips in mouths [...,S,S]"
    s = x.shape[-1]
    return x[..., s//4:s*2//3, s*23//100:s*77//100]

def detail(x):
    "Mean magnitude of the finest band of the lips"
    return float(laplacian_pyramid(x.flatten(0,1))[0].abs().mean())

@torch.no_grad()
def measure(model, expert, clips, predictor) -> dict:
    "Metrics on held-out clips: with true visemes, with predicted ones, with none, and with the surroundings of another clip"
    out = {}
    for b in DataLoader(clips, 4, collate_fn=default_collate):
        real = b['mouths']
        kinds = dict(true=b['visemes'], predicted=predictor.predict(b['mels']), none=torch.full_like(b['visemes'], -1))
        for k,v in kinds.items():
            fake = generate(model, b | dict(visemes=v)).clamp(-1, 1)
            row = dict(l1=float((fake-real).abs().mean()), l1_lips=float(lips_of(fake-real).abs().mean()), psnr_lips=psnr(lips_of(fake), lips_of(real)), detail=detail(lips_of(fake))/detail(lips_of(real)),
                in_sync=sync_accuracy(expert, fake, b['mels'], 7), l1_border=float((fake-real)[..., :4, :].abs().mean()+(fake-real)[..., :4].abs().mean()+(fake-real)[..., -4:].abs().mean())/3)
            for n,x in row.items(): out.setdefault(k, {}).setdefault(n, []).append(x)
        fake = generate(model, b | dict(mouths=real.roll(1, 0))).clamp(-1, 1) # does the mouth follow the audio, or the surroundings?
        out.setdefault('other frames', {}).setdefault('in_sync', []).append(sync_accuracy(expert, fake, b['mels'], 7))
    return {k: {n: float(np.nanmean(x)) for n,x in d.items()} for k,d in out.items()}

def leakage(data_dir, person=None) -> dict:
    "Fraction of the mouth opening's variance on held-out clips that a linear regression explains from the visible pixels"
    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    S, y = 32, (np.arange(32)+.5)/32
    side = np.tile((y<.06)|(y>.94), (S,1))
    masks = {'everything': np.ones((S,S)), 'side strips, 6 %': side, 'bottom strip, 6 %': np.tile(y>.94, (S,1)).T, 'uppermost 6 %': np.tile(y<.06, (S,1)).T, 'the mask': visible(S).numpy()}
    def part(name):
        items = [o for o in LipSyncDataset(data_dir/name, 25, S, 32, stride=25, train=False) if person in (None, o['person'])]
        return torch.cat([o['mouths'] for o in items]).permute(0,2,3,1).numpy(), torch.cat([o['opening'] for o in items]).numpy()
    (X, o), (Xv, ov) = part('train'), part('val')
    cut = lambda X, m: (X*m[...,None])[:, m > 1e-6].reshape(len(X), -1)
    return {n: round(float(make_pipeline(PCA(40, random_state=0), Ridge(1e-2)).fit(cut(X, m), o).score(cut(Xv, m), ov)), 2) for n,m in masks.items()}

def configs(name, a):
    "The networks and the training of a variant"
    m, t = VARIANTS[name]
    return model_config('tiny', **SIZES[a.size], **m), train_config('tiny', a.epochs, seed=a.seed, stride=a.stride, **(TRAIN | t))

def prepare(a):
    "The sync expert and the viseme predictor that all variants share"
    (mcfg, cfg), acc, data_dir, out = configs('faithful', a), accelerator(cpu=True), a.data_dir, a.out
    if not (out/'sync.safetensors').exists(): fit_expert(cfg, mcfg, *open_data(data_dir, mcfg, cfg.expert_length, cfg), out, acc)
    if not (out/'visemes.safetensors').exists(): fit_predictor(cfg, mcfg, SoundDataset(data_dir/'train', 75, 37), SoundDataset(data_dir/'val'), out, acc)

def run(name, a) -> dict:
    "Train and measure a variant"
    (mcfg, cfg), acc, data_dir, out, start = configs(name, a), accelerator(cpu=True), a.data_dir, a.out, time.time()
    folder = out/file_name(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder/'sync.safetensors').write_bytes((out/'sync.safetensors').read_bytes())
    fit_datasets(cfg, mcfg, *open_data(data_dir, mcfg, cfg.seq_length, cfg), folder, acc=acc)
    model, _ = load_generator(folder/'last.pt')
    _, clips = open_data(data_dir, mcfg, 25, cfg)
    expert, gan = load_model(out/'sync.safetensors', SyncDiscriminator), build(cfg, mcfg, acc)
    clips = torch.utils.data.Subset(clips, np.linspace(0, len(clips)-1, min(32, len(clips))).round().astype(int).tolist())
    figures = measure(model, expert, clips, load_predictor(out))
    b = default_collate([clips[i] for i in range(0, len(clips), max(1, len(clips)//4))][:4])
    with torch.no_grad(): save_png(folder/'sheet.png', sample_sheet(b['mouths'], generate(model, b)))
    return dict(figures, params=n_params(gan.g), critic_params=n_params(gan.d), minutes=round((time.time()-start)/60, 1))

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--data_dir', type=Path, required=True, help="processed folder with train/ and val/")
    ap.add_argument('--out', type=Path, default=Path('out/ablation'), help="runs and ablation.json")
    ap.add_argument('--only', nargs='*', choices=[*VARIANTS], help="variants to run; default: all")
    ap.add_argument('--prepare', action='store_true', help="only train the sync expert and the viseme predictor")
    ap.add_argument('--leak', action='store_true', help="only measure how much the visible pixels reveal")
    ap.add_argument('--person', help="with --leak: only this person")
    ap.add_argument('--size', type=int, default=96, choices=[*SIZES], help="side of the mouths, pixels")
    ap.add_argument('--epochs', type=int, default=6, help="epochs per variant; half coarse, a quarter sync, a quarter adversarial")
    ap.add_argument('--stride', type=int, default=32, help="frames between the starts of training clips")
    ap.add_argument('--seed', type=int, default=0)
    a = ap.parse_args()
    if a.leak: print(*(f'{v:6.2f}  {k}' for k,v in leakage(a.data_dir, a.person).items()), sep='\n'); return
    keep_memory(); a.out.mkdir(parents=True, exist_ok=True)
    prepare(a)
    for name in [] if a.prepare else a.only or VARIANTS:
        if not (part := a.out/f"{file_name(name)}.json").exists(): save_json(part, run(name, a))
    done = {n: load_json(p) for n in VARIANTS if (p := a.out/f"{file_name(n)}.json").exists()}
    save_json(a.out/'ablation.json', dict(variants=done, train=TRAIN | dict(size=a.size, epochs=a.epochs, stride=a.stride, seed=a.seed), provenance=provenance()))

if __name__ == '__main__': main()
