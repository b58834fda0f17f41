"""python scripts/reprocess_missing_videos.py --source_dir DIR --processed_dir DIR --workers 2: process missing, damaged and failed videos"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('reprocess', prog='reprocess_missing_videos.py'))
