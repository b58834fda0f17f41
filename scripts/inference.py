"""python scripts/inference.py --face VIDEO_OR_PHOTO --audio WAV --out MP4 [--checkpoint F]: dub a video or photo; without a checkpoint with the training-free generator"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('dub', prog='inference.py'))
