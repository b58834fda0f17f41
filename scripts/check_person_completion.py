"""python scripts/check_person_completion.py --source_dir DIR --processed_dir DIR: which people are complete, partial, not started"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('status', prog='check_person_completion.py'))
