"""Compare foreign generators with recorded outputs of the originals: python scripts/parity.py FOLDER [case ...] [--json FILE]

FOLDER has a folder for each case (`spec.json`, `expected.npz`, shapes of the weights) and `check_cases.py`, which derives weights and inputs from names, calls
the functions below and compares. Prints a row for each comparison; exits with 1 if any differs by more than the tolerance, or fails.
"""
import argparse, importlib.util, json, re, sys, types, warnings
from pathlib import Path
import numpy as np, torch
from lipsync.config import provenance, save_json
from lipsync.console import show_table
from lipsync.dub.foreign import load_external, onnx_net
from lipsync.models import musetalk as mt, wav2lip as w2l

def net(family, weights): return w2l.load_wav2lip(int(re.search(r'\d+', family.removeprefix('wav2lip'))[0]), weights)

@torch.inference_mode()
def wav2lip_net(family, weights, mel, faces): return net(family, weights)(torch.from_numpy(mel), torch.from_numpy(faces)).numpy()

def wav2lip_video(weights, frames, boxes, wave, fps): return w2l.as_original(net('wav2lip_96', weights), frames, boxes, wave, fps)

def musetalk_features(weights, wave, fps):
    whisper = mt.load_net(mt.Whisper, mt.WHISPER, {k.removeprefix('encoder.'): v for k,v in weights.items()})
    heard = np.concatenate([mt.listen(whisper, wave[a:a+mt.SEGMENT]) for a in range(0, len(wave), mt.SEGMENT)])
    return mt.windows_of(mt.original_rows(len(wave), fps), heard)

@torch.inference_mode()
def musetalk_encode(config, weights, crop):
    both = torch.cat(mt.two_faces(torch.from_numpy(crop[None,...,::-1].copy())))
    return [x.numpy() for x in mt.load_net(mt.Autoencoder, config, weights).encode(both)]

@torch.inference_mode()
def musetalk_unet(config, weights, latents, audio): return mt.load_net(mt.UNet, config, weights)(torch.from_numpy(latents), torch.from_numpy(audio)).numpy()

@torch.inference_mode()
def musetalk_decode(config, weights, latents):
    vae = mt.load_net(mt.Autoencoder, config, weights)
    y = vae.decode(torch.from_numpy(latents)/vae.scale)
    return y.numpy(), y.add(1).clamp(0, 2).mul(127.5).round().byte().permute(0,2,3,1).flip(-1).numpy()

OURS = types.SimpleNamespace(load_external=load_external, onnx_net=onnx_net, whisper_logmel=mt.whisper_logmel, musetalk_index=mt.original_rows, musetalk_position=mt.positions,
    musetalk_box=mt.original_box, musetalk_paste=mt.original_paste, wav2lip_mel=w2l.wav2lip_mel, wav2lip_windows=w2l.wav2lip_windows, wav2lip_smooth=w2l.smooth_boxes,
    **{f.__name__: f for f in (wav2lip_net, wav2lip_video, musetalk_features, musetalk_encode, musetalk_unet, musetalk_decode)})

class Rows(list):
    "The checks' results: (case, largest difference, tolerance, passed)"
    bad = property(lambda self: sum(not r[3] for r in self))
    def _row(self, what, ok, note, allowed='', used=None): self.append((what, re.sub(r'\S*/', '', note)[:60], allowed, ok, used))
    def skip(self, what): self._row(what, False, 'not made')
    def same(self, what, got, want): self._numbers(what, got, want, 0)
    def close(self, what, got, want, atol, rtol=0.): self._numbers(what, got, want, atol + rtol*np.abs(want))
    def bytes(self, what, got, want, share=1e-3): self._numbers(what, got, want, 1, share)

    def _numbers(self, what, got, want, allowed, share=1.):
        got, want = np.asarray(got), np.asarray(want)
        if got.shape != want.shape: return self._row(what, False, f"shape {got.shape}, not {want.shape}")
        d = np.abs(got.astype(float)-want.astype(float)); off = float((d > 0).mean()) if d.size else 0.
        self._row(what, bool(np.isfinite(d).all() and (d <= allowed).all() and off <= share), f"{d.max(initial=0):.2g}" + (f" ({off:.2%} of values)" if share < 1 else ''),
            f"{np.max(allowed):g}" + (f" ({share:.2%})" if share < 1 else ''), off/share if share < 1 else float((d/allowed).max()) if np.all(allowed) else None)

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('folder', type=Path); ap.add_argument('case', nargs='*', help="folders to check; default: all")
    ap.add_argument('--threads', type=int, default=1); ap.add_argument('--json', type=Path, help="write the rows there too")
    a = ap.parse_args()
    torch.set_num_threads(a.threads); sys.dont_write_bytecode = True; warnings.filterwarnings('ignore', category=FutureWarning, module='torch.jit') # of the checks, which write such a file
    spec = importlib.util.spec_from_file_location('check_cases', a.folder/'check_cases.py'); checks = importlib.util.module_from_spec(spec); spec.loader.exec_module(checks)
    rows, folders = Rows(), [p.parent for p in sorted(a.folder.glob('*/spec.json')) if not a.case or p.parent.name in a.case]
    for f in folders: checks.CHECKS[json.loads((f/'spec.json').read_text())['check']](f, OURS, rows)
    table = [dict(zip(('case','largest difference','allowed'), r), passed='ok' if r[3] else 'FAILED') for r in rows]
    show_table(table)
    if a.json: save_json(a.json, dict(rows=[dict(t, share=r[4]) for t,r in zip(table, rows)], **provenance()))
    print(f"{len(rows)} comparisons in {len(folders)} cases, {rows.bad} failed")
    return int(rows.bad > 0 or not rows)

if __name__ == '__main__': sys.exit(main())
