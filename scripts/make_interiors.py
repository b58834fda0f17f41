"""Extract the insides of mouths for photos: lipsync/weights/interiors.safetensors and its card, from a film whose licence allows it

    python scripts/make_interiors.py ../shared/data/address/obama/obama_wa_02.mp4 --credit "White House weekly address, a work of the US government, public domain"

Only the opening between the lips is kept; its surroundings are filled with the opening's colours.
"""
import argparse, json, sys, time
from pathlib import Path
import cv2, numpy as np
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import atomic_path, sha256_file
from lipsync.dub.bank import skin_around
from lipsync.sources import Video
from lipsync.face.scene import KEPT, scan
from lipsync.dub.lips import APERTURE, lip_measures
from lipsync.dub.mesh import _LOW, _UP, INNER, in_eyes

CARD = """# interiors

What is between the lips of a talking man, {n} pictures in a row: `lipsync dub` shows them in the mouth of a photograph, or of a film in which nobody opens the mouth. Neither his lips nor his face are in them.

**From** {name} (SHA-256 `{sha}`). {credit}. **Command** `python scripts/make_interiors.py {name}`, {created}. The landmarks' lower edge is moved up by {shave:.0%} of the opening, where the lower lip shines.
"""

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('video', type=Path); p.add_argument('--credit', required=True, help='whose film it is, and its licence'); p.add_argument('--out', type=Path, default=ROOT/'lipsync'/'weights')
    p.add_argument('--least', type=float, default=.012, help='aperture, eye distances'); p.add_argument('--shave', type=float, default=.16, help='share of the opening taken off below'); p.add_argument('--quality', type=int, default=93, help='of the JPEGs')
    a = p.parse_args(); source = Video(a.video); tr = scan(source).track(0)
    jpegs, rings, measures, skins, numbers = [], [], [], [], []
    for i, (_, rgb) in enumerate(source):
        if tr.track[i] < 0: continue
        pts = tr.landmarks[i][KEPT,:2].astype(float); m = lip_measures(in_eyes(pts, tr.to_mouth[i]))
        skins.append(skin_around(rgb, pts))
        if m[APERTURE] < a.least: continue
        inner = pts.copy(); inner[_LOW] += a.shave*(pts[_UP]-pts[_LOW]); r = inner[INNER]
        lo = np.floor(r.min(0)-5).astype(int); hi = np.ceil(r.max(0)+6).astype(int); part = rgb[lo[1]:hi[1],lo[0]:hi[0]].astype(np.float32); r = r-lo
        inside = np.zeros(part.shape[:2], np.uint8); cv2.fillPoly(inside, [np.round(r*16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        w = (cv2.dilate(inside, np.ones((3,3), np.uint8)).astype(np.float32)/255)[...,None]
        filled = cv2.GaussianBlur(part*w, (0,0), 4)/(cv2.GaussianBlur(w, (0,0), 4)[...,None]+1e-3)
        jpegs.append(cv2.imencode('.jpg', cv2.cvtColor(np.clip(part*w+filled*(1-w), 0, 255).astype(np.uint8), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, a.quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444])[1].ravel())
        rings.append(r); measures.append(m); numbers.append(i)
    t = dict(jpeg=np.concatenate(jpegs), sizes=np.array([len(j) for j in jpegs], np.int64), rings=np.array(rings, np.float32), measures=np.array(measures, np.float32), skin=np.mean(skins, 0).astype(np.float32), after=np.r_[False, np.diff(numbers) == 1])
    with atomic_path(a.out/'interiors.safetensors') as tmp: save_file(t, str(tmp), dict(interiors=json.dumps(dict(credit=a.credit, source=a.video.name))))
    (a.out/'interiors.md').write_text(CARD.format(n=len(jpegs), name=a.video.name, sha=sha256_file(a.video), credit=a.credit, created=time.strftime('%Y-%m-%d'), shave=a.shave))
    print(f"{len(jpegs)} insides, {t['jpeg'].nbytes/1e3:.0f} kB, apertures {t['measures'][:,0].min():.3f} to {t['measures'][:,0].max():.3f}")

if __name__ == '__main__': main()
