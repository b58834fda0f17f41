"""python scripts/check_struct.py --data_dir DIR: check a corpus before preprocessing"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('check', prog='check_struct.py'))
