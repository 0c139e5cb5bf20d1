// What the pages gain with a script: charts drawn from their tables, jobs that keep themselves up to date. Every page is
// whole without it.
"use strict";

const numberFormat = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const centFormat = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 4 });

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// First column: names of the points. Every other column with numbers: a series.
function readTable(table) {
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const rows = [...table.tBodies[0].rows];
  const series = heads.slice(1).map((label, i) => ({
    label,
    data: rows.map((row) => Number(row.cells[i + 1].dataset.v || 0)),
  }));
  return { labels: rows.map((row) => row.cells[0].textContent), series };
}

function barOf(one, i, stacked) {
  return {
    ...one,
    type: "bar",
    backgroundColor: colour(`--s${(i % 6) + 1}`),
    stack: stacked ? "all" : `s${i}`,
    borderRadius: stacked ? 0 : 3,
    categoryPercentage: stacked ? 0.85 : 0.7,
    barPercentage: 0.95,
  };
}

function chartConfig(kind, { labels, series }) {
  const stacked = kind === "stacked";
  const axis = { grid: { color: colour("--line") }, ticks: { color: colour("--soft") } };
  return {
    type: "bar",
    data: { labels, datasets: series.map((one, i) => barOf(one, i, stacked)) },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { ...axis, stacked, grid: { display: false }, ticks: { ...axis.ticks, maxRotation: 0, autoSkipPadding: 16 } },
        y: {
          ...axis,
          stacked,
          beginAtZero: true,
          ticks: { ...axis.ticks, maxTicksLimit: 6, callback: (v) => (v >= 10 || v === 0 ? `$${numberFormat.format(v)}` : `$${v}`) },
        },
      },
      plugins: {
        legend: { position: "bottom", labels: { color: colour("--ink"), boxWidth: 12, boxHeight: 12 } },
        tooltip: {
          filter: (item) => item.parsed.y !== 0,
          callbacks: { label: (item) => ` ${item.dataset.label}: $${centFormat.format(item.parsed.y)}` },
        },
      },
    },
  };
}

const drawn = new Map();

function draw(canvas) {
  const table = document.getElementById(canvas.dataset.table);
  if (!table || typeof Chart === "undefined") return;
  drawn.get(canvas)?.destroy();
  const figure = canvas.closest("figure");
  figure.hidden = false;
  if (!drawn.has(canvas)) figure.nextElementSibling.open = false;
  drawn.set(canvas, new Chart(canvas, chartConfig(canvas.dataset.chart, readTable(table))));
}

function drawAll() {
  document.querySelectorAll("canvas[data-chart]").forEach(draw);
}

function moment(iso) {
  return iso ? `${iso.slice(0, 10)} ${iso.slice(11, 16)}` : "–";
}

function setText(cell, text) {
  if (cell.textContent !== text) cell.textContent = text;
}

function showState(cell, job) {
  const running = job.lease_owner !== null;
  const due = !running && Date.parse(job.next_due_at) <= Date.now() && !job.last_error;
  const word = running ? "running" : due ? "due" : job.last_error ? "failed" : job.last_ok_at ? "ok" : "waiting";
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(job.last_started_at)) / 1000));
  const text = running && seconds > 0 ? `running ${seconds} s` : word;
  if (cell.textContent === text) return;
  const badge = document.createElement("span");
  badge.className = `badge ${word}`;
  badge.textContent = text;
  cell.replaceChildren(badge);
}

function showJob(row, job) {
  const cell = (name) => row.querySelector(`[data-job-cell="${name}"]`);
  showState(cell("state"), job);
  setText(cell("progress"), job.progress?.text ?? "");
  setText(cell("next"), moment(job.next_due_at));
  setText(cell("last"), moment(job.last_finished_at));
  setText(cell("seconds"), job.last_seconds === null ? "" : `${job.last_seconds} s`);
  setText(cell("rows"), job.last_rows === null ? "" : numberFormat.format(job.last_rows));
  setText(cell("error"), job.last_error ?? "");
}

async function keepJobs(table) {
  for (;;) {
    await new Promise((done) => setTimeout(done, 1000));
    if (document.hidden) continue;
    try {
      const answer = await fetch(table.dataset.live, { headers: { Accept: "application/json" } });
      if (answer.status === 401) return location.reload();
      if (!answer.ok) continue;
      for (const job of (await answer.json()).jobs) {
        const row = table.querySelector(`tr[data-job="${CSS.escape(job.job)}"]`);
        if (row) showJob(row, job);
      }
    } catch {
      // The network is away; the next second may have it again.
    }
  }
}

// How far the close of a month is; once it has ended, the page tells what came of it.
async function keepClose(line) {
  for (;;) {
    await new Promise((done) => setTimeout(done, 1000));
    if (document.hidden) continue;
    try {
      const answer = await fetch(line.dataset.close, { headers: { Accept: "application/json" } });
      if (answer.status === 401) return location.reload();
      if (!answer.ok) continue;
      const request = (await answer.json()).close_request;
      if (!request || request.finished_at) return location.replace(location.pathname);
      if (request.progress) setText(line, request.progress.text);
    } catch {
      // The network is away; the next second may have it again.
    }
  }
}

if (typeof Chart !== "undefined") {
  const page = getComputedStyle(document.body);
  Chart.defaults.font.family = page.fontFamily;
  Chart.defaults.font.size = parseFloat(page.fontSize) * 0.8;
}
// The page that is shown may lie beyond the edge of a narrow screen's menu.
document.querySelector(".top nav [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });
drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
document.querySelectorAll("table[data-live]").forEach(keepJobs);
document.querySelectorAll("[data-close]").forEach(keepClose);
// A form that takes its time is sent once.
document.querySelectorAll('form[method="post"]').forEach((form) =>
  form.addEventListener("submit", () => setTimeout(() => form.querySelectorAll("button").forEach((b) => (b.disabled = true)), 0)),
);
