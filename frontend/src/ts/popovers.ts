// Help and menus made of <details>: one open at a time, closed by Escape and by a click outside, kept on screen.
import { all, on } from "./dom";

const open = () => all<HTMLDetailsElement>("details[data-popover][open]");

document.addEventListener("click", (event) => {
  for (const popover of open()) {
    if (!(event.target instanceof Node && popover.contains(event.target))) popover.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const popover of open()) {
    popover.open = false;
    popover.querySelector("summary")?.focus();
  }
});

// The event does not bubble, but can be caught on its way down.
document.addEventListener(
  "toggle",
  (event) => {
    const popover = event.target;
    if (!(popover instanceof HTMLDetailsElement) || !popover.matches("[data-popover]")) return;
    if (!popover.open) {
      popover.lastElementChild?.removeAttribute("style");
      return;
    }
    open().filter((other) => other !== popover && !other.contains(popover)).forEach((other) => (other.open = false));
    place(popover);
  },
  true,
);

/** Turns it to the other side where it would leave the screen, and lifts it out of a table's scroller. */
function place(popover: HTMLDetailsElement): void {
  const body = popover.lastElementChild;
  if (!(body instanceof HTMLElement)) return;
  delete popover.dataset.flip;
  if (body.getBoundingClientRect().right > document.documentElement.clientWidth - 8) popover.dataset.flip = "";
  const scroller = popover.closest(".table-scroller");
  if (!scroller || getComputedStyle(body).position === "fixed") return;
  const summary = popover.getBoundingClientRect();
  const { width, height } = body.getBoundingClientRect();
  const below = summary.bottom + 4 + height < innerHeight;
  body.style.position = "fixed";
  body.style.inset = "auto";
  body.style.insetBlockStart = `${below ? summary.bottom + 4 : summary.top - 4 - height}px`;
  body.style.insetInlineStart = `${Math.max(8, Math.min(summary.right - width, innerWidth - width - 8))}px`;
  const close = () => (popover.open = false);
  scroller.addEventListener("scroll", close, { once: true });
  window.addEventListener("scroll", close, { once: true });
}

on("focusout", "details[data-popover][open]", (popover, event) => {
  const to = (event as FocusEvent).relatedTarget;
  if (to instanceof Node && !popover.contains(to)) (popover as HTMLDetailsElement).open = false;
});
