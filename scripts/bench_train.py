"""Speed of training: a full adversarial cycle (`n_critic` steps of the critic, one of the generator), with the effect of each optimisation

    python scripts/bench_train.py --device cuda                       # preset base, T = 75 and 25, one GPU -> benchmarks/results/train.json
    python scripts/bench_train.py --device cuda --data_dir PROCESSED  # and whether the loader keeps up with the step
    python scripts/bench_train.py --device cuda --gpus 8              # eight GPUs of one machine, by `accelerate launch`
    python scripts/bench_train.py --device cpu                        # no GPU: base's widths on mouths of 128 pixels, T = 5

A sample is a clip of a batch. A cycle takes `n_critic` batches: on each of them the critic makes a step (true clips, generated ones and the gradient penalty, which is always
float32), on the last the generator too, with all its losses: L1, VGG16, sync expert, critic, visemes. All weights are random, which doesn't affect speed. Every
measurement runs in its own process, so its peak memory is its own, and an out-of-memory error or compiler failure is a row of the table and doesn't end the run.
`warm_up_s` includes the compilation, which later rows take partly from inductor's cache.

The fraction of the peak is relative to the bf16 peak of this machine in one large matrix product. On a CPU the time is CPU time on one thread, which other programs disturb
little, and only one of the critic's own steps in a cycle is timed; the others are alike.
For comparison: the reference design was trained at 1.36 samples a second on eight H100 (T=75, an effective batch of 8).
"""
import argparse, contextlib, json, os, resource, signal, subprocess, sys, time
from pathlib import Path
ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path: sys.path.insert(0, str(ROOT)) # a process of its own, see `measure`
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from lipsync.config import keep_memory, model_config, provenance, save_json
from lipsync.models.syncnet import SyncDiscriminator
from lipsync.train.gan import generate, grad_norm
from lipsync.train.loaders import Loaders, accelerator, open_data
from lipsync.train.losses import LaplacianLoss, VGGLoss, at_least_float32
from lipsync.train.stages import loss_weights, stages, train_config
from lipsync.train.steps import LipSyncLearner, out_of_memory

REFERENCE = dict(samples_per_s=1.36, machine='8 x H100', seq_length=75, batch_size=8)
SMALL = dict(image_size=128, face_size=256, base_grid=4) # The smallest mouths that three scales of critic can look at; all widths as they are
CORES = os.sched_getaffinity(0) if hasattr(os, 'sched_getaffinity') else range(os.cpu_count()) # other benchmarks bind themselves to one
TIME = 1800 # Seconds that one measurement may take, torch.compile included

TRAINED = dict(amp='bf16', tf32=True, compile='gd', fused=True) # What `lipsync train --amp bf16 --tf32 --compile` does
EVERYTHING = TRAINED | dict(channels_last=True, cudnn_benchmark=True)
CASES = { # name: what differs from float32, eager, unfused
    'fp32 eager': {},
    'tf32': dict(tf32=True),
    'bf16 autocast': dict(amp='bf16'),
    'channels last': dict(channels_last=True),
    'cudnn.benchmark': dict(cudnn_benchmark=True),
    'torch.compile, generator': dict(compile='g'),
    'torch.compile, critic': dict(compile='d'),
    'fused Adam': dict(fused=True),
    'checkpointing': dict(checkpointing=True),
    'generator kept, not run again': dict(keep=True),
    'bf16, tf32, compile, fused': TRAINED,
    'all': EVERYTHING,
    'all, penalty in full float32': EVERYTHING | dict(tf32=False),
    'all, not compiled': EVERYTHING | dict(compile=''),
    'all, checkpointing': EVERYTHING | dict(checkpointing=True),
    'all, batch x 4': EVERYTHING | dict(batch=4),
    'all, batch x 8': EVERYTHING | dict(batch=8),
    'all, batch x 8, checkpointing': EVERYTHING | dict(batch=8, checkpointing=True),
    'all, batch x 16, checkpointing': EVERYTHING | dict(batch=16, checkpointing=True),
}
ON_CPU = ('fp32 eager', 'bf16 autocast', 'channels last', 'fused Adam', 'checkpointing', 'generator kept, not run again')
CPU_CASES = {k: CASES[k] for k in ON_CPU} | {'channels last, fused': dict(channels_last=True, fused=True), 'channels last, fused, batch x 2': dict(channels_last=True, fused=True, batch=2)}

# -- The step

def made_up(cfg, B, T, device) -> dict:
    "A batch of noise"
    g = torch.Generator().manual_seed(0); pic = lambda *s: (torch.rand(*s, generator=g)*2-1).to(device)
    refs = dict(refs=pic(B, cfg.ref_frames, 3, cfg.image_size, cfg.image_size)) if cfg.ref_frames else {}
    return refs | dict(mels=pic(B, T, cfg.mel_bins, cfg.window_frames), visemes=torch.randint(0, cfg.n_visemes, (B,T), generator=g).to(device),
        face=pic(B, 3, cfg.face_size, cfg.face_size), mouths=pic(B, T, 3, cfg.image_size, cfg.image_size))

def settings(a, case) -> tuple:
    "(TrainConfig, ModelConfig) of a case"
    cfg = train_config(a.preset, seq_length=a.T, batch_size=a.batch_size*case.get('batch', 1), n_critic=a.n_critic, amp=case.get('amp', 'no'), tf32=case.get('tf32', False),
        checkpointing=case.get('checkpointing', False))
    return cfg, model_config(cfg.model, **(SMALL if a.small else {}))

def trainer(a, case, acc) -> tuple:
    "(steps, batch, stage) of a case, on its device"
    cfg, mcfg = settings(a, case)
    torch.backends.cudnn.benchmark = case.get('cudnn_benchmark', False)
    expert, perceptual = SyncDiscriminator(mcfg).to(acc.device).eval().requires_grad_(False), (VGGLoss() if a.perceptual=='vgg16' else LaplacianLoss()).to(acc.device)
    if case.get('channels_last'): perceptual.to(memory_format=torch.channels_last)
    t = LipSyncLearner(None, cfg, mcfg, acc, expert, perceptual); c = t.critic
    if case.get('channels_last'): t.net.to(memory_format=torch.channels_last); c.net.to(memory_format=torch.channels_last_3d) # the critic's convolutions have five dimensions, the generator's four
    for o in (t.opt, c.critic_opt): o.opt = torch.optim.Adam(o.opt.param_groups[0]['params'], lr=o.opt.defaults['lr'], betas=o.opt.defaults['betas'], fused=case.get('fused', False))
    if 'g' in case.get('compile', ''): t.net.compile(dynamic=False)
    if 'd' in case.get('compile', ''): c.seen_by = torch.compile(c.net, dynamic=False) # the penalty goes through `c.net`, never compiled
    return t, made_up(mcfg, cfg.batch_size, a.T, acc.device), stages(cfg)[-1]

def kept(t, batch, stage, place) -> dict:
    "The step in which critic and generator learn, on clips that were generated once and whose graph was kept meanwhile"
    t.ready(1, stage, place); t._split((batch,)); t.seed_batch(); c, real = t.critic, batch['mouths']
    with t.autocast(): fake = at_least_float32(t.net(*t.xb))
    c.critic_opt.opt.zero_grad(set_to_none=True)
    loss, _ = c.terms(fake.detach(), real, batch, torch.rand(len(real), device=real.device))
    c.scaler().scale(loss).backward(); grad_norm(c.net); c.scaler().step(c.critic_opt.opt); c.scaler().update()
    t.torch_opt.zero_grad(set_to_none=True); c.net.requires_grad_(False)
    with t.autocast(): total, _ = t.loss_func.terms(fake, batch, loss_weights(t.cfg, stage, place), c.seen_by)
    t.loss_scaler.scale(total).backward(); grad_norm(t.net); t._step(); c.net.requires_grad_(True)
    t.averaged.after_step(); t.steps += 1; c.critic_steps += 1
    return dict(g_total=float(total.detach()))

def one(t, batch, stage, keep) -> dict:
    "The step that this batch is due"
    last = t.critic.critic_steps%t.cfg.n_critic==t.cfg.n_critic-1
    return kept(t, batch, stage, float(stage.start)) if keep and last else t.step([batch], stage, float(stage.start))

# -- Its operations, counted from the shapes

class Flops(TorchDispatchMode):
    "Counts the operations of all products and convolutions inside, in forward, backward and double backward (FlopCounterMode trips over gradients to a leaf)"
    def __init__(self): super().__init__(); self.n = 0
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if (f := flop_registry.get(func._overloadpacket)): self.n += f(*args, **(kwargs or {}), out_val=out)
        return out

def count(f) -> float:
    with Flops() as c: f()
    return c.n/1e9

def work(a) -> dict:
    "GFLOP a sample of each part of a cycle, on the device `meta`, where nothing is computed; from known figures where that fails"
    alone = argparse.Namespace(device=torch.device('cpu'), num_processes=1, process_index=0)
    try:
        t, b, stage = trainer(argparse.Namespace(**vars(a) | dict(batch_size=1)), {}, alone)
        for m in (t.net, t.critic.net, t.loss_func.terms): m.to('meta')
        b = {k: v.to('meta') for k,v in b.items()}; real = b['mouths']; fake = torch.empty_like(real)
        alpha, g, d = torch.empty(1, device='meta'), t.net, t.critic.net
        def penalty():
            x = torch.lerp(fake, real, alpha.view(-1,1,1,1,1)).requires_grad_() # `gradient_penalty` asks for autocast, which `meta` has not
            slope, = torch.autograd.grad(d(x).score.sum(), x, create_graph=True)
            (slope.flatten(1).norm(dim=1)-1).square().mean().backward()
        def critic():
            (d(real).score.mean()-d(fake).score.mean()).backward()
        def generator():
            d.requires_grad_(False); t.loss_func.terms(generate(g, b), b, stage.weights, d)[0].backward(); d.requires_grad_(True)
        with torch.no_grad(): forward = count(lambda: generate(g, b)); judge = count(lambda: d(fake))
        parts = dict(generate=forward, judge=judge, critic_first_order=count(critic), penalty=count(penalty), generator_step=count(generator))
        return dict(counted='from the shapes, on the device meta', **parts, cycle=a.n_critic*(forward+parts['critic_first_order']+parts['penalty'])+parts['generator_step'])
    except Exception as e: return by_models(a, e)

def by_models(a, e) -> dict:
    "The same from known figures of `base`: 5 GFLOP a frame of the generator, 13 of the critic, 393 of a penalty at T=5; a backward pass is two forward ones"
    k = a.T*(.25 if a.small else 1)
    parts = dict(generate=5*k, judge=13*k, critic_first_order=6*13*k, penalty=393/5*k, generator_step=(15+3*13)*k)
    return dict(counted=f'from known figures of base, without perceptual loss and sync expert ({type(e).__name__} when counting: {str(e)[:200]})', **parts,
        cycle=a.n_critic*(parts['generate']+parts['critic_first_order']+parts['penalty'])+parts['generator_step'])

# -- One measurement, in a process of its own

def memory_gb(device) -> float:
    "Peak of this process: of the GPU's memory that tensors took, or of the machine's"
    if device.type=='cuda': return torch.cuda.max_memory_allocated()/1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/(1e9 if sys.platform=='darwin' else 1e6)

def clock(acc) -> float:
    "Seconds: by the wall on GPUs, whose work is done then, and for several processes; CPU time on a CPU"
    if acc.device.type=='cuda': torch.cuda.synchronize()
    return time.process_time() if acc.device.type=='cpu' and acc.num_processes==1 else time.perf_counter()

def timed(acc, f) -> float:
    "Seconds of one call, from when all processes are there until all are done"
    acc.wait_for_everyone(); t = clock(acc)
    f(); acc.wait_for_everyone()
    return clock(acc)-t

def cycles(a, case, acc) -> dict:
    "Warm up, then time whole cycles; figures over all processes"
    t, batch, stage = trainer(a, case, acc)
    step = lambda: one(t, batch, stage, case.get('keep'))
    started = time.perf_counter()
    def last(k): # the last `k` steps of a cycle: the critic's own, then the one with the generator
        t.critic.critic_steps = a.n_critic-k
        return [timed(acc, step) for _ in range(k)]
    for _ in range(a.warmup): last(min(2, a.n_critic))
    first = time.perf_counter()-started
    if acc.device.type=='cuda': torch.cuda.reset_peak_memory_stats()
    return row(a, batch, acc, [last(a.timed) for _ in range(a.rounds)], first)

def row(a, batch, acc, rows, first) -> dict:
    "The figures of a measurement from the seconds of each step; steps of a cycle that were not timed are like the critic's others. The best cycle counts"
    rows = [[*r[:-1], *[sum(r[:-1])/max(1, len(r)-1)]*(a.n_critic-len(r)), r[-1]] for r in rows]
    best, samples, gb = min(rows, key=sum), len(batch['mels'])*acc.num_processes, [memory_gb(acc.device)]
    if acc.num_processes>1: gb = acc.gather(torch.tensor(gb, device=acc.device)).tolist()
    per_s = a.n_critic*samples/sum(best)
    return dict(samples_per_s=round(per_s, 4), frames_per_s=round(per_s*a.T, 2), critic_step_s=round(min(best[:-1], default=0.), 4), with_generator_s=round(best[-1], 4),
        cycles_s=[round(sum(r), 3) for r in rows], warm_up_s=round(first, 1), peak_gb=round(max(gb), 2), batch_size=len(batch['mels']), processes=acc.num_processes)

def peaks(a, acc) -> dict:
    "TFLOP/s of one large matrix product in each type, best of twenty: what a network could reach at most on this machine"
    n, out, dev = (8192 if acc.device.type=='cuda' else 2048), {}, acc.device
    for name,dtype,tf32 in (('bf16', torch.bfloat16, False), ('fp32', torch.float32, False), ('tf32', torch.float32, True))[:3 if dev.type=='cuda' else 2]:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        x, y = (torch.randn(n, n, device=dev).to(dtype) for _ in range(2)); x@y
        out[name] = round(2*n**3/min(timed(acc, lambda: x@y) for _ in range(20 if dev.type=='cuda' else 5))/1e12, 3)
    return out

def loader(a, acc) -> dict:
    "Samples a second of the training loader alone, in this process: each frame decoded for the first time, then with what fits in the cache"
    cfg, mcfg = settings(a, dict(batch=a.batch)); cfg = cfg.replace(num_workers=None)
    dls, out = Loaders(*open_data(a.data_dir, mcfg, a.T, cfg), cfg, acc), {}
    for epoch,name in enumerate(('first', 'cached')):
        dls.start(epoch); start = n = 0
        for i,(b,) in enumerate(dls.train):
            if i==0: start = time.perf_counter(); continue # the workers start
            n += len(b['mels'])
            if time.perf_counter()-start>a.loader_s: break
        out[name] = round(n/(time.perf_counter()-start), 2) if n else None
    return dict(workers=dls.train.num_workers, batch_size=cfg.batch_size, samples_per_s=out)

def worker(spec:str):
    "Do what `spec` (JSON) says and print the outcome as a line of JSON, from the first process"
    s = json.loads(spec); a = argparse.Namespace(**s['args'])
    torch.set_num_threads(a.threads)
    if a.device=='cpu': keep_memory()
    acc = accelerator(cpu=a.device=='cpu')
    try: out = dict(cycles=lambda: cycles(a, s['case'], acc), peak=lambda: peaks(a, acc), work=lambda: work(a), loader=lambda: loader(a, acc))[s['what']]()
    except Exception as e: out = dict(failed='out of memory' if out_of_memory(e) or str(e).startswith('out of memory') else f'{type(e).__name__}: {str(e)[:300]}')
    if acc.is_main_process or 'failed' in out: print('RESULT '+json.dumps(out), flush=True)
    if 'failed' in out: os._exit(3) # the launcher ends the other processes

# -- All measurements

def launcher(a, processes) -> list:
    "The command that starts so many processes of this script"
    if processes==1: return [sys.executable, __file__]
    if a.device=='cuda': return [sys.executable, '-m', 'accelerate.commands.launch', '--multi_gpu', '--num_machines', '1', '--num_processes', str(processes), '--mixed_precision', 'no', '--dynamo_backend', 'no', __file__]
    return [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(processes), __file__]

def measure(a, what, T, case=None, processes=1, batch=1) -> dict:
    "One measurement; a process that was killed, or took too long, is told as such"
    args = {k: getattr(a, k) for k in ('device','preset','batch_size','n_critic','small','perceptual','warmup','rounds','timed','threads','loader_s')}
    spec = dict(what=what, case=case or {}, args=args | dict(T=T, batch=batch, data_dir=str(a.data_dir)))
    env = dict(PYTORCH_CUDA_ALLOC_CONF='expandable_segments:True') | os.environ | dict(OMP_NUM_THREADS=str(a.threads))
    job = subprocess.Popen([*launcher(a, processes), '--worker', json.dumps(spec)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try: out, err = job.communicate(timeout=TIME)
    except subprocess.TimeoutExpired: return dict(failed=f'longer than {TIME} s', **stop(job))
    lines = [l.split('RESULT ', 1)[1] for l in out.splitlines() if 'RESULT ' in l]
    if lines: return json.loads(next((l for l in lines if 'failed' in l), lines[-1]))
    return dict(failed='out of memory (killed by the system)' if job.returncode==-9 else f'exit code {job.returncode}: {(err.strip().splitlines() or [""])[-1][:300]}')

def stop(job) -> dict:
    "End a job with the processes that it started: a launcher ends its own when asked to"
    for s in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError): os.killpg(job.pid, s)
        with contextlib.suppress(subprocess.TimeoutExpired): job.communicate(timeout=30); break
    return {}

def length(a, T, peak) -> dict:
    "All cases at `T` frames, each against the first one"
    w, rows = measure(a, 'work', T), {}
    print(f"\nT = {T}: {w['cycle']/1e3:.2f} TFLOP a cycle and sample, {w['counted']}; the penalty's share {a.n_critic*w['penalty']/w['cycle']:.0%}\n{HEAD}", flush=True)
    for name,case in cases(a).items():
        rows[name] = r = measure(a, 'cycles', T, case, a.gpus)
        if 'failed' not in r: add_shares(r, w, peak, rows, a)
        print(line(name, r), flush=True)
    return dict(gflop_per_sample=w, rows=rows) | (dict(loader=loading(a, T, rows)) if a.data_dir else dict(loader='not asked for: --data_dir'))

def cases(a) -> dict:
    known = CASES if a.device=='cuda' else CPU_CASES
    return {k: v for k,v in known.items() if not a.only or k in a.only}

def add_shares(r, w, peak, rows, a):
    "What a row's speed means: TFLOP/s, share of the peak, ratio to the first row"
    r['tflop_per_s'] = round(r['samples_per_s']*w['cycle']/a.n_critic/1e3, 3)
    if 'bf16' in peak: r['share_of_bf16_peak'] = round(r['tflop_per_s']/peak['bf16']/r['processes'], 4)
    first = next(iter(rows.values()))
    if 'failed' not in first: r['speed_up'] = round(r['samples_per_s']/first['samples_per_s'], 3)

def loading(a, T, rows) -> dict:
    "The loader beside the fastest step"
    good = {k: r for k,r in rows.items() if 'failed' not in r}
    if not good: return dict(failed='no step to compare with')
    name = max(good, key=lambda k: good[k]['samples_per_s']); per_process = good[name]['samples_per_s']/good[name]['processes']
    out = measure(a, 'loader', T, batch=cases(a)[name].get('batch', 1))
    if 'failed' not in out: out |= dict(step=name, step_samples_per_s=per_process, loader_bound={k: v is not None and v<per_process for k,v in out['samples_per_s'].items()})
    print('loader:', out, flush=True)
    return out

HEAD = f"{'':38}{'samples/s':>10}{'frames/s':>10}{'critic s':>10}{'both s':>9}{'TFLOP/s':>9}{'of peak':>9}{'GB':>8}{'x':>7}"
def line(name, r) -> str:
    if 'failed' in r: return f"{name:38}  {r['failed']}"
    return (f"{name:38}{r['samples_per_s']:10.3f}{r['frames_per_s']:10.1f}{r['critic_step_s']:10.3f}{r['with_generator_s']:9.3f}{r['tflop_per_s']:9.2f}"
        f"{r.get('share_of_bf16_peak', 0):9.1%}{r['peak_gb']:8.1f}{r.get('speed_up', 0):7.2f}")

def machine(a) -> dict:
    "What was measured on"
    if a.device!='cuda': return dict(device='cpu', processes=a.gpus, threads=a.threads, load=round(os.getloadavg()[0], 1), time='wall' if a.gpus>1 else 'CPU time')
    p = torch.cuda.get_device_properties(0)
    return dict(device='cuda', card=p.name, cards=a.gpus, memory_gb=round(p.total_memory/1e9), capability=f'{p.major}.{p.minor}', cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version(), time='wall')

def bench_train(a) -> dict:
    "All of it; the dict that is saved"
    if hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, CORES)
    out = dict(machine=machine(a), preset=a.preset, size=f"base's widths, mouths of {SMALL['image_size']} pixels" if a.small else 'as the preset has it', batch_size=a.batch_size,
        n_critic=a.n_critic, perceptual=a.perceptual, reference=REFERENCE, peak_tflop_per_s=(peak := measure(a, 'peak', 5)), lengths={})
    print({k: out[k] for k in ('machine','size','peak_tflop_per_s')}, flush=True)
    for T in a.seq_length: out['lengths'][str(T)] = length(a, T, peak)
    rows = out['lengths'].get(str(REFERENCE['seq_length']), {}).get('rows', {})
    best = max((r.get('samples_per_s', 0) for r in rows.values()), default=0)
    if best and not a.small: out['against_reference'] = round(best/REFERENCE['samples_per_s'], 2); print(f"\nbest at T=75: {best:.2f} samples/s, {out['against_reference']} x the reference's {REFERENCE['samples_per_s']} on {REFERENCE['machine']}")
    return out

def arguments(argv=None):
    cuda = torch.cuda.is_available()
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--device', choices=['cuda','cpu'], default='cuda' if cuda else 'cpu')
    ap.add_argument('--gpus', type=int, default=1, help="processes on this machine, one per GPU")
    ap.add_argument('--preset', default='base', help="preset of the networks and the training")
    ap.add_argument('--small', action=argparse.BooleanOptionalAction, help="base's widths on mouths of 128 pixels, T=5; default on a CPU")
    ap.add_argument('--seq_length', type=int, nargs='+', help="frames per clip; default: 75 and 25")
    ap.add_argument('--batch_size', type=int, default=1, help="clips per batch, per process; some cases multiply it")
    ap.add_argument('--n_critic', type=int, default=5, help="critic steps per generator step")
    ap.add_argument('--perceptual', choices=['vgg16','laplacian'], default='vgg16', help="the perceptual loss; VGG16 has random weights here")
    ap.add_argument('--data_dir', type=Path, help="processed folder, to measure the loader")
    ap.add_argument('--loader_s', type=float, default=20, help="seconds to measure the loader")
    ap.add_argument('--only', nargs='*', help="cases to run; default: all")
    ap.add_argument('--rounds', type=int, help="timed cycles, of which the best is used")
    ap.add_argument('--timed', type=int, help="timed steps per cycle, 2 or more: the last ones")
    ap.add_argument('--warmup', type=int, help="warm-up pairs of steps (one of the critic alone, one with the generator)")
    ap.add_argument('--threads', type=int, help="of each process")
    ap.add_argument('--out', type=Path, default=ROOT/'benchmarks'/'results'/'train.json')
    a = ap.parse_args(argv)
    if a.device=='cuda' and not cuda: ap.error("no GPU here; --device cpu measures at reduced size")
    if a.small and a.preset!='base': ap.error("--small is a smaller base: leave --preset out")
    if unknown := set(a.only or ())-set(CASES if a.device=='cuda' else CPU_CASES): ap.error(f"no case {', '.join(sorted(unknown))}; there are: {', '.join(CASES if a.device=='cuda' else CPU_CASES)}")
    return defaults(a)

def defaults(a):
    "What was not said, by the device"
    gpu = a.device=='cuda'
    if a.small is None: a.small = not gpu and a.preset=='base'
    for k,v in dict(seq_length=[5] if a.small else [75,25], rounds=3 if gpu else 2, warmup=2 if gpu else 1, timed=a.n_critic if gpu else 2, threads=max(1, len(CORES)//a.gpus) if gpu else 1).items():
        if getattr(a, k) is None: setattr(a, k, v)
    a.timed = min(max(2, a.timed), a.n_critic)
    return a

def save(a, result):
    "Write the figures down with where they come from"
    commit = subprocess.run(['git','rev-parse','--short','HEAD'], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    cpu = next((l.split(':')[1].strip() for l in open('/proc/cpuinfo') if l.startswith('model name')), '') if os.path.exists('/proc/cpuinfo') else ''
    save_json(a.out, dict(command='python scripts/bench_train.py '+' '.join(sys.argv[1:]), commit=commit, cpu=cpu, train=result, **provenance()))

if __name__ == '__main__':
    if sys.argv[1:2]==['--worker']: worker(sys.argv[2])
    else: a = arguments(); save(a, bench_train(a))
