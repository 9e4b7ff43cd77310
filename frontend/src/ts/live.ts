// The live channel. Signals only say that something changed; the page then fetches the fragment again, so what is
// shown always comes from one place. Without a socket the fragments are fetched on a beat.
import htmx from "htmx.org";
import { all } from "./dom";

type State = "connecting" | "connected" | "polling" | "stale";

const DEFAULT_BEAT = 10;
const LONGEST_LEAVE = 15_000;
const rooms = document.body.dataset.liveRooms?.split(" ").filter(Boolean) ?? [];
const dot = document.querySelector<HTMLElement>("[data-live-dot]");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

let connected = false;
let lastGood = Date.now();
let reached = true;
const fetchedAt = new WeakMap<Element, number>();
const underWay = new WeakSet<Element>();
const changedMeanwhile = new WeakSet<Element>();

if (rooms.length > 0) void connect();
setInterval(beat, 1000);
window.addEventListener("online", () => all("[data-live]").forEach(refresh));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) beat();
});

async function connect(): Promise<void> {
  // Fetched apart: pages without live rooms do not pay for it.
  const { io } = await import("socket.io-client");
  const socket = io({ path: "/live/socket.io", transports: ["websocket", "polling"], reconnectionDelayMax: 15_000 });
  let before = false;
  socket.on("connect", () => {
    connected = true;
    reached = true;
    lastGood = Date.now();
    // What happened while nobody listened is unknown. Asked once the rooms are joined, so that nothing falls between.
    const missed = before;
    before = true;
    socket.emit("join", rooms, () => missed && all("[data-live]").forEach(refresh));
    show();
  });
  socket.on("disconnect", () => {
    connected = false;
    show();
  });
  socket.on("connect_error", show);
  socket.on("changed", ({ topic }: { topic: string }) => {
    lastGood = Date.now();
    const isMeant = (region: HTMLElement) => topic === "*" || region.dataset.live?.split(" ").includes(topic);
    all("[data-live]").filter(isMeant).forEach(refresh);
  });
}

function beat(): void {
  if (document.hidden) return;
  for (const region of all("[data-live-url]")) {
    if (connected && region.dataset.liveAlways === undefined) continue;
    if (!fetchedAt.has(region)) fetchedAt.set(region, Date.now());
    const wait = Number(region.dataset.livePoll ?? DEFAULT_BEAT) * 1000;
    if (Date.now() - (fetchedAt.get(region) ?? 0) >= wait) refresh(region);
  }
  show();
}

function refresh(region: HTMLElement): void {
  const url = region.dataset.liveUrl;
  if (!url) return;
  if (underWay.has(region)) {
    changedMeanwhile.add(region);
    return;
  }
  if (isInUse(region) || isLeaving()) {
    window.setTimeout(() => region.isConnected && refresh(region), 2000);
    return;
  }
  underWay.add(region);
  fetchedAt.set(region, Date.now());
  const focused = document.activeElement instanceof HTMLElement && region.contains(document.activeElement) ? document.activeElement : undefined;
  const opened = all<HTMLDetailsElement>("details[open]", region).map((details) => all("details", region).indexOf(details));
  void htmx
    .ajax("get", url, { target: region, source: region, swap: "innerHTML" })
    .then(() => {
      const details = all<HTMLDetailsElement>("details", region);
      opened.forEach((place) => details[place] && (details[place].open = true));
      if (focused && !focused.isConnected) twin(focused, region)?.focus({ preventScroll: true });
    })
    .catch(() => undefined)
    .finally(() => {
      underWay.delete(region);
      if (changedMeanwhile.delete(region)) refresh(region);
    });
}

/** What stands in the new content where an element stood in the old: the keyboard must not lose its place. */
function twin(old: HTMLElement, region: HTMLElement): HTMLElement | undefined {
  const same = (other: HTMLElement) => other.getAttribute("href") === old.getAttribute("href") && other.textContent === old.textContent;
  return all(old.localName, region).find(same);
}

/**
 * A form is on its way, and its answer will be the next page. A fragment that asks to load this one again would take its place: the
 * reader would stay where the button was, and the message on how it went would be lost. A form that was stopped holds nothing back for long.
 */
function isLeaving(): boolean {
  return all<HTMLFormElement>("form[data-sent]").some((form) => Date.now() - Number(form.dataset.sent) < LONGEST_LEAVE);
}

/** Someone is typing in it, or reading a help text or dialog within: it must not change under their hands. */
function isInUse(region: HTMLElement): boolean {
  const focus = document.activeElement;
  if (focus && region.contains(focus) && focus.matches("input, textarea, select")) return true;
  return region.querySelector("dialog[open], details[data-popover][open], form[data-sent]") !== null;
}

// What has not changed stays as it is, with selection and scroll.
const shown = new WeakMap<Element, string>();
document.addEventListener("htmx:beforeSwap", (event) => {
  const { elt, xhr, shouldSwap } = (event as CustomEvent<{ elt: Element; xhr: XMLHttpRequest; shouldSwap: boolean }>).detail;
  if (!elt.matches("[data-live]") || !shouldSwap) return;
  if (isInUse(elt as HTMLElement)) {
    // A dialog was opened while this was on its way.
    event.preventDefault();
    changedMeanwhile.add(elt);
  } else if (shown.get(elt) === xhr.responseText) event.preventDefault();
  else shown.set(elt, xhr.responseText);
});

document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, xhr, successful } = (event as CustomEvent<{ elt: Element; xhr: XMLHttpRequest; successful: boolean }>).detail;
  if (!elt.matches("[data-live]")) return;
  reached = successful || (xhr.status > 0 && xhr.status < 500);
  if (reached) lastGood = Date.now();
  // The session has ended: the whole page asks to sign in.
  if (xhr.status === 401) location.reload();
  show();
});

function show(): void {
  if (!dot) return;
  const state: State =
    connected ? "connected"
    : !reached || !navigator.onLine ? "stale"
    : Date.now() - performance.timeOrigin < 3000 ? "connecting"
    : "polling";
  const word = { connected: "Live", connecting: "Connecting", polling: "Polling", stale: `Stale since ${clock.format(lastGood)}` }[state];
  if (dot.dataset.state === state && dot.lastElementChild?.textContent === word) return;
  dot.dataset.state = state;
  dot.title = {
    connected: "Changes appear at once.",
    connecting: "Opening the live connection.",
    polling: `No live connection: looking every ${DEFAULT_BEAT} seconds.`,
    stale: "The server cannot be reached. What you see may be out of date.",
  }[state];
  if (dot.lastElementChild) dot.lastElementChild.textContent = word;
}
