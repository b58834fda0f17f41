"""Checks and tests that `make test` runs, and the README from the index notebook

    python scripts/house.py check                 # the quick checks alone
    python scripts/house.py test [--flags slow]   # the checks, then nbdev_test over every notebook
    python scripts/house.py readme                # README.md from nbs/index.ipynb
"""
import argparse, ast, contextlib, filecmp, io, json, os, re, shutil, subprocess, sys, tempfile, warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS, LIB = ROOT/'nbs', ROOT/'lipsync'
HAND_WRITTEN = {'models/__init__.py','dub/__init__.py'} # re-exports the public names; every other module is exported from a notebook

def notebooks(): return sorted(f for f in NBS.rglob('*.ipynb') if not {'.ipynb_checkpoints','_proc'} & set(f.relative_to(NBS).parts))
def name(nb): return nb.relative_to(NBS).as_posix()
def cells(nb): return json.loads(nb.read_text())['cells']
def source(cell): return ''.join(cell['source'])

def check_cell_ids():
    "Every cell has an id, unique in its notebook (with a duplicate an edit can be dropped silently)"
    for nb in notebooks():
        ids = [c.get('id') for c in cells(nb)]
        if bad := sorted({str(i) for i in ids if i is None or ids.count(i) > 1}): yield f"{name(nb)}: cell ids missing or twice: {', '.join(bad)}"

def check_sizes():
    "Exported cells have at most 50 lines, notebooks at most 600 kB"
    for nb in notebooks():
        if nb.stat().st_size > 600_000: yield f"{name(nb)}: {nb.stat().st_size//1000} kB; make its pictures smaller"
        for c in cells(nb):
            n = sum(bool(l.strip()) for l in source(c).splitlines())
            if c['cell_type'] == 'code' and re.search(r'^#\s*\|\s*export', source(c), re.M) and n > 50: yield f"{name(nb)}, cell {c['id']}: {n} lines; split it"

def check_tested():
    "A notebook that exports also asserts, and says nothing of the machine it was written on"
    for nb in notebooks():
        src = [source(c) for c in cells(nb) if c['cell_type'] == 'code']
        if any('default_exp' in s for s in src) and not any(re.search(r'\bassert |test_\w+\(|ExceptionExpected', s) for s in src): yield f"{name(nb)}: exports but tests nothing"
        if m := re.search(rf'"[^"\n]*?({re.escape(str(ROOT))}|{re.escape(str(Path.home()))}/|/Users/\w|/home/\w)', nb.read_text()): yield f"{name(nb)}: a path of one machine: {m[0][:80]}"

FOLDERS = {'': r'index|\d{3}_[a-z][a-z0-9_]*(\.[a-z0-9_]+)?', 'tutorials': r'[a-z][a-z0-9_]*', 'reports': r'[a-z][a-z0-9_]*', 'reliability': r'[a-z][a-z0-9_]*'} # of nbs/, and the names of their notebooks

def check_names():
    "Chapters that export have a number of three digits of their own, without letters; the rest is in tutorials/, reports/ or reliability/"
    numbers = {}
    for nb in notebooks():
        folder = nb.parent.relative_to(NBS).as_posix().replace('.', '', 1)
        exports = any('default_exp' in source(c) for c in cells(nb) if c['cell_type'] == 'code')
        if folder not in FOLDERS: yield f"{name(nb)}: no such folder; there are {', '.join(filter(None, FOLDERS))}"
        elif not re.fullmatch(FOLDERS[folder], nb.stem): yield f"{name(nb)}: not named as the notebooks of this folder are, e.g. {'270_data.preprocess' if not folder else 'dub_a_video'}.ipynb"
        if exports and folder: yield f"{name(nb)}: exports, so it belongs into nbs/ with a number"
        if not exports and not folder and nb.stem != 'index': yield f"{name(nb)}: exports nothing, so it belongs into tutorials/, reports/ or reliability/"
        if not folder and nb.stem != 'index' and numbers.setdefault(nb.stem[:3], nb) != nb: yield f"{name(nb)}: its number is that of {name(numbers[nb.stem[:3]])}"

ROOMS = ('config','texts','console','report','testing','media','sources','audio','align','face','data','demo_corpus','onnx','models','dub','evaluate','train','demo','cli','all') # each imports only from those before it

def check_rooms():
    "Imports run one way through the parts of the package"
    for f in sorted(LIB.rglob('*.py')):
        parts = f.relative_to(LIB).with_suffix('').parts
        if parts[0].startswith('_'): continue
        if parts[0] not in ROOMS: yield f"lipsync/{'/'.join(parts)}.py: in no part; there are {', '.join(ROOMS)}"; continue
        for n in ast.walk(ast.parse(f.read_text())):
            if isinstance(n, ast.ImportFrom) and n.level == len(parts) and n.module: to = n.module.split('.')[0]
            elif isinstance(n, ast.ImportFrom) and not n.level and (n.module or '').startswith('lipsync.'): to = n.module.split('.')[1]
            else: continue
            if to in ROOMS and ROOMS.index(to) > ROOMS.index(parts[0]): yield f"lipsync/{'/'.join(parts)}.py, line {n.lineno}: imports {to}, which comes after {parts[0]}"

def check_imports():
    "Imports stand in cells of their own (the docs build runs every cell that imports)"
    for nb in notebooks():
        for c in cells(nb):
            if c['cell_type'] != 'code' or source(c).startswith(('%','!')) or 'nbdev_export(' in source(c): continue
            kinds = {isinstance(n, (ast.Import, ast.ImportFrom)) for n in ast.parse(source(c)).body}
            if kinds == {True, False}: yield f"{name(nb)}, cell {c['id']}: imports and other code"

def check_in_sync():
    "Notebooks are clean and lipsync/ is what they export; no module is left over from a notebook that is gone"
    with tempfile.TemporaryDirectory() as d:
        d = Path(d)/'copy'
        shutil.copytree(ROOT, d, symlinks=True, ignore=shutil.ignore_patterns('.git','.venv','out','runs','_proc','_docs','_site','__pycache__'))
        for cmd in ('nbdev_clean','nbdev_export'):
            r = subprocess.run([Path(sys.executable).parent/cmd], cwd=d, capture_output=True, text=True)
            if r.returncode: yield f"{cmd} failed: {r.stderr[-500:]}"; return
        for f in sorted([*(d/'nbs').rglob('*.ipynb'), *(d/'lipsync').rglob('*.py')]):
            here = ROOT/f.relative_to(d)
            if not here.exists() or not filecmp.cmp(f, here, shallow=False): yield f"{f.relative_to(d)}: not what `make export` gives"
    exported = {m[1].replace('.','/')+'.py' for nb in notebooks() for c in cells(nb) if (m := re.search(r'#\s*\|\s*default_exp\s+(\S+)', source(c)))}
    for f in LIB.rglob('*.py'):
        rel = f.relative_to(LIB).as_posix()
        if rel not in exported|HAND_WRITTEN and not (rel.endswith('__init__.py') and len(f.read_text().split('\n')) <= 2) and rel != '_modidx.py': yield f"lipsync/{rel}: no notebook exports it"

def readme() -> str:
    "README.md's text: the index notebook's prose and code, links to its pictures made to work from the top folder"
    parts = []
    for c in cells(NBS/'index.ipynb'):
        s = source(c)
        if c['cell_type'] == 'markdown': parts.append(s)
        elif not re.match(r'#\s*\|\s*hide', s): parts.append(f"```python\n{s}\n```")
    return '<!-- Made from nbs/index.ipynb by `make export` -->\n\n' + re.sub(r'\((?=images/|\d{3}_|tutorials/|reports/|reliability/)', '(nbs/', '\n\n'.join(parts)) + '\n'

def check_readme():
    "README.md is what the index notebook gives, and names the two commands"
    f = ROOT/'README.md'
    if not f.exists() or f.read_text() != readme(): yield "README.md: not what nbs/index.ipynb gives; run `make export`"
    for cmd in ('make demo','make test'):
        if cmd not in readme(): yield f"README.md does not say `{cmd}`"

def check_docs():
    "Every notebook is listed in the site and can be processed for it; links and pictures of the prose lead somewhere. Needs no Quarto"
    from nbdev.serve import proc_nbs
    yml = (ROOT/'_quarto.yml').read_text()
    if (NBS/'_quarto.yml').resolve() != ROOT/'_quarto.yml': yield "nbs/_quarto.yml: must be a link to the one at the top"
    for nb in notebooks():
        if f"- {name(nb)}" not in yml: yield f"_quarto.yml: {name(nb)} is not in the sidebar"
        for c in cells(nb):
            if c['cell_type'] == 'markdown':
                for link in re.findall(r'\]\(([^)#\s]+)', source(c)):
                    if '://' not in link and not link.startswith('mailto:') and not (nb.parent/link).exists(): yield f"{name(nb)}: link to {link} leads nowhere"
    warnings.filterwarnings("ignore", "Found cells containing imports")
    with tempfile.TemporaryDirectory() as d, contextlib.chdir(ROOT):
        shutil.copytree(NBS, Path(d)/'nbs', symlinks=False)
        with contextlib.redirect_stdout(io.StringIO()): out = proc_nbs(str(Path(d)/'nbs'), n_workers=0)
        if missing := [name(nb) for nb in notebooks() if not list(Path(out).rglob(nb.name))]: yield f"not processed for the docs: {', '.join(missing)}"

CHECKS = (check_cell_ids, check_sizes, check_tested, check_names, check_imports, check_rooms, check_in_sync, check_readme, check_docs)

def run_checks() -> int:
    "Run every check and print its findings; returns the number of failed checks"
    failed = 0
    for check in CHECKS:
        found = list(check())
        failed += bool(found)
        print(f"{'FAILED' if found else 'ok    '} {check.__doc__.splitlines()[0]}", *(f"\n         {f}" for f in found), sep='', flush=True)
    return failed

def run_notebooks(flags:str) -> tuple:
    "Run nbdev_test over every notebook; returns the numbers of passed and failed"
    cmd = [Path(sys.executable).parent/'nbdev_test', '--timing', '--n_workers', '2', *(['--flags', flags] if flags else [])]
    print(f"nbdev_test over {len(notebooks())} notebooks, two at a time …", flush=True)
    env = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1', TF_CPP_MIN_LOG_LEVEL='2', GLOG_minloglevel='2',
               MALLOC_MMAP_THRESHOLD_='4294967296', MALLOC_TRIM_THRESHOLD_='8589934592') # as config.keep_memory, for whole processes
    r = subprocess.run(cmd, cwd=ROOT, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    print(r.stdout, r.stderr if r.returncode else '', sep='')
    failed = len(re.findall(r'^\t\S+\.ipynb$', r.stderr, re.M)) or int(r.returncode != 0)
    return len(notebooks())-failed, failed

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('what', choices=('check','test','readme'))
    ap.add_argument('--flags', default='', help="also run cells with this flag, e.g. slow")
    args = ap.parse_args()
    if args.what == 'readme': return (ROOT/'README.md').write_text(readme()) and None
    failed = run_checks()
    passed = len(CHECKS)-failed
    if args.what == 'test':
        p, f = run_notebooks(args.flags)
        passed, failed = passed+p, failed+f
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)

if __name__ == '__main__': sys.exit(main())
