// Follows a log while its button is on: new lines come on top. A stream lasts a minute and is then asked for again, from its last line on.
import { announce, on } from "./dom";

type Line = { at: string; clock: string; service: string; severity: string; text: string };
type Beat = { lines: Line[]; problem: string };

/** Lines that a page holds; older ones leave at the bottom. */
const MOST = 2000;
const PAUSE_MS = 2000;

on("click", "[data-log-follow]", (button) => {
  const isOn = button.getAttribute("aria-pressed") === "true";
  button.setAttribute("aria-pressed", String(!isOn));
  if (!isOn) void follow(button);
});

async function follow(button: HTMLElement): Promise<void> {
  const stop = new AbortController();
  const isWanted = () => button.isConnected && button.getAttribute("aria-pressed") === "true";
  const watch = window.setInterval(() => isWanted() || stop.abort(), 300);
  announce("Following new lines");
  let after = "";
  let said = "";
  while (isWanted()) {
    try {
      for await (const beat of beats(button.dataset.logFollow ?? "", after, stop.signal)) {
        if (beat.problem && beat.problem !== said) say(button, beat.problem);
        said = beat.problem;
        for (const line of beat.lines) {
          after = line.at;
          add(button, line);
        }
      }
    } catch (error) {
      if (!isWanted()) break;
      const why = error instanceof Refused ? error.message : "The connection was lost";
      if (why !== said) say(button, why);
      said = why;
      if (error instanceof Refused && error.isFinal) {
        button.setAttribute("aria-pressed", "false");
        break;
      }
      await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    }
  }
  clearInterval(watch);
}

class Refused extends Error {
  constructor(message: string, readonly isFinal: boolean) {
    super(message);
  }
}

async function* beats(url: string, after: string, signal: AbortSignal): AsyncGenerator<Beat> {
  const address = new URL(url, location.href);
  if (after) address.searchParams.set("after", after);
  const answer = await fetch(address, { signal, headers: { Accept: "application/json" }, redirect: "error" });
  if (!answer.ok || !answer.body) {
    const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
    throw new Refused(problem.detail ?? "The log cannot be followed", answer.status < 429);
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) yield JSON.parse(part) as Beat;
  }
}

function add(button: HTMLElement, line: Line): void {
  const wanted = (button.dataset.logSearch ?? "").toLowerCase();
  if (wanted && !line.text.toLowerCase().includes(wanted)) return;
  const log = document.getElementById(button.dataset.logInto ?? "");
  if (!log) return;
  const row = document.createElement("div");
  row.className = "log-line";
  row.dataset.severity = line.severity;
  const time = document.createElement("time");
  time.className = "log-at";
  time.dateTime = line.at;
  time.textContent = line.clock;
  row.append(time, cell("log-source", line.service));
  if (line.severity !== "info") row.append(cell("log-level", line.severity));
  row.append(cell("log-text", line.text));
  // Whoever has scrolled down keeps their place.
  const before = log.scrollHeight;
  log.prepend(row);
  if (log.scrollTop > 0) log.scrollTop += log.scrollHeight - before;
  while (log.childElementCount > MOST) log.lastElementChild?.remove();
}

function cell(name: string, text: string): HTMLElement {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = text;
  return span;
}

function say(button: HTMLElement, text: string): void {
  button.dispatchEvent(new CustomEvent("toast", { bubbles: true, detail: { tone: "warn", title: "Following the log", text } }));
}
