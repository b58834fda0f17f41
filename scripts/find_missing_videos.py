"""python scripts/find_missing_videos.py --source_dir DIR --processed_dir DIR: list videos without a processed file"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('missing', prog='find_missing_videos.py'))
