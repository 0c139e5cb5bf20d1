#!/usr/bin/env python3
"""Bench of the webhook: what accepting and applying events costs, against what PostgreSQL itself costs, in one run.

  tests/bench/ingest.py [PART …]     needs build/billsync and build/load; prints a table, writes build/bench/ingest.json

PARTs: accept applied slow objects growth memory start pressure; all of them when none is named (SHORT=1: all but objects and growth).

  SHORT=1         few events and repeats: a quick look, whose ratios mean little
  REPEATS=5       of each pair, interleaved, the limit first and billsync first in turns
  EVENTS=20000    posted in one measurement at 64 connections
  STORED=1000000  events stored for the part growth

The limit is pgbench: one INSERT of one event of average size a transaction, prepared, on as many connections, into a table with
the columns and indexes of stripe_events: what a service that commits each event by itself could reach at best. "Bare" is the
same into a table that has the id and the payload only. A private PostgreSQL with durable settings (fsync, synchronous_commit,
full_page_writes on). Events are copies of fixtures/lifecycles, each life with ids
and a user of its own, signed before the clock starts. After each measurement every acknowledged event must be in
stripe_events once. CPU is what the kernel counted for the program, and for PostgreSQL's processes together.
"""
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "bench"
CLUSTER = OUT / "cluster"
BILLSYNC = ROOT / "build" / "billsync"
LOAD = ROOT / "build" / "load"
SHORT = bool(os.environ.get("SHORT"))
REPEATS = int(os.environ.get("REPEATS", 1 if SHORT else 5))
EVENTS = int(os.environ.get("EVENTS", 6000 if SHORT else 20000))
STORED = int(os.environ.get("STORED", 100000 if SHORT else 1000000))
SECONDS = 2 if SHORT else 5
USERS = 100000 if SHORT else 1000000  # enough that no event is of a stranger
SECRET = "whsec_bench"
# A customer's whole life: signing up, paying, changing plans, failing to pay, refunds.
LIVES = ["I02", "I03", "I05a", "I06b", "I07", "I08b", "I11a", "I11c", "I14d", "I15a"]
# The lock that every batch of an applier shares (src/apply/apply.sql, ShareCrossObject): who holds it, holds them up.
HOLD_APPLIERS = "SELECT pg_advisory_lock(7243392, 17)"

lines = []


def say(text):
    print(text, file=sys.stderr, flush=True)


def line(figure, limit, ours, ratio, goal):
    shown = lambda v: f"{v:,.2f}" if isinstance(v, float) and v < 100 else f"{v:,.0f}" if isinstance(v, (int, float)) else v
    row = [figure, shown(limit), shown(ours), shown(ratio), goal]
    lines.append(row)
    say(f"  {row[0]}: {row[1]} → {row[2]} ({row[3]}; goal {goal})")


# ── PostgreSQL ─────────────────────────────────────────────────────────────────────────────────────────────────────


def cluster(command):
    return subprocess.run([ROOT / "config/postgres-cluster.sh", command, CLUSTER], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def url(database="bench"):
    return cluster("url").replace("@/billsync", "@/" + database, 1)


def psql(*statements, database="bench"):
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url(database)]
    for statement in statements:
        command += ["-c", statement]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def psql_file(file, database):
    subprocess.run(["psql", "-X", "-q", url(database), "-f", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_database(name="bench"):
    psql(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}", database="billsync")
    psql_file(ROOT / "fixtures/platform/as-found.sql", name)
    psql(f"""INSERT INTO users (id, email, created_at)
             SELECT format('bbbbbbbb-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'u' || n || '@example.com', '2025-01-01'
             FROM generate_series(1, {USERS}) n""", database=name)
    migrated = subprocess.run([BILLSYNC, "migrate"], env=environment(name), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    # 3: some indexes of users, which no event needs, are left to the owner because the table is large.
    if migrated.returncode not in (0, 3):
        raise SystemExit(migrated.stderr)
    psql("CREATE TABLE bench_limit (LIKE stripe_events INCLUDING ALL)",
         "CREATE TABLE bench_bare (id text COLLATE \"C\" PRIMARY KEY, payload text COMPRESSION lz4 NOT NULL) WITH (toast_tuple_target = 8160)",
         "VACUUM ANALYZE", database=name)


def restart_cluster():
    psql("ALTER SYSTEM SET shared_buffers = '1GB'", database="billsync")
    psql("ALTER SYSTEM SET max_wal_size = '8GB'", database="billsync")
    psql("ALTER SYSTEM SET max_connections = 400", database="billsync")
    cluster("stop")
    cluster("start")


class Held:
    """A psql that has carried out statements and stays connected until close()."""

    def __init__(self, statement):
        self.process = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", url()], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(statement + ";\nSELECT 'held';\n")
        self.process.stdin.flush()
        while self.process.stdout.readline().strip() != "held":
            pass

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# ── what a process costs ───────────────────────────────────────────────────────────────────────────────────────────

TICK = os.sysconf("SC_CLK_TCK")


def stat_of(pid):
    text = Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2:].split()


def cpu_of(pid):
    fields = stat_of(pid)
    return (int(fields[11]) + int(fields[12])) / TICK


def cpu_of_postgres():
    """Of the postmaster, its children, and those that have ended."""
    postmaster = int((Path(os.path.realpath(CLUSTER / "cluster") if (CLUSTER / "cluster").exists() else CLUSTER)
                      / "data/postmaster.pid").read_text().split()[0])
    fields = stat_of(postmaster)
    ticks = sum(int(f) for f in fields[11:15])
    for pid in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
        try:
            child = stat_of(pid)
            ticks += int(child[11]) + int(child[12])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return ticks / TICK


def rss_mib(pid, key="VmRSS"):
    return int(re.search(rf"^{key}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M).group(1)) / 1024


# ── billsync and its load ──────────────────────────────────────────────────────────────────────────────────────────


def environment(database="bench"):
    return {**os.environ, "DATABASE_URL": url(database), "STRIPE_WEBHOOK_SECRET": SECRET, "BILLSYNC_ADMIN_TOKEN": "ops=bench-token-of-the-operator",
            "BILLSYNC_LISTEN": "127.0.0.1:0", "BILLSYNC_ADMIN_LISTEN": "127.0.0.1:0",
            "BILLSYNC_CONFIG": str(ROOT / "fixtures/demo/billsync.toml")}


class Serve:
    def __init__(self, database="bench"):
        begun = time.monotonic()
        self.log = open(OUT / "serve.log", "w+")
        self.process = subprocess.Popen([BILLSYNC, "serve"], env=environment(database), stderr=self.log)
        self.pid = self.process.pid
        self.port = None
        while self.port is None:
            for text in (OUT / "serve.log").read_text().splitlines():
                if '"serving"' in text:
                    self.port = json.loads(text)["port"]
                    self.admin_port = json.loads(text)["admin_port"]
            if self.process.poll() is not None:
                raise SystemExit("billsync did not start: " + (OUT / "serve.log").read_text()[-500:])
            time.sleep(0.002)
        while not self.ready():
            time.sleep(0.002)
        self.ready_after = time.monotonic() - begun

    def ready(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).status == 200
        except OSError:
            return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


run_number, first_user = 0, 1


def lives_of(names=LIVES):
    return [str(d / "endive") for d in sorted((ROOT / "fixtures/lifecycles").iterdir())
            if d.name.split("-")[0] in names]


def post(serve, connections, events, *flags, lines_file=None, background=False):
    """Posts events and returns what `load` printed, with ids of its own for each call."""
    global run_number, first_user
    run_number += 1
    ids = OUT / "ids"
    ids.unlink(missing_ok=True)
    command = [LOAD, "--port", str(serve.port), "--secret", SECRET, "--connections", str(connections), "--events", str(events),
               "--run", f"r{int(time.time()) % 100000}n{run_number}", "--seed", str(run_number), "--first-user", str(first_user), "--ids", str(ids), *flags]
    command += ["--lines", str(lines_file)] if lines_file else lives_of()
    first_user += events // 4  # a life has more events
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if background:
        return process
    return finish(process)


def finish(process):
    result = json.loads(process.communicate()[0])
    ok = result["by_status"].get("200", 0)
    result["ok"] = ok
    result["per_s"] = ok / result["seconds"]
    return result


def require_stored(result):
    """Every acknowledged event is there once: ids are the primary key, so counting them is enough."""
    psql("DROP TABLE IF EXISTS bench_ids", "CREATE TABLE bench_ids (id text)")
    subprocess.run(["psql", "-X", "-q", url(), "-c", f"\\copy bench_ids FROM '{OUT}/ids'"], check=True)
    told, kept = psql("SELECT count(DISTINCT i.id) || ' ' || count(e.id) FROM bench_ids i LEFT JOIN stripe_events e USING (id)").split()
    if not int(told) == int(kept) == result["ok"]:
        raise SystemExit(f"{result['ok']} events were acknowledged, {kept} are stored")


def wait_applied(at_most=600, database="bench"):
    begun = time.monotonic()
    while psql("SELECT EXISTS (SELECT FROM stripe_events WHERE status = 'received')", database=database) == "t":
        if time.monotonic() - begun > at_most:
            raise SystemExit(f"after {at_most} s there are events that are not applied")
        time.sleep(0.1)
    return time.monotonic() - begun


BODY = None


def body():
    """A body as long as the average of those that are posted."""
    global BODY
    if BODY is None:
        bodies = [f.read_text() for d in lives_of() for f in sorted(Path(d).iterdir())]
        average = sum(map(len, bodies)) / len(bodies)
        BODY = min(bodies, key=lambda b: abs(len(b) - average))
        BODY_STATS.update(average=round(average), least=min(map(len, bodies)), most=max(map(len, bodies)))
    return BODY


BODY_STATS = {}


LIMITS = {
    "bench_limit": "INSERT INTO bench_limit (id, type, object_type, object_id, customer, api_version, created, livemode, payload) VALUES"
                   " ('evt_' || :id, 'invoice.paid', 'invoice', 'in_' || :object, 'cus_' || :object, '2026-10-28.endive', now(), false,"
                   " :payload) ON CONFLICT (id) DO NOTHING;\n",
    "bench_bare": "INSERT INTO bench_bare (id, payload) VALUES ('evt_' || :id, :payload);\n"}


def pgbench(connections, seconds=SECONDS, table="bench_limit"):
    """Inserts a second, and p99 in milliseconds, of the limit."""
    psql(f"TRUNCATE {table}", "CHECKPOINT")
    (OUT / "limit.sql").write_text("\\set id random(1, 9000000000000000000)\n\\set object random(1, 100000)\n" + LIMITS[table])
    for old in OUT.glob("limit-log*"):
        old.unlink()
    text = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", str(connections), "-j", "1" if connections == 1 else "2", "-T",
                           str(seconds), "-D", "payload=" + body(), "-f", OUT / "limit.sql", "-l",
                           f"--log-prefix={OUT}/limit-log", url()], check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    latencies = sorted(int(l.split()[2]) for f in OUT.glob("limit-log*") for l in f.read_text().splitlines())
    return {"per_s": float(re.search(r"^tps = ([\d.]+)", text, re.M).group(1)),
            "p99_ms": latencies[int(len(latencies) * 0.99)] / 1000}


def measured(serve, work):
    """What `work` returns, with the CPU seconds of both programs."""
    ours, theirs = cpu_of(serve.pid), cpu_of_postgres()
    result = work()
    result["service_us"] = (cpu_of(serve.pid) - ours) / max(result["ok"], 1) * 1e6
    result["postgres_us"] = (cpu_of_postgres() - theirs) / max(result["ok"], 1) * 1e6
    return result


def medians(results, *keys):
    return [statistics.median(r[k] for r in results) for k in keys]


def in_turns(first, second):
    """REPEATS pairs of both, each first as often as the other."""
    one, two = [], []
    for i in range(REPEATS):
        for work, into in [(first, one), (second, two)][:: 1 if i % 2 == 0 else -1]:
            into.append(work())
    return one, two


# ── the parts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def bench_accept():
    """Committed and answered 200; the appliers are held up meanwhile, and catch up between the measurements."""
    serve = Serve()
    post(serve, 16, 2000)
    for connections, goal in [(1, "–"), (8, "≥ 1.0"), (32, "≥ 1.0"), (64, "≥ 2.0"), (256, "≥ 2.0")]:
        if SHORT and connections not in (8, 64):
            continue
        events = {1: EVENTS // 8, 8: EVENTS // 2}.get(connections, EVENTS)

        def ours():
            wait_applied()
            psql("CHECKPOINT")
            held = Held(HOLD_APPLIERS)
            result = measured(serve, lambda: post(serve, connections, events))
            require_stored(result)
            held.close()
            return result

        limits, results = in_turns(lambda: pgbench(connections), ours)
        limit, limit_p99 = medians(limits, "per_s", "p99_ms")
        rate, p99, service, postgres = medians(results, "per_s", "p99_ms", "service_us", "postgres_us")
        line(f"accepted, {connections} connections, events/s", limit, rate, rate / limit, goal)
        line(f"  p99, ms", limit_p99, p99, p99 / limit_p99, "≤ 1.0" if connections > 1 else "–")
        if connections == 64:
            line("  CPU of the service, µs an event", "–", service, "–", "≤ 60")
            line("  CPU of PostgreSQL, µs an event", "–", postgres, "–", "–")
            share = statistics.median(r["cpu_seconds"] / r["seconds"] for r in results)
            bare = medians([pgbench(64, table="bench_bare") for _ in range(REPEATS)], "per_s")[0]
            line("  beside the bare table, events/s", bare, rate, rate / bare, "–")
            line("  CPU of the load generator, cores", "–", share, "–", "≤ 0.3")
    wait_applied()
    results = [post(serve, 64, EVENTS // 4, "--new-connections") for _ in range(REPEATS)]
    line("accepted and applied meanwhile, 64 at a time, a new connection each, events/s", "–", medians(results, "per_s")[0], "–", "–")
    wait_applied()
    serve.stop()


class Lag(threading.Thread):
    """Samples every 100 ms how old the oldest event is that is not applied."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ages, self.stopping = [], threading.Event()

    def run(self):
        query = ("SELECT coalesce(extract(epoch FROM clock_timestamp() - min(next_attempt_at)), 0) FROM stripe_events"
                 " WHERE status = 'received';\n")
        process = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", url()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while not self.stopping.wait(0.1):
            process.stdin.write(query)
            process.stdin.flush()
            self.ages.append(float(process.stdout.readline()))
        process.stdin.close()
        process.wait()

    def p99(self):
        self.stopping.set()
        self.join()
        return sorted(self.ages)[int(len(self.ages) * 0.99)]


def steady(serve, rate, seconds):
    """An open loop at `rate`; what came of it, with the p99 of the apply lag in seconds."""
    wait_applied()
    psql("CHECKPOINT")
    lag = Lag()
    lag.start()

    def work():
        result = post(serve, 64, int(rate * seconds), "--rate", str(rate))
        result["lag_s"] = lag.p99()
        wait_applied()
        return result

    result = measured(serve, work)
    require_stored(result)
    return result


def bench_applied():
    """The highest rate at which the oldest event that is not applied stays younger than a second."""
    serve = Serve()
    post(serve, 16, 4000)
    seconds = 2 if SHORT else 10
    limit = medians([pgbench(64) for _ in range(REPEATS)], "per_s")[0]
    begun = time.monotonic()
    wait_applied()
    psql("CHECKPOINT")
    held = Held(HOLD_APPLIERS)
    backlog = post(serve, 64, EVENTS)
    held.close()
    took = wait_applied()
    line("a backlog applied, events/s", limit, backlog["ok"] / took, backlog["ok"] / took / limit, "–")
    low, high, best = 0.1, 2.0, None
    for _ in range(2 if SHORT else 6):
        factor = (low + high) / 2
        result = steady(serve, factor * limit, seconds)
        good = result["lag_s"] <= 1 and result["ok"] >= 0.99 * factor * limit * seconds and result["per_s"] >= 0.97 * factor * limit
        say(f"  {factor * limit:,.0f} events/s: lag p99 {result['lag_s']:.2f} s, answers p99 {result['p99_ms']:.0f} ms,"
            f" {result['service_us']:.0f} + {result['postgres_us']:.0f} µs {'' if good else '(too much)'}")
        if good:
            low, best = factor, result
        else:
            high = factor
    limit = statistics.median([limit] + [pgbench(64)["per_s"] for _ in range(REPEATS)])
    best = best or {"per_s": 0.0, "lag_s": 0.0, "service_us": 0.0, "postgres_us": 0.0}
    line("accepted and applied, 64 connections, events/s", limit, best["per_s"], best["per_s"] / limit, "≥ 1.3")
    line("  p99 of the age of the oldest event not applied, s", "–", best["lag_s"], "–", "≤ 1.0")
    line("  CPU of service and PostgreSQL, µs an event", "–", best["service_us"] + best["postgres_us"], "–", "≤ 350")
    line("  of it the service", "–", best["service_us"], "–", "–")
    serve.stop()


class SlowClients:
    """`dripping` clients that send a byte of a header every two seconds, `idle` ones that send nothing."""

    def __init__(self, port, dripping, idle):
        self.port = port
        self.stopping = threading.Event()
        self.idle = [self.connect() for _ in range(idle)]
        self.dripping = [self.connect() for _ in range(dripping)]
        self.thread = threading.Thread(target=self.drip, daemon=True)
        self.thread.start()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def drip(self):
        at = 0
        while not self.stopping.wait(2 / 20):
            for i in range(at, len(self.dripping), 20):  # a twentieth at a time
                try:
                    self.dripping[i].send(b"P")
                except OSError:  # thrown out: comes again
                    self.dripping[i].close()
                    self.dripping[i] = self.connect()
            for i in range(at, len(self.idle), 20):
                self.idle[i].setblocking(False)
                try:
                    if self.idle[i].recv(1) == b"":
                        self.idle[i] = self.connect()
                except BlockingIOError:
                    pass
                except OSError:
                    self.idle[i] = self.connect()
            at = (at + 1) % 20

    def stop(self):
        self.stopping.set()
        self.thread.join()
        for s in self.idle + self.dripping:
            s.close()


def bench_slow():
    """1,000 dripping and 1,000 idle clients beside legitimate requests: the same moderate rate with and without them."""
    serve = Serve()
    post(serve, 16, 2000)
    rate, seconds = 300, 3 if SHORT else 8

    def quiet():
        wait_applied()
        return post(serve, 16, rate * seconds, "--rate", str(rate))

    def beside():
        clients = SlowClients(serve.port, 1000, 1000)
        result = quiet()
        clients.stop()
        return result

    without, results = in_turns(quiet, beside)
    plain, slow = medians(without, "p99_ms")[0], medians(results, "p99_ms")[0]
    line("1,000 dripping and 1,000 idle clients: p99 of others, ms", plain, slow, slow / plain, "≤ 2")
    unanswered = sum(rate * seconds - r["ok"] for r in results)
    line("  requests of others that were not answered 200", "–", unanswered, "–", "0")
    serve.stop()


def subscription_events(subscription, first, count, user):
    """Updates of one subscription, a second apart."""
    template = (ROOT / "fixtures/lifecycles/I07-renewal/endive/01-customer.subscription.updated.json").read_text()
    template = template.replace('"metadata": {}', '"metadata": {"user_id": "00000000-0000-4000-8000-000000000000"}')
    template = re.sub("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", user, template)
    event = json.loads(template.replace("_i07", "_" + subscription))
    for n in range(first, first + count):
        event["id"] = f"evt_{subscription}_{n}"
        event["created"] = 1794996016 + n
        yield json.dumps(event, indent=1).replace("\n", " ")


def write_lines(bodies):
    file = OUT / "lines"
    file.write_text("".join(text + "\n" for text in bodies))
    return file


def user_id(number):
    return f"bbbbbbbb-0000-4000-8000-{number:012d}"


def bench_objects():
    """What one new event costs, of an object that has 10,000 of them and of objects that have 10."""
    serve = Serve()
    post(serve, 16, 2000)
    many, count = 10000, 300
    stamp = f"m{int(time.time()) % 100000}"
    for n in range(0, many, 1000):
        post(serve, 32, 1000, lines_file=write_lines(subscription_events(stamp + "large", n, 1000, user_id(USERS))))
        wait_applied()
    for n in range(count // 10):
        bodies = list(subscription_events(f"{stamp}s{n}", 0, 10, user_id(USERS - 1 - n)))
        post(serve, 1, 10, lines_file=write_lines(bodies))
    wait_applied()

    def new_events(bodies):
        def work():
            result = post(serve, 1, count, lines_file=write_lines(bodies))
            wait_applied()
            return result

        result = measured(serve, work)
        result["us"] = result["service_us"] + result["postgres_us"]
        return result

    rounds = iter(range(1000))

    def of_many():
        return new_events(subscription_events(stamp + "large", many + count * next(rounds), count, user_id(USERS)))

    def of_few():
        number = next(rounds)
        return new_events(body for n in range(count // 10)
                          for body in subscription_events(f"{stamp}s{n}", 10 + 10 * number, 10, user_id(USERS - 1 - n)))

    few, lots = in_turns(of_few, of_many)
    plain, ours = medians(few, "us")[0], medians(lots, "us")[0]
    line("a new event of an object that has 10, and that has 10,000: CPU, µs", plain, ours, ours / plain, "≤ 2")
    serve.stop()


STORE = """
INSERT INTO stripe_events (id, type, object_type, object_id, customer, api_version, created, livemode, payload, received_at, status,
                           applied_at, next_attempt_at, attempts)
SELECT 'evt_' || md5(n::text), 'invoice.paid', 'invoice', 'in_' || md5((n / 5)::text), 'cus_' || md5((n / 10)::text),
       '2026-10-28.endive', at, false, $body${body}$body$, at, 'applied', at, at, 1
FROM (SELECT n, now() - interval '1 year' + n * interval '5 seconds' AS at FROM generate_series({first}, {last}) n) e"""


def bench_growth():
    """What an event costs, accepted and applied, with 10,000 stored ones and with STORED."""
    psql("DROP DATABASE IF EXISTS bench_large", "DROP DATABASE IF EXISTS bench_small",
         database="billsync")
    make_database("bench_small")
    psql(STORE.format(body=body(), first=1, last=10000), "VACUUM ANALYZE", database="bench_small")
    psql("CREATE DATABASE bench_large TEMPLATE bench_small", database="billsync")
    say(f"  storing {STORED:,} events …")
    step = max(STORED // 10, 1)
    for first in range(10001, STORED, step):
        psql(STORE.format(body=body(), first=first, last=min(first + step - 1, STORED)), database="bench_large")
    psql("VACUUM ANALYZE", "CHECKPOINT", database="bench_large")

    def in_database(name):
        def work():
            serve = Serve(database=name)
            post(serve, 16, 1000)
            wait_applied(database=name)
            psql("CHECKPOINT", database=name)

            def load():
                result = post(serve, 64, EVENTS // 2)
                wait_applied(database=name)
                return result

            result = measured(serve, load)
            result["us"] = result["service_us"] + result["postgres_us"]
            serve.stop()
            if name == "bench_small":  # stays small
                psql("DROP DATABASE bench_small", "CREATE DATABASE bench_small TEMPLATE bench_fresh", database="billsync")
            return result

        return work

    psql("DROP DATABASE IF EXISTS bench_fresh", "CREATE DATABASE bench_fresh TEMPLATE bench_small", database="billsync")
    small, large = in_turns(in_database("bench_small"), in_database("bench_large"))
    plain, ours = medians(small, "us")[0], medians(large, "us")[0]
    line(f"an event, with 10,000 stored and with {STORED:,}: CPU, µs", plain, ours, ours / plain, "≤ 1.15")
    psql("DROP DATABASE bench_large", "DROP DATABASE bench_small", "DROP DATABASE bench_fresh", database="billsync")


def bench_memory():
    serve = Serve()
    time.sleep(1)
    line("memory after the start, MiB", "–", rss_mib(serve.pid), "–", "≤ 32")
    events = 5000 if SHORT else 1000000
    post(serve, 256, events, "--sign-as-sent")
    line(f"most memory, 256 connections, {events:,} events, MiB", "–", rss_mib(serve.pid, "VmHWM"), "–", "≤ 64")
    wait_applied()
    serve.stop()


def bench_start():
    taken = []
    for _ in range(1 if SHORT else max(REPEATS, 3)):
        serve = Serve()
        taken.append(serve.ready_after)
        serve.stop()
    line("ready after its start, s", "–", statistics.median(taken), "–", "≤ 1")


def bench_pressure():
    """An open loop at twice of what can be accepted."""
    serve = Serve()
    post(serve, 64, EVENTS // 2)
    wait_applied()
    sustained = post(serve, 256, EVENTS)["per_s"]
    wait_applied()
    before = rss_mib(serve.pid)
    seconds = 2 if SHORT else 60
    result = post(serve, 2000, int(2 * sustained * seconds), "--rate", str(2 * sustained), "--sign-as-sent")
    require_stored(result)
    begun = time.monotonic()
    probe = None
    while True:
        probe = post(serve, 8, 200)
        if probe["ok"] == 200 and probe["p99_ms"] < 200:
            break
    recovered = time.monotonic() - begun
    line(f"twice the sustainable rate for {seconds} s: asked, and accepted, events/s", 2 * sustained, result["per_s"], result["per_s"] / sustained, "–")
    line("  answers 503", "–", result["by_status"].get("503", 0), "–", "> 0")
    line("  answers of other kinds, and connections broken", "–", sum(n for s, n in result["by_status"].items() if s not in ("200", "503")), "–", "0")
    line("  memory before, and at most, MiB", before, rss_mib(serve.pid, "VmHWM"), rss_mib(serve.pid, "VmHWM") / before, "flat")
    line("  answering normally after, s", "–", recovered, "–", "≤ 5")
    line("  all applied after, s", "–", wait_applied(), "–", "–")
    serve.stop()


PARTS = {"accept": bench_accept, "applied": bench_applied, "slow": bench_slow, "objects": bench_objects, "growth": bench_growth, "memory": bench_memory, "start": bench_start,
         "pressure": bench_pressure}


def table():
    model = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.M)
    version = psql("SHOW server_version")
    settings = psql("SELECT string_agg(name || ' ' || setting || coalesce(' ' || unit, ''), ', ' ORDER BY name) FROM pg_settings WHERE name IN"
                    " ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size')")
    print(f"\nmachine: {os.cpu_count()} cores, {model.group(1) if model else '?'}; PostgreSQL {version}: {settings}")
    print(f"events: {BODY_STATS.get('least')} to {BODY_STATS.get('most')} bytes, {BODY_STATS.get('average')} on average;"
          " service, PostgreSQL and load generator on the same cores\n")
    print(f"{'FIGURE':<80} {'LIMIT':>10} {'BILLSYNC':>10} {'RATIO':>7}  GOAL")
    for row in lines:
        print(f"{row[0]:<80} {row[1]:>10} {row[2]:>10} {row[3]:>7}  {row[4]}")
    keys = ["figure", "limit", "billsync", "ratio", "goal"]
    (OUT / "ingest.json").write_text(json.dumps([dict(zip(keys, row)) for row in lines], indent=1, ensure_ascii=False) + "\n")


def main():
    wanted = sys.argv[1:] or [part for part in PARTS if not (SHORT and part in ("objects", "growth"))]
    for unknown in set(wanted) - set(PARTS):
        raise SystemExit(f"no such part: {unknown}; there are {', '.join(PARTS)}")
    for program in (BILLSYNC, LOAD):
        if not program.exists():
            raise SystemExit(f"{program.relative_to(ROOT)} is missing; type: make bench BENCHES=ingest.py")
    OUT.mkdir(parents=True, exist_ok=True)
    cluster("start")
    try:
        restart_cluster()
        make_database()
        for part in wanted:
            say(f"{part} …")
            PARTS[part]()
        table()
    finally:
        cluster("stop")


if __name__ == "__main__":
    main()
