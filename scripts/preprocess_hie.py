"""python scripts/preprocess_hie.py --data_dir DIR --output DIR --auto_split --workers 8: preprocess a corpus of person folders"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('preprocess', prog='preprocess_hie.py'))
