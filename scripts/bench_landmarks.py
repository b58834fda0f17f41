"""Landmarks by LiteRT beside MediaPipe's own graphs: the part `landmarks` of bench.py

    python scripts/bench.py landmarks    # MediaPipe needs an environment with it: pip install mediapipe==0.10.21; without it our own figures alone

MediaPipe stands in for the networks behind the same `FaceLandmarker`, so the two differ in nothing else.
"""
import importlib.metadata, importlib.util, os, subprocess, sys, time
from pathlib import Path
import cv2, numpy as np
from lipsync import media
from lipsync.config import LipsyncError
from lipsync.face.landmarks import FaceLandmarker

FIRST = """import sys, time, warnings; warnings.simplefilter('ignore'); import cv2, numpy as np; rgb = np.load(sys.argv[1]); t = time.perf_counter()
{0}
assert found; print(time.perf_counter()-t)"""
OURS = "from lipsync.face.nets import Detector, FaceMesh, Follower; found = Follower(Detector(), FaceMesh())(rgb)"
THEIRS = "import mediapipe as mp; found = mp.solutions.face_mesh.FaceMesh(refine_landmarks=True).process(rgb).multi_face_landmarks"
SHARED = 'numpy opencv-contrib-python scipy matplotlib fonttools pillow kiwisolver contourpy pyparsing packaging python-dateutil cycler tzdata cffi pycparser attrs sounddevice tqdm typing-extensions six'.split() # lipsync needs these anyway

POINT = np.dtype([('_','V3'), ('x','<f4'), ('_x','V1'), ('y','<f4'), ('_y','V1'), ('z','<f4')])

def points(found):
    "The points of MediaPipe's protocol buffer: in its serialised form each is 17 bytes, of which NumPy reads the three floats at once"
    return np.frombuffer(found.SerializeToString(), POINT)

class MediaPipe(FaceLandmarker):
    "MediaPipe's graphs in place of the networks"
    def _solution(self, name, make): return self._nets.setdefault(name, None) or self._nets.__setitem__(name, make()) or self._nets[name]

    def _meshes(self, rgb, n=1, still=False):
        import mediapipe as mp
        g = self._solution(f'{n} {still}', lambda: mp.solutions.face_mesh.FaceMesh(static_image_mode=still, refine_landmarks=self.refine, max_num_faces=n, min_detection_confidence=self.min_confidence, min_tracking_confidence=self.min_confidence))
        h, w = rgb.shape[:2]
        return [(np.stack([p['x']*w, p['y']*h, p['z']*w], 1).astype(np.float32), 1.) for p in map(points, g.process(rgb).multi_face_landmarks or [])]

    def _net(self, name):
        import mediapipe as mp
        g = self._solution(name, lambda: mp.solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=self.min_far))
        def detect(rgb, least):
            (h, w), box = rgb.shape[:2], lambda d: d.location_data.relative_bounding_box
            return [(d.score[0], np.array([(b.xmin*w, b.ymin*h), ((b.xmin+b.width)*w, (b.ymin+b.height)*h)])) for d in g.process(rgb).detections or [] if (b := box(d)) or True]
        return detect

    def close(self):
        for g in self._nets.values(): g.close()
        super().close()

    def reset(self): # a black picture makes a graph forget
        for k, g in self._nets.items():
            if k.endswith('False'): g.process(np.zeros((64,64,3), np.uint8))
        super().reset()

def turned(frames, deg=30):
    h, w = frames[0].shape[:2]; M = cv2.getRotationMatrix2D((w/2,h/2), deg, 1)
    return [cv2.warpAffine(f, M, (w,h), borderMode=cv2.BORDER_REPLICATE) for f in frames]

def distant(frames, k=.22):
    "The frames shrunk, in a noisy picture of 1280x720"
    noise = np.clip(125+cv2.GaussianBlur(np.random.default_rng(0).normal(0, 90, (720,1280,3)), (0,0), 4), 0, 255).astype(np.uint8)
    out = []
    for f in frames:
        small, img = cv2.resize(f, None, fx=k, fy=k, interpolation=cv2.INTER_AREA), noise.copy()
        img[200:200+len(small), 700:700+small.shape[1]] = small; out.append(img)
    return out

def sets(clips) -> dict:
    "Name: list of clips, each a list of frames"
    read = lambda f: [x for _, x in media.read_frames(f, 25)]
    grid = [read(next(iter(sorted(d.glob('*.mpg'))))) for d in sorted((clips/'grid').glob('s*'))]
    address = [read(f) for f in sorted((clips/'address').rglob('*.mp4'))]
    return {'GRID, 9 speakers': grid, 'address, 1280x720': address, 'GRID turned by 30°': [turned(c) for c in grid[:4]], 'address at a distance': [distant(c) for c in address[:2]]}

def watch(make, clips) -> tuple:
    "(faces of each frame, frames a second of one core)"
    seen, spent = [], 0.
    with make() as find:
        find(clips[0][-1])
        for frames in clips:
            find.reset(); t = time.process_time()
            seen.append([find(f) for f in frames]); spent += time.process_time()-t
    return seen, sum(map(len, clips))/spent

def apart(a, b) -> list:
    "Mean distance of the points of each frame in which both see a face, pixels"
    return [float(np.linalg.norm((x[0].landmarks-y[0].landmarks)[:,:2], axis=1).mean()) for c, d in zip(a, b) for x, y in zip(c, d) if x and y]

def later(make, clips) -> list:
    "The faces when each clip begins one frame later; the first frame is left empty"
    return [[[]]+c for c in watch(make, [c[1:] for c in clips])[0]]

def installed(name:str, seen:dict=None) -> dict:
    "MB of a package and of what it brings that lipsync doesn't need anyway"
    from packaging.requirements import Requirement
    seen = {} if seen is None else seen
    try: d = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError: return seen
    n = d.metadata['Name'].lower().replace('_', '-')
    if n in seen or n in SHARED: return seen
    seen[n] = sum(f.locate().stat().st_size for f in d.files or [] if f.locate().exists())/1e6
    for r in map(Requirement, d.requires or []):
        if not r.marker or r.marker.evaluate({'extra': ''}): installed(r.name, seen)
    return seen

def first_face(code, rgb, tmp, rounds=5) -> float:
    "Seconds from the import to the first face, in a fresh process, the median"
    np.save(tmp/'rgb.npy', rgb)
    return float(np.median([float(subprocess.run([sys.executable, '-c', FIRST.format(code), tmp/'rgb.npy'], capture_output=True, text=True, check=True, env=os.environ | dict(PYTHONPATH=os.pathsep.join(sys.path[:8]))).stdout) for _ in range(rounds)]))

def bench_landmarks(tmp:Path, clips:Path) -> dict:
    cv2.setNumThreads(1)
    if not clips or not (clips/'grid').exists(): raise LipsyncError("landmarks are measured on GRID and the address", "give their folder with --clips")
    both = importlib.util.find_spec('mediapipe') is not None
    if not both: print("mediapipe is not installed: our own figures alone")
    rows, face = [], None
    for name, cs in sets(clips).items():
        ours, fps = watch(FaceLandmarker, cs); face = cs[0][0] if face is None else face
        r = dict(clips=name, frames=sum(map(len, cs)), faces=sum(bool(f) for c in ours for f in c), fps=round(fps))
        if both:
            theirs, fps2 = watch(MediaPipe, cs); px, self_px = apart(ours, theirs), apart(theirs, later(MediaPipe, cs))
            lost = sum(bool(y) and not x for c, d in zip(ours, theirs) for x, y in zip(c, d))
            r |= dict(fps_mediapipe=round(fps2), px=round(np.mean(px), 4), px_99=round(np.percentile(px, 99), 3), px_mediapipe_a_frame_later=round(np.mean(self_px), 4), lost=lost)
        rows.append(r); print(r, flush=True)
    out = dict(rows=rows, first_face_s=round(first_face(OURS, face, tmp), 3), installed_mb=round(sum(installed('ai-edge-litert').values())))
    if both: out |= dict(first_face_s_mediapipe=round(first_face(THEIRS, face, tmp), 3), installed_mb_mediapipe=round(sum(installed('mediapipe').values())))
    return out
