"""Create `.venv` for this clone; the packages are installed once per set of requirements in the user's cache.

    python3 scripts/setup_env.py            # fast if nothing has changed
    python3 scripts/setup_env.py --where    # print the shared environment's folder

The several GB of packages go to $LIPSYNC_CACHE/envs/<digest> (default ~/.cache/lipsync/envs), where the digest covers
settings.ini's requirements, constraints.txt and the Python version. `.venv` is a thin environment on top of it:
its `lipsync`, `nbdev_test`, `accelerate`, … run this clone's code. Shared environments unused for 14 days are removed.
"""
import argparse, configparser, contextlib, fcntl, hashlib, os, platform, shutil, subprocess, sys, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDS_GB, UNUSED_DAYS, PYTHONS = 9, 14, ((3,11),(3,12))

def say(msg): print(f"[env] {msg}", flush=True)

def requirements() -> list:
    "All requirements of settings.ini, in one list"
    cfg = configparser.ConfigParser(); cfg.read(ROOT/'settings.ini')
    d = cfg['DEFAULT']
    return [r for k in ('requirements','data_requirements','ray_requirements','onnx_requirements','board_requirements','fid_requirements','c2pa_requirements','studio_requirements','dev_requirements') for r in d[k].split()]

def digest() -> str:
    "The environment's name: a digest of requirements, pinned versions and the Python version"
    h = hashlib.sha256('\n'.join(requirements()).encode())
    h.update((ROOT/'constraints.txt').read_bytes())
    h.update(f"{sys.version_info[:2]} {sys.platform} {platform.machine()}".encode())
    return h.hexdigest()[:12]

def envs_dir() -> Path:
    root = os.environ.get('LIPSYNC_CACHE') or Path(os.environ.get('XDG_CACHE_HOME') or Path.home()/'.cache')/'lipsync'
    return Path(root)/'envs'

def check_machine(envs:Path):
    "Exit early with the reason if the install can't succeed"
    if sys.version_info[:2] not in PYTHONS:
        sys.exit(f"error: Python {platform.python_version()} found; the pinned packages need 3.11 or 3.12\n"
                 f"  fix: make PYTHON=/path/to/python3.11 …")
    envs.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(envs).free/2**30
    if free < NEEDS_GB:
        sys.exit(f"error: {free:.1f} GB free at {envs}, {NEEDS_GB} GB needed for the packages\n"
                 f"  fix: free some space, or set LIPSYNC_CACHE to a folder on a larger disk")

def folder_gb(path:Path) -> float:
    return sum(f.stat().st_size for f in path.rglob('*') if f.is_file() and not f.is_symlink())/2**30

def run_logged(cmd:list, logfile:Path, folder:Path):
    "Run `cmd` with its output in `logfile`, and show the size of `folder`; on failure print the end of the log"
    start = time.time()
    with open(logfile, 'w') as out:
        p = subprocess.Popen(cmd, stdout=out, stderr=subprocess.STDOUT)
        while p.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired): p.wait(10)
            with contextlib.suppress(OSError): say(f"installing … {folder_gb(folder):.1f} GB, {time.time()-start:.0f} s")
    if p.returncode:
        print(logfile.read_text()[-3000:], file=sys.stderr)
        sys.exit(f"error: pip ended with {p.returncode}; its whole output is in {logfile}\n  fix: see above; then run the same command again")

def build_shared(env:Path):
    "Install everything into `env`; `.complete` is written last, so an interrupted install starts over"
    if env.exists(): shutil.rmtree(env)
    say(f"first time with these requirements: about 7.6 GB and 2 to 5 minutes, kept in {env}")
    subprocess.run([sys.executable, '-m', 'venv', env], check=True)
    run_logged([env/'bin/python', '-m', 'pip', 'install', '--no-cache-dir', '--prefer-binary', '--only-binary', 'torch,torchvision',
                '--disable-pip-version-check', '-c', ROOT/'constraints.txt', *requirements()], env.with_suffix('.log'), env)
    (env/'.complete').write_text('\n'.join(requirements()))

def clear_old(envs:Path, keep:Path):
    "Remove shared environments that no clone has used for a while"
    for e in envs.iterdir():
        if e.is_dir() and e != keep and time.time()-e.stat().st_mtime > UNUSED_DAYS*86400:
            say(f"removing {e}, unused for {UNUSED_DAYS} days"); shutil.rmtree(e, ignore_errors=True)

def make_venv(env:Path, venv:Path):
    "A thin environment that sees `env`'s packages and this clone, with `env`'s commands run by its own Python"
    if venv.is_symlink() or venv.exists(): shutil.rmtree(venv) if venv.is_dir() and not venv.is_symlink() else venv.unlink()
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', venv], check=True)
    lib = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    (venv/lib/'lipsync-env.pth').write_text(f"import site; site.addsitedir({str(env/lib)!r})\n{ROOT}\n")
    for f in (env/'bin').iterdir():
        if f.is_symlink() or not f.is_file() or (venv/'bin'/f.name).exists(): continue
        head, _, body = f.read_bytes().partition(b'\n')
        if head.startswith(b'#!') and b'python' in head:
            (venv/'bin'/f.name).write_bytes(f"#!{venv}/bin/python\n".encode()+body)
            (venv/'bin'/f.name).chmod(0o755)
    (venv/'bin/lipsync').write_text(f"#!{venv}/bin/python\nimport sys\nfrom lipsync.cli import main\n\nif __name__ == \"__main__\": sys.exit(main())\n")
    (venv/'bin/lipsync').chmod(0o755)
    (venv/'.made-for').write_text(f"{env}\n{ROOT}\n")

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--where', action='store_true', help="only print the shared environment's folder")
    args = ap.parse_args()
    envs, venv = envs_dir(), ROOT/'.venv'
    env = envs/digest()
    if args.where: return print(env)
    if not (env/'.complete').exists(): check_machine(envs)
    envs.mkdir(parents=True, exist_ok=True)
    with open(envs/'.lock', 'w') as lock: # if two clones are set up at once, one installs and the other waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (env/'.complete').exists(): build_shared(env)
        os.utime(env)
        clear_old(envs, env)
    marker = venv/'.made-for'
    if not marker.exists() or marker.read_text() != f"{env}\n{ROOT}\n":
        make_venv(env, venv); say(f"{venv} is ready (packages: {env})")

if __name__ == '__main__': main()
