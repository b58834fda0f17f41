"""Speed of the generator: the gain of each step of `lipsync.models.fast`, compared with Wav2Lip's network. Run by `bench.py`

    python scripts/bench.py model                    # preset base, T=25, on two cores; with a GPU also its figures
    python scripts/bench.py model --run RUN_FOLDER --data PROCESSED   # and the quality on a trained generator's validation clips
    python scripts/bench.py model --rounds 2         # sooner, less sure

All variants are timed in one process in turns, the best of `rounds` counts: on all cores by the clock, and on one thread by CPU time, which holds on a busy machine too. Only the allocator needs processes of its own: it is set before the first tensor.
"""
import copy, json, math, os, subprocess, sys, time
from pathlib import Path
ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path: sys.path.insert(0, str(ROOT)) # a process of its own, see `allocator`
import torch, torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from lipsync.config import keep_memory, model_config
from lipsync.models import CompleteLipSyncModel
from lipsync.models.fast import half_dtype, optimise
from lipsync.models.smoother import OpticalFlowWarping
from lipsync.testing import draw_mouths, n_params

FAST = 'bfloat16, channels last' # What `optimise` does by itself where the machine has native bfloat16
ENV = dict(MALLOC_MMAP_THRESHOLD_='4294967296', MALLOC_TRIM_THRESHOLD_='8589934592')
CORES = os.sched_getaffinity(0) if hasattr(os, 'sched_getaffinity') else range(os.cpu_count()) # other benchmarks bind themselves to one
T = 25

# -- What is timed

def generator(preset='base', shake=.02):
    "A generator with weights off their zeros, so that FiLM, flow and smoother do something"
    g = torch.Generator().manual_seed(0); torch.manual_seed(0)
    m = CompleteLipSyncModel(model_config(preset)).eval().requires_grad_(False)
    for p in m.parameters(): p.data += shake*torch.randn(p.shape, generator=g)
    return m

def inputs(cfg, B=1, T=T, device='cpu') -> tuple:
    "(positional, keyword) arguments of `forward`: noise, as speed does not ask what is seen"
    g = torch.Generator().manual_seed(0); pic = lambda *s: (torch.rand(*s, generator=g)*2-1).to(device)
    kw = dict(refs=pic(B, cfg.ref_frames, 3, cfg.image_size, cfg.image_size)) if cfg.ref_frames else {}
    if cfg.surroundings: kw['frames'] = pic(B, T, 3, cfg.image_size, cfg.image_size)
    return (pic(B, T, cfg.mel_bins, cfg.window_frames), torch.randint(0, cfg.n_visemes, (B,T), generator=g).to(device), pic(B, 3, cfg.face_size, cfg.face_size)), kw

def all_cores():
    "Every core that this process was given, a thread on each"
    if hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, CORES)
    torch.set_num_threads(len(CORES))

def sync(device):
    "Wait until the GPU has done what it was told"
    if torch.device(device).type=='cuda': torch.cuda.synchronize()

def seconds(f, device='cpu') -> tuple:
    "(wall, CPU) seconds of one call"
    sync(device); t, c = time.perf_counter(), time.process_time()
    f(); sync(device)
    return time.perf_counter()-t, time.process_time()-c

def in_turns(calls:dict, rounds:int, frames=T) -> dict:
    "ms a frame of each call: best and median of `rounds`, all calls in turns; the first, cold, call by itself"
    cold, times = {k: seconds(f)[0] for k,f in calls.items()}, {k: [] for k in calls}
    for _ in range(rounds):
        for k,f in calls.items(): times[k].append(seconds(f))
    ms = lambda s: round(s*1e3/frames, 2)
    return {k: dict(ms_per_frame=ms(min(t)[0]), median=ms(sorted(t)[len(t)//2][0]), cpu_ms_per_frame=ms(min(c for _,c in t)), first_call_s=round(cold[k], 2)) for k,t in times.items()}

def gflop(f) -> float:
    "Billions of operations (a multiplication with its addition counts as two)"
    with FlopCounterMode(display=False) as c: f()
    return c.get_total_flops()/1e9

def grey(a, b) -> dict:
    "How far two clips in [-1,1] are apart"
    d = ((a-b)*127.5).abs()
    return dict(mean_grey_levels=round(float(d.mean()), 3), largest=round(float(d.max()), 1), psnr_db=round(20*math.log10(255/max(float(d.square().mean().sqrt()), 1e-9)), 1))

# -- Wav2Lip's generator (Prajwal et al. 2020), shapes and cost only

class Block(nn.Module):
    "Convolution, batch norm, ReLU; added to its input where `res`"
    def __init__(self, a, b, k=3, s=1, p=1, res=False, up=None):
        super().__init__()
        self.conv = nn.Conv2d(a, b, k, s, p) if up is None else nn.ConvTranspose2d(a, b, k, s, p, output_padding=up)
        self.norm, self.res = nn.BatchNorm2d(b), res
    def forward(self, x):
        y = self.norm(self.conv(x))
        return F.relu(y+x if self.res else y)

def stack(first, n): return nn.Sequential(first, *(Block(first.norm.num_features, first.norm.num_features, res=True) for _ in range(n)))

class Wav2Lip(nn.Module):
    "Mel windows [N,1,80,16] and faces [N,6,96,96] (lower half hidden, and a reference) to faces [N,3,96,96]"
    def __init__(self):
        super().__init__()
        down = lambda a,b,n: stack(Block(a, b, s=2), n)
        self.face = nn.ModuleList([Block(6,16,7,1,3), down(16,32,2), down(32,64,3), down(64,128,2), down(128,256,2), down(256,512,1), nn.Sequential(Block(512,512,p=0), Block(512,512,1,1,0))])
        self.audio = nn.Sequential(stack(Block(1,32),2), stack(Block(32,64,s=(3,1)),2), stack(Block(64,128,s=3),2), stack(Block(128,256,s=(3,2)),1), Block(256,512,p=0), Block(512,512,1,1,0))
        up = lambda a,b,n: stack(Block(a, b, s=2, up=1), n)
        self.up = nn.ModuleList([Block(512,512,1,1,0), stack(Block(1024,512,p=0,up=0),1), up(1024,512,2), up(768,384,2), up(512,256,2), up(320,128,2), up(160,64,2)])
        self.out = nn.Sequential(Block(80,32), nn.Conv2d(32,3,1), nn.Sigmoid())
    def forward(self, mels, faces):
        skips, x = [], faces
        for b in self.face: skips.append(x := b(x))
        x = self.audio(mels)
        for b in self.up: x = torch.cat([b(x), skips.pop()], 1)
        return self.out(x)

def wav2lip(dtype=torch.float32):
    "The network and its inputs for T frames; asserts that it has the published size"
    m = Wav2Lip().eval().requires_grad_(False)
    assert abs(n_params(m)/36.3e6-1)<.03, n_params(m)
    return m.to(dtype, memory_format=torch.channels_last), (torch.randn(T,1,80,16).to(dtype), torch.randn(T,6,96,96).to(dtype, memory_format=torch.channels_last))

# -- CPU

def variants(m, compiled=True) -> dict:
    "Name -> model, each step by itself and then together"
    f32, half = torch.float32, torch.bfloat16
    v = {'eager': m, 'channels last': optimise(m, dtype=f32), 'bfloat16': optimise(m, dtype=half, channels_last=False), FAST: optimise(m, dtype=half),
        f'{FAST}, flow at 1/2': optimise(m, dtype=half, flow_scale=2), f'{FAST}, flow at 1/4': optimise(m, dtype=half, flow_scale=4)}
    if compiled: v[f'{FAST}, torch.compile'] = optimise(m, dtype=half, compile=True)
    return v

@torch.inference_mode()
def cpu_variants(rounds, preset='base', compiled=True) -> dict:
    "Every variant, and Wav2Lip's network as it is and in bfloat16, in turns"
    m = generator(preset); args, kw = inputs(m.cfg)
    models = variants(m, compiled)
    calls = {k: lambda v=v: v(*args, **kw) for k,v in models.items()}
    others = {f'Wav2Lip {n}': (lambda w=wav2lip(d): w[0](*w[1])) for n,d in (('float32', torch.float32), ('bfloat16', torch.bfloat16))}
    times = in_turns(calls | others, rounds)
    one_thread(times, calls | others, rounds)
    exact = m(*args, **kw)
    for k,f in calls.items(): times[k]['off'] = grey(f(), exact)
    work = dict(ours=gflop(calls['eager'])/T, wav2lip=gflop(others['Wav2Lip float32'])/T)
    return dict(variants={k: times[k] for k in calls}, per_pixel=per_pixel(times, work, m.cfg.image_size), parts_ms_per_frame={k: parts(models[k], args, kw, rounds) for k in ('eager', FAST)})

def one_thread(times, calls, rounds):
    "Add each call's CPU time on one thread, and by it the ratio to eager: other programs disturb it little, while threads that wait for each other suffer from every one"
    calls = {k: f for k,f in calls.items() if 'compile' not in k} # it would compile again
    torch.set_num_threads(1); alone = in_turns(calls, max(2, rounds//2)); all_cores()
    for k,t in alone.items(): times[k] |= dict(cpu_ms_one_thread=(ms := t['cpu_ms_per_frame']), ratio_to_eager=round(alone['eager']['cpu_ms_per_frame']/ms, 2))

def per_pixel(times, work, side) -> list:
    "Ours and Wav2Lip's, each at its own size; speed by CPU time on one thread"
    def row(name, k, s, w):
        one = times[k]['cpu_ms_one_thread']
        return dict(model=name, side=s, gflop_per_frame=round(w, 2), ms_per_frame=times[k]['ms_per_frame'], cpu_ms_one_thread=one, gflop_per_s=round(w/one*1e3), ns_per_pixel=round(one*1e6/s**2))
    return [row('ours, eager', 'eager', side, work['ours']), row('ours, fast', FAST, side, work['ours']),
        row('Wav2Lip', 'Wav2Lip float32', 96, work['wav2lip']), row('Wav2Lip, bfloat16', 'Wav2Lip bfloat16', 96, work['wav2lip'])]

def parts(m, args, kw, rounds) -> dict:
    "ms a frame of each part, best of `rounds`"
    best, at, hooks = {}, {}, []
    for n,p in m.named_children():
        hooks += [p.register_forward_pre_hook(lambda *a, n=n: at.update({n: time.perf_counter()})),
            p.register_forward_hook(lambda *a, n=n: best.update({n: min(best.get(n, math.inf), time.perf_counter()-at[n])}))]
    for _ in range(rounds): m(*args, **kw)
    for h in hooks: h.remove()
    return {n: round(s*1e3/T, 2) for n,s in best.items()}

def cpu_peak(dtype, n=2048) -> float:
    "GFLOP/s of a large matrix product, which a network can come near to at best"
    a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
    return round(2*n**3/min(seconds(lambda: a@b)[0] for _ in range(4))/1e9)

# -- The allocator: three processes, in turns

def allocator(rounds) -> dict:
    "ms a frame, eager and fast, with glibc's defaults, with `keep_memory`, and with the environment variables"
    out = {}
    for name, env, keep in 2*(('glibc default', {}, ''), ('keep_memory()', {}, 'keep'), ('environment', ENV, '')):
        r = subprocess.run([sys.executable, __file__, 'worker', keep, str(rounds)], env={**os.environ, **env}, capture_output=True, text=True, check=True)
        got = json.loads(r.stdout.splitlines()[-1]); old = out.get(name, got)
        out[name] = {k: min(v, old[k]) for k,v in got.items()}
    return out

@torch.inference_mode()
def worker(keep, rounds):
    "One process of `allocator`"
    all_cores()
    if keep: assert keep_memory()
    m = generator(); args, kw = inputs(m.cfg); fast = optimise(m, dtype=torch.bfloat16)
    times = in_turns({'eager': lambda: m(*args, **kw), 'fast': lambda: fast(*args, **kw)}, int(rounds))
    print(json.dumps({k: v['ms_per_frame'] for k,v in times.items()}))

# -- Is flow on a smaller picture good enough?

def moved(size, n, most, g):
    "Frames [n,3,size,size] of made-up mouths on patterned skin, the same moved by smooth known flows of up to `most` pixels, and the flows"
    pic = draw_mouths(torch.rand(n, generator=g), torch.rand(n, 3, generator=g)*1.2-.4, size)
    for cells,amount in ((8,.4), (24,.3)): pic = pic+amount*F.interpolate(torch.randn(n,3,cells,cells, generator=g), size=(size,size), mode='bicubic')
    flow = F.interpolate((torch.rand(n,2,3,3, generator=g)*2-1)*most, size=(size,size), mode='bicubic')
    y,x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing='ij')
    at = torch.stack([(x+flow[:,0])*2/(size-1)-1, (y+flow[:,1])*2/(size-1)-1], -1)
    return pic.clamp(-1,1), F.grid_sample(pic.clamp(-1,1), at, padding_mode='border', align_corners=True), flow

def flow_quality(steps=150, size=128, most=3.) -> list:
    "Train the flow network at each scale by brightness alone; error of the motion (pixels) and of the warped frame (grey levels) on unseen frames"
    rows = []
    for trained in (1, 2, 4):
        torch.manual_seed(0); g = torch.Generator().manual_seed(0)
        net = OpticalFlowWarping(model_config('base', flow_scale=trained)); opt = torch.optim.Adam(net.parameters(), 2e-3)
        for _ in range(steps):
            a, b, _ = moved(size, 4, most, g); loss = (net(a, b)[0]-b).abs().mean()
            opt.zero_grad(); loss.backward(); opt.step()
        a, b, f = moved(size, 24, most, torch.Generator().manual_seed(1))
        for used in (1, 4) if trained==1 else (trained,):
            net.scale = used
            with torch.no_grad(): w, got = net(a, b)
            rows.append(dict(trained_at=trained, used_at=used, end_point_error_px=round(float((got-f).norm(dim=1).mean()), 2), still_px=round(float(f.norm(dim=1).mean()), 2),
                warped_off_grey=round(float((w-b).abs().mean()*127.5), 2), unmoved_off_grey=round(float((a-b).abs().mean()*127.5), 2)))
    return rows

def true_batch(data:Path, cfg, clips=4) -> dict:
    "Some validation clips of a processed folder, as one batch"
    from lipsync.data.dataset import LipSyncDataset
    ds = LipSyncDataset(data/'val', train=False, seq_length=T, image_size=cfg.image_size, face_size=cfg.face_size, refs=cfg.ref_frames)
    return torch.utils.data.default_collate([ds[i] for i in torch.linspace(0, len(ds)-1, min(clips, len(ds))).long().unique().tolist()])

@torch.inference_mode()
def trained_quality(run:Path, data:Path) -> dict:
    "A trained generator's own clips: how far each fast variant's pictures are from the exact ones, and from the true mouths"
    from lipsync.models.checkpoint import load_generator
    found = [run/f'{n}.pt' for n in ('best_model_full','best_model_sync','best_model_coarse','last') if (run/f'{n}.pt').exists()]
    m, cfg = load_generator(found[0]); batch = true_batch(data, cfg)
    args = batch['mels'], batch['visemes'], batch['face']; kw = m.context(batch); exact = m(*args, **kw)
    made = {'float32': m, 'bfloat16': optimise(m, dtype=torch.bfloat16)} | {f'flow at 1/{s}': optimise(m, dtype=torch.float32, flow_scale=s) for s in (1,2,4,8) if s!=cfg.flow_scale}
    pairs = batch['mouths'][:,:-1].flatten(0,1), batch['mouths'][:,1:].flatten(0,1)
    return dict(checkpoint=found[0].name, side=cfg.image_size, flow_scale=cfg.flow_scale, clips=len(batch['mels']), frames=batch['mels'].shape[1], neighbours_differ_by_grey=grey(*pairs)['mean_grey_levels'],
        variants={k: dict(off=grey(y := v(*args, **kw), exact), psnr_to_truth=grey(y, batch['mouths'])['psnr_db'], warped_off_grey=grey(v.smoother.warp(*pairs)[0], pairs[1])['mean_grey_levels']) for k,v in made.items()})

# -- GPU

def gpu_peak(dtype, n=8192) -> float:
    "TFLOP/s of a large matrix product on this card"
    a, b = torch.randn(n, n, device='cuda', dtype=dtype), torch.randn(n, n, device='cuda', dtype=dtype); a@b
    return round(2*n**3/min(seconds(lambda: a@b, 'cuda')[0] for _ in range(10))/1e12, 1)

@torch.inference_mode()
def gpu_variant(m, B, T, work, peak, rounds=8) -> dict:
    "Frames a second, memory and share of the card's measured peak for B clips of T frames"
    args, kw = inputs(m.cfg, B, T, 'cuda'); torch.cuda.reset_peak_memory_stats()
    cold = seconds(lambda: m(*args, **kw), 'cuda')[0]; m(*args, **kw)
    s = min(seconds(lambda: m(*args, **kw), 'cuda')[0] for _ in range(rounds))
    return dict(frames_per_s=round(B*T/s), ms_per_frame=round(s*1e3/B/T, 3), peak_GB=round(torch.cuda.max_memory_allocated()/1e9, 2), share_of_peak=round(work*B*T/s/1e3/peak, 3), first_call_s=round(cold, 2))

def train_memory(m, B=1, T=25, device='cuda') -> dict:
    "Memory and time of forward and backward of the generator"
    m = copy.deepcopy(m).to(device).train().requires_grad_(True); args, kw = inputs(m.cfg, B, T, device)
    def step(): m(*args, **kw).square().mean().backward()
    step(); torch.cuda.reset_peak_memory_stats(); s = min(seconds(step, device)[0] for _ in range(3))
    return dict(ms=round(s*1e3, 1), peak_GB=round(torch.cuda.max_memory_allocated()/1e9, 2))

def gpu(preset='base') -> dict:
    "All figures of the card"
    m = generator(preset); args, kw = inputs(m.cfg); work = gflop(lambda: m(*args, **kw))/T
    kinds = {'float32': (torch.float32, False), 'bfloat16': (torch.bfloat16, False), 'float16': (torch.float16, False), 'bfloat16, torch.compile': (torch.bfloat16, True)}
    peaks, rows = {d: gpu_peak(d) for d in {d for d,_ in kinds.values()}}, {}
    for name,(d,c) in kinds.items():
        f = optimise(m, 'cuda', d, compile=c)
        for B,t in ((1,25), (1,75), (4,25), (16,25)):
            try: rows[f'{name}, {B} x {t}'] = gpu_variant(f, B, t, work, peaks[d])
            except Exception as e: rows[f'{name}, {B} x {t}'] = dict(failed=f'{type(e).__name__}: {str(e)[:200]}'); torch.cuda.empty_cache()
    return dict(card=torch.cuda.get_device_name(), gflop_per_frame=round(work, 2), peak_tflop_per_s={str(d)[6:]: p for d,p in peaks.items()}, rows=rows,
        training={str(t): train_memory(m, 1, t) for t in (5, 25)})

# -- All of it

def bench_model(rounds:int=6, run:Path=None, data:Path=None, preset='base') -> dict:
    "Variants, parts, allocator, flow, Wav2Lip; on a GPU its figures too"
    all_cores()
    out = dict(threads=len(CORES), load=round(os.getloadavg()[0], 1), native=str(half_dtype()), frames=T, preset=preset, allocator_ms_per_frame=allocator(max(2, rounds//3)))
    print(out, flush=True)
    keep_memory(); out |= cpu_variants(rounds, preset) | dict(peak_gflop_per_s={str(d)[6:]: cpu_peak(d) for d in (torch.float32, torch.bfloat16)})
    for k,v in out['variants'].items(): print(f"{k:40}", v, flush=True)
    for row in out['per_pixel']: print(row, flush=True)
    out |= dict(flow=flow_quality()) | (dict(trained=trained_quality(run, data)) if run else {}) | (dict(gpu=gpu(preset)) if torch.cuda.is_available() else {})
    print({k: out.get(k) for k in ('parts_ms_per_frame','peak_gflop_per_s','flow','trained','gpu')}, flush=True)
    return out

if __name__ == '__main__' and sys.argv[1:2]==['worker']: worker(*sys.argv[2:])
