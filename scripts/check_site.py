"""Build and check the docs site without Quarto: render every notebook with nbconvert, check every link and image, open every page in a headless browser

    python scripts/check_site.py              # = make site: writes _site/, opens its pages in headless Chromium, saves screenshots of some in _site/.shots/
    python scripts/check_site.py --no-browser # without the browser
    python scripts/check_site.py --only tutorials/dub_a_video index # some pages (links to others are checked in their notebooks)

`make docs` builds the published site with Quarto; this one is simpler, needs only the packages of `make env` and Chromium, and finds the same errors. Exit code 1: a page, link or image is missing, a page is wider than
a laptop's or a phone's window, or the browser reports an error. External links are listed in _site/external.txt and not fetched.
"""
import argparse, contextlib, html, io, json, os, re, shutil, sys, tempfile, urllib.parse, warnings
from collections import Counter
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path
import yaml
from nbconvert import HTMLExporter
from nbdev.serve import proc_nbs
from traitlets.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parent))
from house import NBS, ROOT, name, notebooks

SHOTS = ('index','tutorials/dub_a_video','tutorials/train_on_a_corpus','tutorials/change_the_model','tutorials/commands','tutorials/troubleshooting','reports/benchmarks','315_models.generator')
WINDOWS = dict(laptop=(1280,800), phone=(390,800))
CSS = """
:root{--ink:#1c2430;--soft:#5b6573;--line:#dde2e8;--bg:#f6f8fa;--link:#0b62c4} *{box-sizing:border-box}
body{margin:0;font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:var(--ink);display:grid;grid-template-columns:17rem minmax(0,1fr)}
nav{height:100vh;position:sticky;top:0;overflow:auto;padding:1rem;background:var(--bg);border-right:1px solid var(--line);font-size:.86rem} nav a{display:block;padding:.1rem 0;color:var(--ink);text-decoration:none;overflow-wrap:anywhere}
nav a.here{font-weight:700;color:var(--link)} nav b{display:block;margin:.9rem 0 .2rem;color:var(--soft);font-size:.76rem;text-transform:uppercase;letter-spacing:.04em}
main{min-width:0;max-width:62rem;padding:1.5rem 2.5rem 4rem} main>*{min-width:0} h1,h2,h3,h4{line-height:1.25;overflow-wrap:anywhere;margin:1.8rem 0 .6rem} h1{margin-top:.2rem} h2{border-bottom:1px solid var(--line);padding-bottom:.25rem} .anchor-link{display:none}
a{color:var(--link)} blockquote{margin:.5rem 0 1rem;color:var(--soft);font-size:1.08rem} blockquote p{margin:0} img,svg,video{max-width:100%;height:auto} p,li,td,th{overflow-wrap:break-word}
pre{background:var(--bg);border:1px solid var(--line);border-radius:6px;padding:.7rem .9rem;overflow-x:auto;font-size:.83rem;line-height:1.45;margin:.5rem 0} code{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,monospace;font-size:.88em} :not(pre)>code{background:var(--bg);padding:.05em .3em;border-radius:4px;overflow-wrap:anywhere}
pre code{font-size:inherit;background:none;padding:0} .jp-OutputArea-output pre,.output pre{background:#fff;border-style:dashed} .wide{overflow-x:auto;max-width:100%} table{border-collapse:collapse;font-size:.9rem;margin:.6rem 0} td,th{border-bottom:1px solid var(--line);padding:.3rem .6rem;vertical-align:top;text-align:left} th{background:var(--bg)}
.jp-InputPrompt,.jp-OutputPrompt,.prompt{display:none} details summary{cursor:pointer} td i{color:var(--soft)}
@media(max-width:800px){body{display:flex;flex-direction:column} nav{order:2;position:static;height:auto;border:0;border-top:1px solid var(--line)} main{padding:1rem}}
@media print{nav{display:none} body{display:block}}
"""

# -- Pages

def sidebar() -> list:
    "(heading or None, names of notebooks) of _quarto.yml"
    contents = yaml.safe_load((ROOT/'_quarto.yml').read_text())['website']['sidebar']['contents']
    return [(None, [x]) if isinstance(x, str) else (x['section'], x['contents']) for x in contents]

def title(nb:Path) -> str:
    "The first heading of a notebook"
    return next((m[1].strip() for c in json.loads(nb.read_text())['cells'] if (m := re.search(r'^# (.+)$', ''.join(c['source']), re.M))), nb.stem)

def place(nb) -> str: return name(nb).removesuffix('.ipynb') # e.g. tutorials/dub_a_video

def menu(here:str, titles:dict) -> str:
    "The sidebar of a page"
    up = '../'*here.count('/')
    a = lambda n: f'<a href="{up}{n}.html"{" class=here" if n==here else ""}>{html.escape(titles[n])}</a>'
    return ''.join((f'<b>{html.escape(h)}</b>' if h else '')+''.join(a(n) for n in (x.removesuffix('.ipynb') for x in names) if n in titles) for h, names in sidebar())

def slug(text:str) -> str:
    "The anchor that pandoc gives a heading"
    return re.sub(r'^[^a-z]+', '', re.sub(r'\s+', '-', re.sub(r'[^\w\s.-]', '', html.unescape(re.sub(r'<[^>]+>', '', text)).strip().lower()))) or 'section'

def directives(cell) -> tuple:
    "(the cell without its Quarto directives, {name: value})"
    opts, lines = {}, []
    for l in ''.join(cell['source']).splitlines(True):
        if m := re.match(r'#\s*\|\s*([\w-]+):?\s*(.*)', l): opts[m[1]] = m[2].strip()
        else: lines.append(l)
    return ''.join(lines).strip('\n'), opts

def prepared(nb:dict) -> dict:
    "Apply the cells' Quarto directives to the notebook"
    out = []
    for c in nb['cells']:
        if c['cell_type'] == 'raw' and (src := ''.join(c['source'])).startswith('---'): # nbdev has moved the title into the front matter
            front = yaml.safe_load(src.strip().strip('-')) or {}
            c = dict(c, cell_type='markdown', source=f"# {front.get('title', '')}\n\n"+(f"> {front['description']}" if front.get('description') else ''))
        if c['cell_type'] == 'code':
            src, o = directives(c)
            if o.get('include')=='false': continue
            c['source'], hidden = src, o.get('echo')=='false' or 'hide_input' in o
            for x in c.get('outputs', []):
                if o.get('output')=='asis' and 'text' in x: x.update(output_type='display_data', data={'text/markdown': x.pop('text')}, metadata={}); x.pop('name', None)
            if o.get('output')=='false': c['outputs'] = []
            if hidden or not src: c.setdefault('metadata', {})['transient'] = dict(remove_source=True)
            if (hidden or not src) and not c.get('outputs'): continue
        out.append(c)
    return dict(nb, cells=out)

def body(nb:dict) -> str:
    "A notebook as an HTML fragment"
    import nbformat
    text, _ = HTMLExporter(Config(), template_name='basic').from_notebook_node(nbformat.reads(json.dumps(prepared(nb)), as_version=4))
    return text

def find_templates():
    "Set nbconvert's template path, also for a thin .venv"
    own = next(Path(f.locate()).resolve() for f in metadata.files('nbconvert') if f.match('nbconvert/templates/base/null.j2'))
    os.environ['JUPYTER_PATH'] = os.pathsep.join([str(own.parents[3]), *filter(None, [os.environ.get('JUPYTER_PATH')])])

def finished(text:str) -> str:
    "Use pandoc's anchors, link to pages instead of notebooks, make tables scrollable"
    seen = Counter()
    def anchor(m):
        s = slug(m[2]); seen[s] += 1
        return f'<h{m[1]} id="{s if seen[s]==1 else f"{s}-{seen[s]-1}"}">{m[2]}</h{m[1]}>'
    text = re.sub(r'<h([1-6])\b[^>]*>(.*?)</h\1>', anchor, re.sub(r'<a class="anchor-link".*?</a>', '', text), flags=re.S)
    text = re.sub(r'href="(?![a-z]+:)([^"#]+)\.ipynb', r'href="\1.html', text)
    return text.replace('<table', '<div class=wide><table').replace('</table>', '</table></div>')

def page(stem, titles, text) -> str:
    from pygments.formatters import HtmlFormatter
    style = CSS+HtmlFormatter(style='default').get_style_defs('.highlight')
    return f'<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1"><title>{html.escape(titles[stem])}</title><link rel=icon href="data:,"><style>{style}</style><nav>{menu(stem, titles)}</nav><main>{text}</main></html>'

def processed(folder:Path) -> dict:
    "The notebooks as nbdev prepares them for its site: {name: notebook}"
    warnings.filterwarnings("ignore", "Found cells containing imports")
    shutil.copytree(NBS, folder/'nbs', symlinks=False, ignore=shutil.ignore_patterns('.ipynb_checkpoints'))
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(io.StringIO()): out = Path(proc_nbs(str(folder/'nbs'), n_workers=0))
    return {p.relative_to(next(q for q in p.parents if (q/'index.ipynb').exists())).as_posix().removesuffix('.ipynb'): json.loads(p.read_text()) for p in sorted(out.rglob('*.ipynb'))}

def build(out:Path, only=None) -> tuple:
    "Write the site; (stems of the pages, what failed)"
    find_templates()
    titles, bad = {place(nb): title(nb) for nb in notebooks()}, []
    with tempfile.TemporaryDirectory() as d: nbs = processed(Path(d))
    listed = {n.removesuffix('.ipynb') for _, names in sidebar() for n in names}
    bad += [f"{s}: not in the sidebar of _quarto.yml" for s in titles if s not in listed] + [f"_quarto.yml: no notebook {s}" for s in listed-set(titles)]
    if out.exists(): shutil.rmtree(out)
    shutil.copytree(NBS/'images', out/'images')
    for s in only or titles:
        if s not in nbs: bad.append(f"{s}: nbdev did not process it"); continue
        (out/s).parent.mkdir(parents=True, exist_ok=True)
        try: (out/f'{s}.html').write_text(page(s, titles, finished(body(nbs[s]))))
        except Exception as e: bad.append(f"{s}: could not be rendered ({type(e).__name__}: {e})")
    return [s for s in only or titles if (out/f'{s}.html').exists()], bad

# -- Links

class Links(HTMLParser):
    "The links of a page, and its anchors"
    def __init__(self, text): super().__init__(); self.to, self.ids = [], set(); self.feed(text)
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if 'id' in a: self.ids.add(a['id'])
        if tag=='a' and a.get('name'): self.ids.add(a['name'])
        self.to += [a[k] for k in ('href','src','poster') if a.get(k)]

def check_links(out:Path, stems:list) -> tuple:
    "(broken links, {external address: pages})"
    pages, bad, away = {s: Links((out/f'{s}.html').read_text()) for s in stems}, [], {}
    for s, p in pages.items():
        for to in p.to:
            u = urllib.parse.urlsplit(to)
            if u.scheme in ('data','mailto'): continue
            if u.scheme or u.netloc: away.setdefault(to, set()).add(s); continue
            file, anchor = urllib.parse.unquote(u.path), urllib.parse.unquote(u.fragment)
            at = os.path.normpath(Path(s).parent/file) if file else f'{s}.html'; stem = at.removesuffix('.html')
            if file and not (out/at).exists() and not (at==f'{stem}.html' and (NBS/f'{stem}.ipynb').exists()): bad.append(f"{s}: {to} leads nowhere")
            elif anchor and stem in pages and anchor not in pages[stem].ids: bad.append(f"{s}: {to}: no such place on that page")
    return bad, away

def check_readme() -> list:
    "Check links and images of README.md, relative to the top folder"
    found = re.findall(r'\]\(([^)#\s]+)', (ROOT/'README.md').read_text())
    return [f"README.md: {l} leads nowhere" for l in dict.fromkeys(found) if '://' not in l and not (ROOT/l).exists()]

# -- The browser

def chromium() -> dict:
    "Arguments to start Chromium: the system's if installed, else playwright's"
    exe = next((p for n in ('chromium','chromium-browser','google-chrome') if (p := shutil.which(n))), None)
    return dict(args=['--no-sandbox'], **(dict(executable_path=exe) if exe else {}))

def open_page(tab, url, name) -> list:
    "The errors of an opened page in one window size"
    said = []
    note = lambda m: said.append(m.text[:160]) if m.type=='error' else None
    broke = lambda e: said.append(str(e)[:160])
    tab.on('console', note); tab.on('pageerror', broke)
    tab.goto(url, wait_until='load')
    wide, window = tab.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]')
    blind = tab.evaluate('[...document.images].filter(i=>!i.complete||!i.naturalWidth).map(i=>i.src.slice(0,80))')
    tab.remove_listener('console', note); tab.remove_listener('pageerror', broke)
    return [f"{name}: {s}" for s in said] + ([f"{name}: {wide} pixels wide in a window of {window}"] if wide > window else []) + [f"{name}: picture not shown: {b}" for b in blind]

def browse(out:Path, stems:list) -> list:
    "Check every page in every window size; save screenshots of some"
    from playwright.sync_api import sync_playwright
    bad, shots = [], out/'.shots'; shots.mkdir(exist_ok=True)
    with sync_playwright() as p:
        browser = p.chromium.launch(**chromium())
        for window, (w, h) in WINDOWS.items():
            tab = browser.new_page(viewport=dict(width=w, height=h))
            for s in stems:
                bad += open_page(tab, (out/f'{s}.html').as_uri(), f"{s}, {window}")
                if s in SHOTS: tab.screenshot(path=shots/f'{Path(s).name}-{window}.png', full_page=window=='laptop')
            tab.close()
        browser.close()
    return bad

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--out', type=Path, default=ROOT/'_site'); ap.add_argument('--only', nargs='+', help="names of notebooks, without .ipynb")
    ap.add_argument('--browser', action=argparse.BooleanOptionalAction, default=True, help="open the pages in Chromium")
    a = ap.parse_args(); out = a.out.resolve()
    stems, bad = build(out, a.only)
    links, away = check_links(out, stems)
    (out/'external.txt').write_text(''.join(f"{u}\t{', '.join(sorted(ps))}\n" for u, ps in sorted(away.items())))
    bad += links + check_readme() + (browse(out, stems) if a.browser else [])
    for b in bad: print(f"FAILED {b}")
    print(f"{len(stems)} pages in {out.relative_to(ROOT) if out.is_relative_to(ROOT) else out}, {len(away)} addresses elsewhere (not fetched), {len(bad)} failed")
    return int(bool(bad))

if __name__ == '__main__': sys.exit(main())
