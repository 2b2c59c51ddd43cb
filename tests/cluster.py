"""A TensorFlow cluster on this machine: servers in processes of their own."""

from __future__ import annotations

import contextlib
import json
import socket

from forked_programs import ForkedProgram

_SERVER = """
import json, sys
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
    environment = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    with contextlib.ExitStack() as servers:
        for job, tasks in cluster.items():
            for index in range(len(tasks)):
                task = json.dumps([cluster, job, index])
                servers.enter_context(ForkedProgram(_SERVER, task, cwd=directory, environment=environment))
        yield cluster
