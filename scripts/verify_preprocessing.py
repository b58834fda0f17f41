"""python scripts/verify_preprocessing.py --processed_dir DIR --workers 8: open and check every processed file"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('verify', prog='verify_preprocessing.py'))
