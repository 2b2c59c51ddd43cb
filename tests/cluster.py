"""A TensorFlow cluster on this machine: servers in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys

_SERVER = """
import json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
cluster, job, index = json.loads(sys.argv[1])
tf.distribute.Server(cluster, job_name=job, task_index=index, protocol="grpc").join()
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for number in sockets:
        number.bind(("127.0.0.1", 0))
    ports = [number.getsockname()[1] for number in sockets]
    for number in sockets:
        number.close()
    return ports


@contextlib.contextmanager
def running_cluster(directory=None, **jobs):
    """Starts a server for each task of each job, and gives the cluster: addresses by job.

    Args:
        directory: the servers' working directory; the caller's if unset.
        jobs: number of tasks by job, such as `ps=2, worker=1`.
    """
    ports = iter(free_ports(sum(jobs.values())))
    cluster = {job: [f"127.0.0.1:{next(ports)}" for _ in range(count)] for job, count in jobs.items()}
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", _SERVER, json.dumps([cluster, job, index])],
            env=environment,
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for job, tasks in cluster.items()
        for index in range(len(tasks))
    ]
    try:
        yield cluster
    finally:
        for server in servers:
            server.kill()
        for server in servers:
            server.wait()
