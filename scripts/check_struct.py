"""python scripts/check_struct.py --data_dir DIR: look a corpus over before the long work"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('check', prog='check_struct.py'))
