"""python scripts/inference.py --face VIDEO_OR_PHOTO --audio WAV --checkpoint F --out MP4: dub"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('dub', prog='inference.py'))
