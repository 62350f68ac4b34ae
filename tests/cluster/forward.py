"""Forwards a port of this host to another address: ended, all connections through it break.

    forward.py PORT TO_HOST TO_PORT
"""

from __future__ import annotations

import socket
import socketserver
import sys
import threading


class Forward(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with socket.create_connection((sys.argv[2], int(sys.argv[3]))) as there:
            back = threading.Thread(target=pump, args=(there, self.request))
            back.start()
            pump(self.request, there)
            back.join()


def pump(of: socket.socket, to: socket.socket) -> None:
    try:
        while data := of.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (of, to):
            each.close()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Forward) as server:
        print("listening", flush=True)
        server.serve_forever()
