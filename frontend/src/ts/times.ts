// Keeps times true while the page stands: "4 min ago", running durations, and cooldowns that count down.
import { all, arrives } from "./dom";

const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

arrives<HTMLTimeElement>("time[data-relative]", (time) => {
  time.title = exact.format(new Date(time.dateTime));
});

arrives<HTMLButtonElement>("button[data-countdown]", countDown);

setInterval(() => {
  all<HTMLTimeElement>("time[data-relative]").forEach((time) => {
    const words = ago(Date.parse(time.dateTime));
    if (time.textContent !== words) time.textContent = words;
  });
}, 10_000);

setInterval(() => {
  all("[data-count-up]").forEach((element) => (element.textContent = duration(Date.now() - Number(element.dataset.countUp))));
  all<HTMLButtonElement>("button[data-countdown]").forEach(countDown);
}, 1000);

function countDown(button: HTMLButtonElement): void {
  const label = button.querySelector<HTMLElement>(".button-label") ?? button;
  label.dataset.words ??= label.textContent ?? "";
  const seconds = Math.ceil((Number(button.dataset.countdown) - Date.now()) / 1000);
  button.disabled = seconds > 0;
  if (seconds > 0) {
    label.textContent = `${label.dataset.words} in ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  } else {
    label.textContent = label.dataset.words;
    delete button.dataset.countdown;
  }
}

// The same words as format.rs says.
function ago(at: number): string {
  const seconds = Math.floor(Math.abs(Date.now() - at) / 1000);
  if (seconds < 10) return "just now";
  const words =
    seconds < 60 ? `${seconds}\u00a0s`
    : seconds < 3600 ? `${Math.floor(seconds / 60)}\u00a0min`
    : seconds < 86_400 ? `${Math.floor(seconds / 3600)}\u00a0h`
    : seconds < 2_592_000 ? `${Math.floor(seconds / 86_400)}\u00a0d`
    : "";
  if (words === "") return day.format(at);
  return at <= Date.now() ? `${words} ago` : `in ${words}`;
}

function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const pair = (large: number, unit: string, small: number, smaller: string) =>
    small === 0 ? `${large}\u00a0${unit}` : `${large}\u00a0${unit} ${small}\u00a0${smaller}`;
  if (seconds < 60) return `${seconds}\u00a0s`;
  if (seconds < 3600) return pair(Math.floor(seconds / 60), "min", seconds % 60, "s");
  return pair(Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min");
}
