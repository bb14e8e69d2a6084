"""Speaks the Language Server Protocol with a server and prints what it says.

  speak_lsp.py FILE.mlir -- SERVER...

Opens FILE, prints the diagnostics that the server publishes for it, then empties the
document, prints the diagnostics of that, and shuts the server down. A line per
diagnostic: LINE:COLUMN: error: message, counted from 1 as the tools do.
"""

import json
import os
import subprocess
import sys
import threading

SEVERITIES = {1: "error", 2: "warning", 3: "remark", 4: "hint"}


class Server:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.watchdog = threading.Timer(60, self.process.kill)
        self.watchdog.daemon = True
        self.watchdog.start()
        self.requests = 0

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        length = None
        while line := self.process.stdout.readline().strip():
            name, value = line.split(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if length is None:
            sys.exit("the server closed its output")
        return json.loads(self.process.stdout.read(length))

    def notify(self, method, **params):
        self.send(method=method, params=params)

    def request(self, method, **params):
        self.requests += 1
        self.send(id=self.requests, method=method, params=params)
        while (answer := self.receive()).get("id") != self.requests:
            pass
        if "error" in answer:
            sys.exit(f"{method}: {answer['error']}")
        return answer["result"]

    def diagnostics(self, uri):
        while True:
            message = self.receive()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                return message["params"]["diagnostics"]

    def wait(self):
        self.process.stdin.close()
        code = self.process.wait()
        self.watchdog.cancel()
        return code


def show(title, diagnostics):
    print(f"{title}: {len(diagnostics)} diagnostics")
    for d in diagnostics:
        start = d["range"]["start"]
        print(f"{start['line'] + 1}:{start['character'] + 1}: {SEVERITIES[d['severity']]}: {d['message']}")


def main():
    path, separator, *command = sys.argv[1:]
    assert separator == "--"
    uri = "file://" + os.path.abspath(path)
    with open(path) as f:
        text = f.read()
    server = Server(command)
    answer = server.request("initialize", processId=os.getpid(), rootUri=None, capabilities={})
    print("server:", answer["serverInfo"]["name"])
    server.notify("initialized")
    document = {"uri": uri, "languageId": "mlir", "version": 1, "text": text}
    server.notify("textDocument/didOpen", textDocument=document)
    show("opened", server.diagnostics(uri))
    change = {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": ""}]}
    server.notify("textDocument/didChange", **change)
    show("changed", server.diagnostics(uri))
    assert server.request("shutdown") is None
    server.notify("exit")
    print("exit code", server.wait())


main()
