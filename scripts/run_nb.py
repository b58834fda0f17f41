"""Run notebooks and store their outputs, cleaned: python scripts/run_nb.py nbs/01_media.ipynb [more.ipynb] (cells flagged `#| slow`, `#| cuda` or `#| eval: false` keep the outputs they have)"""
import os, re, sys
from pathlib import Path

from execnb.nbio import read_nb, write_nb
from execnb.shell import CaptureShell
from nbdev.clean import clean_nb

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
            cell.outputs = shell.run(cell.source) if cell.source.strip() else []
            if shell.exc: sys.exit(f"{path}, cell {cell.id}: {shell.exc!r}")
    finally: os.chdir(here)
    clean_nb(nb)
    write_nb(nb, path)
    print(f"{path}: {path.stat().st_size//1024} KB")

if __name__ == '__main__':
    if len(sys.argv) < 2: sys.exit(__doc__)
    for p in sys.argv[1:]: run_nb(Path(p).resolve())
