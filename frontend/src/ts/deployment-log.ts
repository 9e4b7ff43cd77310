// The log of a deployment while it grows: new lines come at the end, from where the page's own lines ended. Also a filter over the lines
// that are there, and the choice whether long ones are wrapped.
import { all, arrives, on } from "./dom";

type Line = { at: string; clock: string; step: string; pieces: [string, string][] };
type Beat = { lines: Line[]; next: number; over: boolean };

/** Lines that a page holds; older ones leave at the top, the file has them all. */
const MOST = 5000;
const PAUSE_MS = 2000;

arrives("[data-log-stream]", (source) => void grow(source));

async function grow(source: HTMLElement): Promise<void> {
  let from = source.dataset.logFrom ?? "0";
  for (;;) {
    try {
      for await (const beat of beats(source.dataset.logStream ?? "", from)) {
        add(source.dataset.logInto ?? "", beat.lines);
        from = String(beat.next);
        if (beat.over) return;
      }
    } catch (error) {
      // Not there, or not for them any more: the page itself says so when it is asked for again.
      if (error instanceof Refused && error.status < 429) return;
      await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    }
    if (!source.isConnected) return;
  }
}

class Refused extends Error {
  constructor(readonly status: number) {
    super(String(status));
  }
}

async function* beats(url: string, from: string): AsyncGenerator<Beat> {
  const address = new URL(url, location.href);
  address.searchParams.set("from", from);
  const answer = await fetch(address, { headers: { Accept: "application/json" }, redirect: "error" });
  if (!answer.ok || !answer.body) throw new Refused(answer.status);
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

function add(into: string, lines: Line[]): void {
  const log = document.getElementById(into);
  if (!log || lines.length === 0) return;
  const rows = document.createDocumentFragment();
  for (const line of lines.slice(-MOST)) rows.append(row(line));
  log.append(rows);
  while (log.childElementCount > MOST) log.firstElementChild?.remove();
  const filter = document.querySelector<HTMLInputElement>(`[data-log-filter="${into}"]`);
  if (filter?.value) narrow(filter);
}

function row(line: Line): HTMLElement {
  const row = document.createElement("div");
  row.className = "log-line";
  const time = document.createElement("time");
  time.className = "log-at";
  time.dateTime = line.at;
  time.textContent = line.clock;
  const text = span("log-text", "");
  for (const [name, letters] of line.pieces) text.append(name ? span(name, letters) : letters);
  row.append(time, span("log-source", line.step), text);
  return row;
}

function span(name: string, text: string): HTMLElement {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

// Typing narrows what is there at once; Enter asks the server for all lines that fit.
on("input", "[data-log-filter]", (input) => narrow(input as HTMLInputElement));

function narrow(input: HTMLInputElement): void {
  const wanted = input.value.trim().toLowerCase();
  const log = document.getElementById(input.dataset.logFilter ?? "");
  if (!log) return;
  for (const line of all(".log-line", log)) line.hidden = wanted !== "" && !line.textContent.toLowerCase().includes(wanted);
}

on("click", "[data-log-wrap]", (button) => {
  const wraps = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(wraps));
  document.getElementById(button.dataset.logWrap ?? "")?.toggleAttribute("data-nowrap", !wraps);
});
