"""python scripts/preprocess_smart_batch.py --data_dir DIR --output_dir DIR --workers 8: the same engine as preprocess_hie.py"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('preprocess', prog='preprocess_smart_batch.py', also={'output_dir': 'output'}))
