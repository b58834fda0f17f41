"""Run notebooks and store their outputs, cleaned: python scripts/run_nb.py nbs/110_media.ipynb [more.ipynb] (cells flagged `#| slow`, `#| cuda` or `#| eval: false` keep the outputs they have)"""
import base64, io, os, re, sys
from pathlib import Path

from execnb.nbio import read_nb, write_nb
from execnb.shell import CaptureShell
from nbdev.clean import clean_nb
from PIL import Image

def shrink(outputs:list):
    "Reduce images over 40 kB to a palette of 256 colours, to keep the repository small"
    for data in (o.get('data', {}) for o in outputs):
        png = data.get('image/png')
        if not png or len(png) < 40_000: continue
        buf = io.BytesIO()
        Image.open(io.BytesIO(base64.b64decode(png))).convert('RGB').quantize(256, Image.Quantize.MEDIANCUT).save(buf, 'PNG', optimize=True)
        if len(small := base64.b64encode(buf.getvalue()).decode()) < len(png): data['image/png'] = small

SKIP = re.compile(r'^#\s*\|\s*(slow|cuda|eval:\s*false|hide\s*\n\s*import nbdev)', re.M)

def run_nb(
    path:Path, # Notebook, run with its own folder as working directory
):
    "Execute every cell that is not flagged, stop at the first error, write the outputs back"
    nb, here = read_nb(path), Path.cwd()
    shell = CaptureShell(path=path.parent, mpl_format='png')
    os.chdir(path.parent)
    try:
        for cell in nb.cells:
            if cell.cell_type != 'code' or SKIP.search(cell.source): continue
            cell.outputs = [o for o in (shell.run(cell.source) if cell.source.strip() else []) if o.get('name') != 'stderr'] # progress bars and warnings
            shrink(cell.outputs)
            if shell.exc: sys.exit(f"{path}, cell {cell.id}: {shell.exc!r}")
    finally: os.chdir(here)
    clean_nb(nb)
    write_nb(nb, path)
    print(f"{path}: {path.stat().st_size//1024} KB")

if __name__ == '__main__':
    if len(sys.argv) < 2: sys.exit(__doc__)
    for p in sys.argv[1:]: run_nb(Path(p).resolve())
