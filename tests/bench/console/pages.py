#!/usr/bin/env python3
"""What a browser makes of the console's pages.

pages.py CHROMEDRIVER BASE_URL TOKEN REPEATS PATH...: one line a page, "path|first paint ms|last paint ms|compressed bytes".
A page is opened REPEATS times, each in a window without a cache, and its median is taken; with REPEATS 1 it is its first
visit that counts.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-sync", "--disable-background-networking", "--disable-component-update", "--disable-extensions",
             "--window-size=1280,900"]

# Resolved when the page is loaded and its charts are drawn: the paints, and what came over the wire.
MEASURE = """
const done = arguments[arguments.length - 1];
const largest = [];
new PerformanceObserver(list => largest.push(...list.getEntries()))
    .observe({type: 'largest-contentful-paint', buffered: true});
const first = () => performance.getEntriesByName('first-contentful-paint')[0];
const answer = () => {
  if (!first()) return setTimeout(answer, 20);
  const loads = performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'));
  done([first().startTime, Math.max(first().startTime, ...largest.map(e => e.startTime)),
        loads.reduce((sum, e) => sum + e.encodedBodySize, 0)]);
};
setTimeout(answer, 300);
"""


class Driver:
    def __init__(self, program):
        self.log = tempfile.NamedTemporaryFile("r+")
        self.process = subprocess.Popen([program, "--port=0"], stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while not (port := re.search(r"started successfully on port (\d+)", open(self.log.name).read())):
            if time.monotonic() > deadline:
                raise RuntimeError("chromedriver did not start")
            time.sleep(0.05)
        self.base = f"http://127.0.0.1:{port[1]}"
        options = {"goog:chromeOptions": {"args": ARGUMENTS}}
        opened = self.ask("/session", {"capabilities": {"alwaysMatch": {"browserName": "chrome", **options}}})
        self.base += "/session/" + opened["sessionId"]
        self.devtools("Network.enable")
        self.devtools("Network.setCacheDisabled", cacheDisabled=True)

    def ask(self, path, body, method="POST"):
        request = urllib.request.Request(self.base + path, json.dumps(body).encode(), method=method)
        return json.load(urllib.request.urlopen(request, timeout=120))["value"]

    def devtools(self, command, **params):
        return self.ask("/goog/cdp/execute", {"cmd": command, "params": params})

    def open(self, url):
        self.ask("/url", {"url": url})

    def run(self, script):
        return self.ask("/execute/sync", {"script": script, "args": []})

    def measure(self):
        return self.ask("/execute/async", {"script": MEASURE, "args": []})

    def close(self):
        try:
            self.ask("", {}, "DELETE")
        finally:
            self.process.terminate()
            self.process.wait()


def log_in(driver, base, token):
    # To a page that is not measured: the first visit of the others is their own.
    driver.open(base + "/login?next=%2Faudit")
    driver.run(f"document.getElementById('token').value = {json.dumps(token)}; document.forms[0].submit()")
    deadline = time.monotonic() + 30
    while driver.run("return location.pathname") != "/audit":
        if time.monotonic() > deadline:
            raise RuntimeError("the console did not let the bench in")
        time.sleep(0.05)


def main(program, base, token, repeats, *paths):
    driver = Driver(program)
    try:
        log_in(driver, base, token)
        for path in paths:
            seen = []
            for _ in range(int(repeats)):
                driver.open(base + path)
                seen.append(driver.measure())
            first, last, size = (statistics.median(column) for column in zip(*seen))
            print(f"{path}|{first:.0f}|{last:.0f}|{size:.0f}", flush=True)
    finally:
        driver.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
