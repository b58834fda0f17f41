"""Fit the network that sees whether a mouth is covered: lipsync/weights/visible.safetensors, with its card

    python scripts/fit_visible.py --grid ../shared/data/grid --more ../shared/data/grid_s1_more --address ../shared/data/address --work DIR   # as shipped

Faces are cut out of real clips once (--work/faces.npz). What covers the mouth is drawn on them, and so are beards, glasses, dark skin, weak light and other things that must not be mistaken for it.
Three folds of speakers are held out in turn, each with its own two or three kinds of cover; the network that is shipped is fitted on all. Figures go to the card and to --work/visible.json.
"""
import argparse, json, math, os, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
os.environ.setdefault('OMP_NUM_THREADS', '1')
import sys, cv2, numpy as np, torch, torch.nn.functional as F
from torch import nn
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.config import atomic_path, provenance, save_json
from lipsync.face.landmarks import FACE_OVAL, LIPS_OUTER, FaceLandmarker, apply_affine, face_transform, warp
from lipsync.media import read_frames

W, H, SIDE = 192, 224, 64 # Crop that is drawn on, what the network sees
FOLDS = (('s2','s5','s30'), ('s3','s31','s22','obama'), ('s4','s34','s1'))
UNSEEN = (('scarf','phone','pixels'), ('hand','caption','cup'), ('mask','mic','paper')) # kinds held out with each fold

def gather(a) -> dict:
    "Crops of faces with their lips and outline; every 15th frame, the address every 6th"
    out = Path(a.work)/'faces.npz'
    if not out.exists():
        films = [(p.parent.name, p) for p in sorted(Path(a.grid).glob('s*/*.mpg')) if p.parent.name != 's1']
        films += [('s1', p) for p in sorted(Path(a.grid).glob('s1/*.mpg'))[:30]] + [('s1', p) for p in sorted(Path(a.more).glob('*.mp4'))[:12]] + [('obama', p) for p in sorted(Path(a.address).glob('*/*.mp4'))]
        x, lips, oval, who, find = [], [], [], [], FaceLandmarker()
        for w, p in films:
            for i, (_, f) in enumerate(read_frames(p, 25)):
                if i % (6 if w == 'obama' else 15) != 3: continue
                find.reset()
                for r in find(f)[:1]:
                    M = face_transform(r.landmarks, W)
                    x.append(warp(f, M, (W,H))); who.append(w)
                    lips.append(apply_affine(M, r.landmarks[list(LIPS_OUTER)])); oval.append(apply_affine(M, r.landmarks[list(FACE_OVAL)]))
        np.savez(out, x=np.array(x), lips=np.array(lips, np.float32), oval=np.array(oval, np.float32), who=np.array(who))
    return dict(np.load(out))

# What is drawn. Everything works on float32 [H,W,3], 0-255, and masks [H,W], 0-1

def colour(r): 
    c = r.integers(0, 256, 3).astype(np.float32)
    return c*.25+191*r.random() if r.random() < .35 else c
def noise(r, cell): return cv2.resize(r.standard_normal((max(2, H//cell), max(2, W//cell))).astype(np.float32), (W,H), interpolation=cv2.INTER_CUBIC)
def fill(pts, soft=0.):
    m = np.zeros((H,W), np.float32); cv2.fillPoly(m, [np.round(np.asarray(pts)*16).astype(np.int32)], 1., cv2.LINE_AA, 4)
    return cv2.GaussianBlur(m, (0,0), soft) if soft > .3 else m
YX = np.mgrid[:H,:W].astype(np.float32)

def cloth(r, base=None) -> np.ndarray:
    "A surface: colour, print, folds, grain"
    c = colour(r) if base is None else np.asarray(base, np.float32)
    x = np.broadcast_to(c, (H,W,3)).copy(); t = r.random()*math.pi; u = YX[1]*math.cos(t)+YX[0]*math.sin(t); v = YX[0]*math.cos(t)-YX[1]*math.sin(t); p = 3+r.random()*22
    kind = r.integers(0, 7)
    if kind == 1: x += ((np.sin(u*2*math.pi/p) > r.uniform(-.5,.5))[...,None])*(colour(r)-c)
    if kind == 2: x += (((np.sin(u*2*math.pi/p) > .3) & (np.sin(v*2*math.pi/p) > .3))[...,None])*(colour(r)-c)
    if kind == 3: x += np.clip(noise(r, int(6+r.random()*25))*2, 0, 1)[...,None]*(colour(r)-c)
    if kind == 4: x += (12*r.random()*np.sin(u*2*math.pi/(2+r.random()*4))*np.cos(v*2*math.pi/(2+r.random()*6)))[...,None] # knitted
    x += (noise(r, 40)*r.random()*22)[...,None] + (noise(r, 14)*r.random()*10)[...,None]
    if r.random() < .5: x += (r.random()*25*np.sin(u*2*math.pi/(10+r.random()*40)+noise(r,50)))[...,None]
    return x + r.standard_normal((H,W,1)).astype(np.float32)*r.random()*6
def skin(r, x, oval):
    "Colour of the face's own skin, a little off"
    m = np.median(x[90:115, 60:132].reshape(-1,3), 0); return np.clip(m*r.uniform(.75,1.2)+r.normal(0, 8, 3), 0, 255)
def lit(x, m, r):
    "The mask's edge shaded, so that it stands off the face"
    e = cv2.GaussianBlur(m, (0,0), 2+3*r.random()); return x*(1-.5*r.random()*(1-e)[...,None])
def ellipse(cx, cy, a, b, turn=0., n=40, bumpy=0., r=None):
    t = np.linspace(0, 2*math.pi, n, endpoint=False); k = 1 if not bumpy else 1+bumpy*np.cumsum(r.normal(0, .1, n))*np.sin(t/2)
    p = np.stack([a*np.cos(t)*k, b*np.sin(t)*k], 1); c, s = math.cos(turn), math.sin(turn)
    return p @ np.array([[c,s],[-s,c]]) + (cx,cy)
def box(cx, cy, w, h, turn): return np.array([(-w,-h),(w,-h),(w,h),(-w,h)])/2 @ np.array([[math.cos(turn),math.sin(turn)],[-math.sin(turn),math.cos(turn)]]) + (cx,cy)
def write(img, r, y, c, scale=None):
    s = scale or .3+r.random()*.6; text = ''.join(r.choice([*'abcdefghijklmnoprstuvwyzABEKMST    .,0123'], 40))
    cv2.putText(img, text, (int(-10-30*r.random()), int(y)), int(r.choice([0,2,3,4])), s, tuple(float(v) for v in c), 1+int(r.random()*2), cv2.LINE_AA)

def mask(r, x, lips, oval, down):
    "A mask over nose, mouth and chin"
    c, (x0, x1) = lips.mean(0), (oval[:,0].min(), oval[:,0].max()); mid, chin = c[0], oval[:,1].max()+r.uniform(0,8)
    top, side = 97+r.uniform(-8,14)+down, r.uniform(6,24); flat = r.random()
    up = [(x0+r.uniform(-3,5), top+side), (mid-(mid-x0)*.45, top+side*.45+flat*3), (mid-10, top+flat*4), (mid, top-2+flat*5), (mid+10, top+flat*4), (mid+(x1-mid)*.45, top+side*.45+flat*3), (x1+r.uniform(-5,3), top+side)]
    low = [(x1-r.uniform(0,14), 135+down+r.uniform(-5,15)), (mid+(x1-mid)*r.uniform(.4,.75), chin-r.uniform(0,14)+down*.4), (mid+12, chin+3+down*.4), (mid-12, chin+3+down*.4), (mid-(mid-x0)*r.uniform(.4,.75), chin-r.uniform(0,14)+down*.4), (x0+r.uniform(0,14), 135+down+r.uniform(-5,15))]
    m = fill(up+low, r.random()); s = cloth(r, r.choice([[235,238,240],[150,195,225],[25,25,28],[240,240,235],[120,170,205],[165,205,190]]) if r.random() < .6 else None)
    s += (np.clip(1-((YX[1]-mid)/(x1-x0+1)*2)**2, -1, 1)*r.random()*35-20)[...,None]
    if r.random() < .6:
        for k in range(int(r.integers(1,5))): s[(np.abs(YX[0]-(top+side+8+k*r.uniform(8,14))-3*np.sin(YX[1]/30)) < 1.1)] *= r.uniform(.6,.95)
    if r.random() < .3: s[np.abs(YX[1]-mid) < 1] *= r.uniform(.6,.9)
    s = lit(s, m, r); out = x.copy()
    if r.random() < .7:
        for a, b in ((up[0], (x0-12, 92+down)), (up[-1], (x1+12, 92+down))): cv2.line(out, tuple(map(int, a)), tuple(map(int, b)), tuple(float(v) for v in colour(r)), 1+int(r.random()*2), cv2.LINE_AA)
    return out, s, m
def scarf(r, x, lips, oval, down):
    top = 104+r.uniform(-8,14)+down; xs = np.linspace(-5, W+5, 9); ys = top+np.cumsum(r.normal(0, 3, 9))*.6+((xs-W/2)/W)**2*r.uniform(-60,60)
    m = fill([*zip(xs, ys), (W+5,H+5), (-5,H+5)], r.random()); s = cloth(r)
    s += (25*r.random()*np.sin((YX[0]+noise(r,40)*8)*2*math.pi/r.uniform(12,50)))[...,None]
    return x, lit(s, m, r), m
def veil(r, x, lips, oval, down):
    top = 92+r.uniform(-6,16)+down; bow = r.uniform(-10,18)
    xs = np.linspace(-5, W+5, 9); m = fill([*zip(xs, top+bow*((xs-W/2)/W*2)**2), (W+5,H+5), (-5,H+5)], r.random())
    return x, cloth(r, None if r.random() < .5 else [20,20,24]), m*(r.uniform(.62,1) if r.random() < .6 else 1)
def mic(r, x, lips, oval, down):
    c = lips.mean(0)+(r.normal(0,5), r.normal(2,5)+down); a = r.uniform(20,42); b = a*r.uniform(.8,1.25); turn = r.normal(0,.4)
    s = cloth(r, r.choice([[25,25,28],[60,60,65],[130,130,135],[200,40,40],[40,60,160]]) if r.random() < .8 else None)
    d = np.hypot((YX[1]-c[0]+a*.3)/a, (YX[0]-c[1]+b*.3)/b); s = s*(1.25-.5*np.clip(d,0,1.4))[...,None] + (r.standard_normal((H,W)).astype(np.float32)*r.uniform(3,18))[...,None]
    m = fill(ellipse(*c, a, b, turn), .6); w = a*r.uniform(.3,.7); dx = r.normal(0,50)
    m = np.maximum(m, fill([(c[0]-w,c[1]+b*.6),(c[0]+w,c[1]+b*.6),(c[0]+w+dx,H+40),(c[0]-w+dx,H+40)])); s[int(min(max(c[1]+b, 0), H-1)):] *= r.uniform(.4,1.3)
    return x, s, m
def hand(r, x, lips, oval, down):
    c = lips.mean(0)+(r.normal(0,7), r.normal(0,5)+down); tone = skin(r, x, oval) if r.random() < .8 else colour(r); s = np.broadcast_to(tone.astype(np.float32), (H,W,3)).copy()
    turn = r.normal(0,.5)+(0 if r.random() < .7 else math.pi/2); m, n, w = np.zeros((H,W), np.float32), int(r.integers(2,6)), r.uniform(13,21)
    ax, nx = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)]); sign = r.choice([-1,1])
    for k in range(n):
        p = c+nx*(k-(n-1)/2)*w*r.uniform(.9,1.05)-ax*sign*r.uniform(24,46); q = p+ax*sign*r.uniform(130,200)
        one = np.zeros((H,W), np.float32); cv2.line(one, tuple(np.round(p*16).astype(int).tolist()), tuple(np.round(q*16).astype(int).tolist()), 1., int(w), cv2.LINE_AA, 4)
        edge = cv2.GaussianBlur(one, (0,0), w*.22); s = s*(1-one[...,None]) + one[...,None]*(tone*(.55+.5*np.clip(edge,0,1))[...,None])
        if r.random() < .3: cv2.ellipse(s, tuple((p+ax*sign*6).astype(int).tolist()), (int(w*.35), int(w*.25)), math.degrees(turn), 0, 360, tuple(float(v) for v in np.clip(tone*1.15+10,0,255)), -1, cv2.LINE_AA)
        m = np.maximum(m, one)
    if r.random() < .5: m2 = fill(ellipse(*(c+ax*sign*70), 55, 40, turn)); s = np.where((m2 > m)[...,None], tone*r.uniform(.8,1.05), s); m = np.maximum(m, m2)
    return x, s+(noise(r,20)*5)[...,None], m
def cup(r, x, lips, oval, down):
    c = lips.mean(0)+(r.normal(0,6), r.uniform(-8,4)+down); w, h = r.uniform(26,44), r.uniform(60,110); k = r.uniform(.6,1.)
    m = fill([(c[0]-w,c[1]-12),(c[0]+w,c[1]-12),(c[0]+w*k,c[1]+h),(c[0]-w*k,c[1]+h)], .5); m = np.maximum(m, fill(ellipse(c[0], c[1]-12, w, r.uniform(3,10))))
    s = cloth(r)+(20*np.sin((YX[1]-c[0])/w*2))[...,None]; cv2.ellipse(s, (int(c[0]),int(c[1]-12)), (int(w),5), 0, 0, 360, tuple(float(v) for v in colour(r)), 2, cv2.LINE_AA)
    return x, s, m
def phone(r, x, lips, oval, down):
    c = lips.mean(0)+(r.normal(0,8), r.normal(0,8)+down); m = fill(box(*c, r.uniform(45,75), r.uniform(70,130), r.normal(0,.5)), .4)
    s = np.broadcast_to(colour(r)*r.uniform(.1,1), (H,W,3)).copy()+(noise(r,50)*8)[...,None]
    for _ in range(int(r.integers(0,4))): cv2.circle(s, tuple((c+r.normal(0,18,2)).astype(int).tolist()), int(r.integers(3,9)), tuple(float(v) for v in colour(r)), -1, cv2.LINE_AA)
    return x, s.astype(np.float32), m
def paper(r, x, lips, oval, down):
    c = lips.mean(0)+(r.normal(0,15), 42+r.normal(0,12)+down); m = fill(box(*c, r.uniform(80,240), r.uniform(110,150), r.normal(0,.2)), .4); s = cloth(r, [235,233,228]) if r.random() < .7 else cloth(r)
    for k in range(int(r.integers(0,9))): write(s, r, c[1]-50+13*k, colour(r)*.4, .3+.2*r.random())
    return x, s, m
def caption(r, x, lips, oval, down):
    h = r.uniform(32,80); y = lips[:,1].mean()+r.normal(0,4)+down; m = ((YX[0] > y-h/2) & (YX[0] < y+h/2)).astype(np.float32)*(1 if r.random() < .6 else r.uniform(.7,1))
    s = np.broadcast_to(colour(r) if r.random() < .5 else np.float32([15,15,15]), (H,W,3)).copy().astype(np.float32); c = colour(r)
    if r.random() < .85:
        for k in range(1+int(h > 50)): write(s, r, y+5+18*k-(9 if h > 50 else 0), c if abs(c.mean()-s.mean()) > 60 else 255-s[0,0])
    return x, s, m
def pixels(r, x, lips, oval, down):
    c = lips.mean(0)+(r.normal(0,4), r.normal(0,4)+down); w, h = r.uniform(62,130), r.uniform(42,90); kind = r.random()
    m = fill(box(*c, w, h, 0) if r.random() < .6 else ellipse(*c, w/2, h/2)); n = r.uniform(12,26)
    s = cv2.resize(cv2.resize(x, (int(W/n),int(H/n)), interpolation=cv2.INTER_AREA), (W,H), interpolation=cv2.INTER_NEAREST) if kind < .5 else cv2.GaussianBlur(x, (0,0), r.uniform(12,22)) if kind < .75 else np.broadcast_to(colour(r)*(r.random() < .6), (H,W,3))
    return x, s.astype(np.float32), m
def hood(r, x, lips, oval, down):
    m = np.ones((H,W), np.float32)-fill(ellipse(96, 80+r.uniform(-5,5), r.uniform(42,60), r.uniform(14,26)), .8); return x, cloth(r, [22,22,25] if r.random() < .6 else None), m
def blob(r, x, lips, oval, down):
    c = lips.mean(0)+(r.normal(0,8), r.normal(0,6)+down); m = fill(ellipse(*c, r.uniform(32,75), r.uniform(22,60), r.normal(0,.6), bumpy=r.random(), r=r), r.random()*2)
    return x, lit(cloth(r), m, r), m
KINDS = dict(mask=mask, scarf=scarf, veil=veil, mic=mic, hand=hand, cup=cup, phone=phone, paper=paper, caption=caption, pixels=pixels, hood=hood, blob=blob)

def beard(r, x, lips, oval):
    "Hair around the mouth: stubble to full beard, the moustache over a part of the upper lip"
    c, chin = lips.mean(0), oval[:,1].max(); grow = r.uniform(0,25)*(r.random() < .5); side = oval[(oval[:,1] > c[1]-r.uniform(5,45))]
    outer = cv2.convexHull(np.float32([*(side+(0,grow*.3)), (c[0]-25,chin+grow), (c[0]+25,chin+grow)]))[:,0]; m = fill(outer, 3)
    if r.random() < .3: m = fill(ellipse(c[0], c[1]+14, 34, 38), 2) # a goatee
    lower = lips[lips[:,1] > c[1]-1]; gap = fill(cv2.convexHull(np.float32((lips-c)*(1.12,1.15)+c))[:,0], 1.2)
    cheeks = fill(ellipse(c[0], c[1]-34, r.uniform(30,75), r.uniform(18,28)), 4); m = m*(1-gap)*(1-cheeks)
    if r.random() < .75: 
        up = lips[:,1].min(); m = np.maximum(m, fill(ellipse(c[0], up-4+r.uniform(-2,4), np.ptp(lips[:,0])*.6, 6+r.random()*4), 1.5))
    tone = np.float32(r.choice([[18,14,12],[45,32,22],[95,70,45],[150,145,140],[215,212,208],[110,60,30],[8,8,8]])); t = r.normal(0,.3)
    hair = cv2.GaussianBlur(r.standard_normal((H,W)).astype(np.float32), (0,0), sigmaX=.7, sigmaY=r.uniform(1,4)); hair /= hair.std(); k = r.choice([.35,.6,.85,1.])
    a = m*np.clip(k*(1+.35*hair), 0, 1); return x*(1-a[...,None]) + a[...,None]*(tone+(hair*12)[...,None])
def glasses(r, x):
    c = tuple(float(v) for v in colour(r)*.5); a, b = int(r.uniform(20,30)), int(r.uniform(12,22)); x = x.copy(); dark = r.random() < .3
    for cx in (68,124):
        if dark: k = fill(ellipse(cx, 74, a, b))[...,None]*r.uniform(.5,.95); x = x*(1-k)+k*np.float32([20,20,22])
        (cv2.ellipse(x, (cx,74), (a,b), 0, 0, 360, c, 1+int(r.random()*3), cv2.LINE_AA) if r.random() < .7 else cv2.rectangle(x, (cx-a,74-b), (cx+a,74+b), c, 2))
    return np.ascontiguousarray(x)
def lipstick(r, x, lips):
    k = fill(lips, 1)[...,None]*r.uniform(.2,.75); return x*(1-k)+k*x.mean(2, keepdims=True)/110*np.float32(r.choice([[150,20,35],[190,60,90],[90,20,40],[200,110,100],[60,15,30]]))
def mouth_open(r, x, lips):
    "A wider open mouth: dark inside, perhaps with teeth and tongue"
    c = lips.mean(0); w, h = np.ptp(lips[:,0])*r.uniform(.28,.42), np.ptp(lips[:,1])*r.uniform(.15,.5)
    k = fill(ellipse(*c, w, h), 1)[...,None]; inside = np.broadcast_to(np.float32([45,18,18])*r.uniform(.3,1.4), (H,W,3)).copy()
    if r.random() < .6: inside = inside + fill(ellipse(c[0], c[1]-h*.5, w*.85, h*.5), .6)[...,None]*np.float32([170,165,150])*r.uniform(.5,1)
    return x*(1-k)+k*inside
def smile(r, x, lips):
    "A broad smile: teeth between curved lips, folds beside it"
    c, w = lips.mean(0), np.ptp(lips[:,0])/2*r.uniform(.95,1.4); h, lift = r.uniform(4,15), r.uniform(1,11); lip = np.median(x[fill(lips) > .5], 0); around = cv2.GaussianBlur(x, (0,0), 7)
    k = cv2.GaussianBlur(fill(cv2.convexHull(np.float32((lips-c)*(1.25,1.5)+c))[:,0]), (0,0), 3)[...,None]; y0, y1 = int(lips[:,1].max())+8, int(lips[:,1].max())+14
    x = x*(1-k)+k*(.5*around+.5*np.median(x[y0:y1, int(c[0]-15):int(c[0]+15)].reshape(-1,3), 0))
    t = np.linspace(-1, 1, 25); up, low = np.stack([c[0]+w*t, c[1]-h*.35*(1-t*t)-lift*t*t], 1), np.stack([c[0]+w*t, c[1]+h*(1-t*t)-lift*t*t], 1)
    a, b = r.uniform(2,6), r.uniform(3,8)
    k = fill(np.concatenate([up-np.stack([0*t, a*(1-t*t)+.5], 1), (low+np.stack([0*t, b*(1-t*t)+.5], 1))[::-1]]), .8)[...,None]; x = x*(1-k)+k*lip*r.uniform(.8,1.1)
    k = fill(np.concatenate([up, low[::-1]]), .7)[...,None]; teeth = np.float32([235,228,215])*r.uniform(.55,1.08)*min(1.1, .45+x.mean()/200)*(1-.12*np.abs(np.sin((YX[1]-c[0])*math.pi/r.uniform(6,11))) ** 12)[...,None]
    if r.random() < .5: gap = fill(np.stack([low[:,0], low[:,1]-h*r.uniform(.05,.5)], 1)[::1].tolist()+low[::-1].tolist(), .7)[...,None]; teeth = teeth*(1-gap)+gap*np.float32([70,25,25])*r.uniform(.3,1)
    x = x*(1-k)+k*teeth
    for s in (-1,1):
        if r.random() < .7: line = np.zeros((H,W), np.float32); cv2.polylines(line, [np.int32([(c[0]+s*(w*.55), c[1]-34),(c[0]+s*(w*1.05), c[1]-14),(c[0]+s*(w*1.15), c[1]+4)])], False, 1., 2); x = x*(1-r.uniform(.1,.35)*cv2.GaussianBlur(line, (0,0), 2)[...,None])
    return x
def cut_off(r, x, lips):
    "The picture ends below the mouth, or beside the face; its border is repeated"
    x = x.copy(); y = int(lips[:,1].max()+r.uniform(3,70)); x[y:] = x[min(y, H-1)]
    if r.random() < .3: a = int(r.uniform(8,40)); x[:,:a] = x[:,a:a+1]
    return x
def photo(r, x):
    "Skin tones, light, colour, sharpness, noise, compression"
    x = np.clip(x, 0, 255)/255
    if r.random() < .45: x = x**r.uniform(.8,2.6) # darker skin or weak light
    if r.random() < .35: x = x*np.float32(r.uniform(.65,1.25,3))
    if r.random() < .4: t = r.random()*2*math.pi; x = x*np.clip(1+r.uniform(.2,.9)*((YX[1]/W-.5)*math.cos(t)+(YX[0]/H-.5)*math.sin(t))*2, .05, 2)[...,None]
    if r.random() < .2: x = x*(1-r.uniform(.2,.7)*fill(box(*r.uniform(20,200,2), r.uniform(30,200), r.uniform(30,160), r.random()*3), r.uniform(2,12))[...,None])
    if r.random() < .3: x = (x-.5)*r.uniform(.5,1.5)+.5+r.normal(0,.08)
    if r.random() < .35: x = x*r.uniform(.12,.7)
    if r.random() < .18: x = np.repeat(x.mean(2, keepdims=True), 3, 2)
    elif r.random() < .3: g = x.mean(2, keepdims=True); x = g+(x-g)*r.uniform(.2,1.5)
    x = np.clip(x, 0, 1); return (x*max(1., .07/max(float(x.mean()), 1e-4))*255).astype(np.float32)
def coarse(r, x):
    "The finished crop: resolution, noise, compression"
    if r.random() < .35: n = int(r.uniform(20,56)); x = cv2.resize(cv2.resize(x, (n,n), interpolation=cv2.INTER_AREA), (SIDE,SIDE), interpolation=cv2.INTER_LINEAR)
    if r.random() < .25: x = cv2.GaussianBlur(x, (0,0), r.uniform(.4,1.6))
    if r.random() < .15: k = int(r.integers(2,6)); x = cv2.blur(x, (k,1) if r.random() < .5 else (1,k))
    if r.random() < .4: x = x+r.normal(0, r.uniform(1,10), x.shape)
    x = np.clip(x, 0, 255).astype(np.uint8)
    if r.random() < .3: x = cv2.imdecode(cv2.imencode('.jpg', x, [1, int(r.uniform(25,90))])[1], 1)
    return x
TOP, LEFT, WIDE = .28, .1, .8 # The part of the face crop that is seen, in its sides (lipsync.face.visible has the same)
def cut(r, x, how=None):
    "The network's crop [SIDE,SIDE,3], with small errors of the pose, or wrong on purpose"
    k, t, dx, dy = r.uniform(.86,1.16), r.normal(0,.07), r.normal(0,.022), r.normal(0,.022); squeeze, shear = r.uniform(.86,1.05), r.normal(0,.05)
    if how == 'turned': t = r.choice([math.pi/2, math.pi, math.pi, -math.pi/2])+r.normal(0,.25)
    if how == 'zoom': k = r.choice([r.uniform(1.8,3.5), r.uniform(.35,.5)])
    if how == 'beside': a, d = r.random()*2*math.pi, r.uniform(.34,.6); dx, dy = d*math.cos(a), d*math.sin(a)
    f = SIDE/(WIDE*W)*k; c, s = f*math.cos(t), f*math.sin(t); A = np.array([[c*squeeze,-s],[s*squeeze+f*shear,c]]); m = np.array([LEFT+WIDE/2+dx, TOP+WIDE/2+dy])*W
    M = np.concatenate([A, (SIDE/2-A@m)[:,None]], 1); x = np.clip(x, 0, 255).astype(np.float32)
    if k < 1.5: x = cv2.resize(x, (W//2,H//2), interpolation=cv2.INTER_AREA); M = np.concatenate([M[:,:2]*2, M[:,2:]+M[:,:2].sum(1, keepdims=True)*.5], 1) # no aliasing, as in `warp`
    x = cv2.warpAffine(x, M, (SIDE,SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return coarse(r, x[:,::-1] if r.random() < .5 else x)

def sample(d, i, r, kinds, only=None, plain=False, copies=1) -> list:
    "[(crop, covered, face)] x copies and the kind, drawn on face `i`: 1 yes, 0 no, -1 unknown; None if the mouth is neither covered nor free"
    x, lips, oval = d['x'][i].astype(np.float32), d['lips'][i], d['oval'][i]
    if plain: return [(cut(r, x), 0, 1) for _ in range(copies)], 'free'
    how = '' if only or r.random() > .2 else str(r.choice(['turned','turned','zoom','beside','nothing']))
    if how == 'nothing':
        x = cloth(r) if r.random() < .5 else cv2.resize(d['x'][i][r.integers(0,150):,r.integers(0,120):][:int(r.integers(20,70)),:int(r.integers(20,70))].astype(np.float32), (W,H))
        for _ in range(int(r.integers(0,6))): m = fill(ellipse(*r.uniform(0,200,2), *r.uniform(8,60,2), r.random()*3)); x = x*(1-m[...,None])+m[...,None]*cloth(r)
        return [(cut(r, photo(r, x)), -1, 0) for _ in range(copies)], how
    if r.random() < .4: # another background: beyond the outline and the neck
        m = 1-np.maximum(fill(cv2.convexHull(np.float32((oval-oval.mean(0))*(1.12,1.12)+oval.mean(0)))[:,0], 4), fill([(40,150),(152,150),(185,224),(7,224)], 4)); x = x*(1-m[...,None])+m[...,None]*cloth(r)
    p = r.random()
    if p < .18: x = mouth_open(r, x, lips)
    elif p < .45: x = smile(r, x, lips)
    if r.random() < .15: x = lipstick(r, x, lips)
    kind = 'beard' if r.random() < .3 else 'free'
    if kind == 'beard': x = beard(r, x, lips, oval)
    if r.random() < .2: x = glasses(r, x)
    label, p = 0, r.random()
    if only or p < .58:
        kind = only or str(r.choice(kinds)); down = 0. if only or p < .4 else r.uniform(38,75)*(1 if kind in ('mask','scarf','veil','paper','cup') or r.random() < .7 else -1)
        under, s, m = KINDS[kind](r, x, lips, oval, down)
        share = float((m*fill(lips)).sum()/fill(lips).sum())
        if .1 < share < .62: return None
        label = int(share >= .62); x = under*(1-m[...,None])+m[...,None]*s
    if r.random() < .15: x = cut_off(r, x, lips)
    return [(cut(r, photo(r, x), how or None), -1 if how else label, int(not how)) for _ in range(copies)], how or kind

COPIES = 4 # Crops of each drawn face, each with its own light and pose
def _part(d, n, seed):
    r = np.random.default_rng(seed); by = [np.flatnonzero(d['who'] == w) for w in sorted(set(d['who'].tolist()))]; x, y, k, who = [], [], [], []; cv2.setNumThreads(1)
    while len(x) < n:
        mine = by[r.integers(len(by))]; i = int(mine[r.integers(len(mine))])
        if (s := sample(d, i, r, [*KINDS], plain=r.random() < .08, copies=COPIES)) is None: continue
        x += [o[0] for o in s[0]]; y += [o[1:] for o in s[0]]; k += [s[1]]*COPIES; who += [d['who'][i]]*COPIES
    return np.array(x), np.array(y, np.float32), np.array(k), np.array(who)

def pool(d, n, work, workers=2):
    "n crops (uint8), labels [n,2], kinds and persons, every person as often as any other; kept in --work"
    out = Path(work)/f'pool{n}.npz'
    if not out.exists():
        with ProcessPoolExecutor(workers) as ex: parts = [*ex.map(_part, [d]*workers, [n//workers]*workers, range(workers))]
        np.savez(out, **{k: np.concatenate([p[i] for p in parts]) for i, k in enumerate(('x','y','kind','who'))})
    return dict(np.load(out))

class Net(nn.Module):
    "lipsync.face.visible.Visible in torch, for training: [B,3,64,64] -> [B,2] logits: covered, a face"
    def __init__(self, sizes=(12,24,36,48), hidden=24):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip((3,*sizes), sizes)); self.a, self.b = nn.Linear(sizes[-1]*16, hidden), nn.Linear(hidden, 2)
    def forward(self, x):
        for c in self.convs: x = F.relu(c(x))
        return self.b(F.dropout(F.relu(self.a(F.dropout(x.flatten(1), .2, self.training))), .2, self.training))

def as_input(x):
    "Each crop with mean 0 and deviation 1, so that weak light doesn't matter"
    x = torch.from_numpy(x).permute(0,3,1,2).float(); x = x-x.mean((1,2,3), keepdim=True)
    return x/(x.std((1,2,3), keepdim=True, correction=0)+4)
def fit(x, y, epochs, seed=0):
    "Train a network on inputs (half precision, from `inputs`) and labels"
    torch.manual_seed(seed); g = torch.Generator().manual_seed(seed); net = Net(); n, size = len(x), 128
    opt = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=.01); plan = torch.optim.lr_scheduler.OneCycleLR(opt, 3e-3, epochs*(n//size))
    for _ in range(epochs):
        for at in torch.randperm(n, generator=g)[:n//size*size].view(-1, size):
            a, t = x[at].float(), torch.from_numpy(y[at.numpy()]); out = net(a); ok = (t >= 0).float()
            loss = (F.binary_cross_entropy_with_logits(out, t.clamp(0,1)*.98+.01, reduction='none')*ok).sum()/ok.sum()
            opt.zero_grad(); loss.backward(); opt.step(); plan.step()
    return net.eval()
@torch.inference_mode()
def score(net, x): return torch.cat([net(x[i:i+500].float()) for i in range(0, len(x), 500)]).numpy()
def inputs(x): return torch.cat([as_input(x[i:i+500]).half() for i in range(0, len(x), 500)])

def split(p, fold, kinds):
    "Which samples a fold trains on: other persons, other kinds"
    return ~np.isin(p['who'], fold) & ~np.isin(p['kind'], kinds)
def missed(z, y): return float((z[y == 1] < 0).mean()), float((z[y == 0] > 0).mean())

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for n in ('grid','more','address','work'): ap.add_argument(f'--{n}', required=True)
    ap.add_argument('--out', default=ROOT/'lipsync/weights'); ap.add_argument('--n', type=int, default=36000); ap.add_argument('--epochs', type=int, default=10)
    a = ap.parse_args(); torch.set_num_threads(int(os.environ.get('THREADS', 1))); Path(a.work).mkdir(parents=True, exist_ok=True); t0 = time.time()
    d = gather(a); p = pool(d, a.n, a.work); print(f'{len(d["x"])} faces, {len(p["y"])} samples, {time.time()-t0:.0f} s', flush=True)
    held, rows = np.full((len(p['y']),2), np.nan, np.float32), []; real = np.full((len(d['x']),2), np.nan, np.float32); r = np.random.default_rng(5); plain = inputs(np.array([cut(r, x.astype(np.float32)) for x in d['x']]))
    x = inputs(p.pop('x')); net = fit(x, p['y'], a.epochs, 9); n = sum(v.numel() for v in net.parameters()); print(f'fitted on all, {time.time()-t0:.0f} s', flush=True)
    with atomic_path(Path(a.out)/'visible.safetensors') as t: save_file({k: v.contiguous().half() for k, v in net.state_dict().items()}, str(t))
    for k, (fold, kinds) in enumerate(zip(FOLDS, UNSEEN)):
        m = split(p, fold, kinds); net = fit(x[torch.from_numpy(m)], p['y'][m], max(1, a.epochs//2), k); mine, it = np.isin(p['who'], fold), np.isin(d['who'], fold)
        held[mine], real[it] = score(net, x[torch.from_numpy(mine)]), score(net, plain[torch.from_numpy(it)]); print(f'fold {k}: {m.sum()} samples, real {real[it].max(0)}, {time.time()-t0:.0f} s', flush=True)
    np.savez(Path(a.work)/'held.npz', held=held, real=real)
    fold_of = {w: k for k, f in enumerate(FOLDS) for w in f}; cov, face = p['y'].T
    for kind in [*KINDS]:
        at = (p['kind'] == kind) & (cov == 1); new = at & np.array([kind in UNSEEN[fold_of[w]] for w in p['who']])
        share = lambda m: float((held[m,0] > LIMIT).mean()) if m.any() else math.nan
        rows.append(dict(kind=kind, n=int(at.sum()), seen=share(at & ~new), unseen=share(new)))
    free = {k: (int(m.sum()), float((held[m,0] > LIMIT).mean())) for k, m in dict(plain=None, free=p['kind'] == 'free', beard=p['kind'] == 'beard', beside=np.isin(p['kind'], [*KINDS])).items() if m is not None for m in [m & (cov == 0)]}
    facts = dict(rows=rows, free=free, real=float((real[:,0] > LIMIT).mean()), highest=float(real[:,0].max()), no_face_real=float((real[:,1] < -LIMIT).mean()), lowest_face=float(real[:,1].min()),
        no_face={k: float((held[(p['kind'] == k),1] < -LIMIT).mean()) for k in ('turned','zoom','beside','nothing')}, no_face_false=float((held[face == 1,1] < -LIMIT).mean()), faces=len(d['x']), weights=n, n=a.n)
    save_json(Path(a.work)/'visible.json', facts); print(json.dumps(facts, indent=1))
    (Path(a.out)/'visible.md').write_text(card(facts))

LIMIT = 2. # Logit from which a mouth counts as covered (lipsync.face.visible has the same)
def card(f): 
    pct = lambda v: '' if math.isnan(v) else f'{v:.1%}'; made = provenance()
    return f"""# visible

Is the mouth of this face covered, and is this a face the right way up at all? A network of {f['weights']:,} weights that sees 64×64 pixels from the brows to below the chin, used by `lipsync.face.visible`.

**Fitted on** {f['faces']} crops of 10 people (nine speakers of the GRID corpus, one of the White House's weekly address), on which covers and hard cases were drawn: {f['n']:,} samples. **Command** `python scripts/fit_visible.py --grid … --more … --address …`. Created {time.strftime('%Y-%m-%d')}, lipsync {made['lipsync']}.

**Licence** Apache-2.0 for our part. GRID corpus: M. Cooke, J. Barker, S. Cunningham, X. Shao, “An audio-visual corpus for speech perception and automatic speech recognition”, JASA 120 (2006), https://doi.org/10.1121/1.2229005, CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/); changed: reduced to weights. The weekly address is a work of the US government, in the public domain. Whoever passes these weights on passes this line on.

## How good

Single crops, each judged by a network that never met the person (three folds). *New kind*: nor this kind of cover. A film is judged by the median of several crops, which is surer.

| cover | drawn | found | found, new kind |
|--|--:|--:|--:|
""" + ''.join(f"| {r['kind']} | {r['n']:,} | {pct(r['seen'])} | {pct(r['unseen'])} |\n" for r in f['rows']) + f"""
Wrongly called covered: {f['real']:.2%} of the real crops as they are; {f['free']['free'][1]:.1%} with drawn light, dark skin, open mouths and glasses; {f['free']['beard'][1]:.1%} with drawn beards; {f['free']['beside'][1]:.1%} with a thing beside or under the mouth.

Wrongly called no face: {f['no_face_real']:.2%} of the real crops, {f['no_face_false']:.1%} of the drawn ones. Found to be none: {f['no_face']['turned']:.1%} of the turned faces, {f['no_face']['nothing']:.1%} of surfaces and scraps.

Ten people, frontal, mostly in a studio. No real masks, no real beards: what was drawn stands for them. Faces narrower than 40 pixels and heads turned by more than 30° are not judged.
"""

if __name__ == '__main__': main()
