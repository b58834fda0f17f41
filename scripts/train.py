"""Train the generator in three stages; the same command resumes an interrupted run

One process:       python scripts/train.py --data_dir DATA --checkpoint_dir RUN
GPUs, one machine: accelerate launch --multi_gpu --num_processes 8 scripts/train.py --data_dir DATA --checkpoint_dir RUN
GPUs, 2 machines:  accelerate launch --multi_gpu --num_machines 2 --num_processes 16 --machine_rank R --main_process_ip IP --main_process_port 29500 scripts/train.py ...
CPUs:              torchrun --standalone --nproc_per_node 2 scripts/train.py --data_dir DATA --checkpoint_dir RUN --cpu
Dying workers:     torchrun --max-restarts 3 ... restarts all of them, and they resume from the last checkpoint; set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 with it,
without which restarts on one machine sometimes hang (torch 2.15)
DATA holds train/ and val/ (lipsync preprocess --auto_split); --preset tiny takes minutes on a laptop
"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('train', prog='train.py'))
