"""Train a TF2 SavedModel with variables on parameter servers: a cluster of processes on this machine.

Usage: `python examples/legacy/parameter_servers.py`
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import tempfile

import tensorflow as tf

import rehub as hub

v1 = tf.compat.v1


def save_model(path: str) -> None:
    """Write a TF2 SavedModel that scales its input: x -> x * w, w = 1."""
    model = tf.train.Checkpoint(w=tf.Variable([1.0]))
    x = tf.TensorSpec([None], tf.float32)
    model.__call__ = tf.function(lambda x: x * model.w, input_signature=[x])
    tf.saved_model.save(model, path)


def serve(cluster: dict[str, list[str]], job: str, task: int) -> None:
    """Run one of the cluster's servers, until it is killed."""
    tf.distribute.Server(cluster, job_name=job, task_index=task, protocol="grpc").join()


def addresses(count: int) -> list[str]:
    """Return free ports of this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [number.getsockname()[1] for number in sockets]
    for number in sockets:
        number.close()
    return [f"127.0.0.1:{port}" for port in ports]


def train(path: str, cluster: dict[str, list[str]]) -> None:
    """Train in a TF1 session."""
    devices = v1.train.replica_device_setter(cluster=cluster, worker_device="/job:worker/task:0")
    with tf.Graph().as_default(), v1.device(devices):
        model = hub.load(path)
        x = v1.placeholder(tf.float32, [None])
        loss = tf.reduce_mean((model(x) - 3.0 * x) ** 2)
        step = v1.train.GradientDescentOptimizer(0.1).minimize(loss, var_list=[model.w])
        with v1.Session("grpc://" + cluster["worker"][0], config=hub.session_config()) as session:
            session.run(v1.global_variables_initializer())
            for _ in range(50):
                session.run(step, {x: [1.0, 2.0]})
            print(f"w is {session.run(model.w)[0]:.4f}, on {model.w.device}")


def main() -> None:
    """Start the servers, train, and stop them."""
    free = addresses(3)
    cluster = {"ps": free[:2], "worker": free[2:]}
    processes = multiprocessing.get_context("spawn")
    servers = [
        processes.Process(target=serve, args=(cluster, job, task), daemon=True)
        for job, tasks in cluster.items()
        for task in range(len(tasks))
    ]
    for server in servers:
        server.start()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "model")
        save_model(path)
        train(path, cluster)
    for server in servers:
        server.kill()


if __name__ == "__main__":
    main()
