// Messages that pass: those the page came with, those fragments bring, and those scripts and headers ask for.
import { arrives, on } from "./dom";

const SHOWN_FOR = 6000;

type Toast = { tone?: "ok" | "warn" | "bad" | "accent" | "neutral"; title: string; text?: string };

arrives("[data-toast]", (toast) => {
  if (toast.dataset.tone === "bad") return;
  let timer = 0;
  const start = () => (timer = window.setTimeout(() => leave(toast), SHOWN_FOR));
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", start);
  toast.addEventListener("focusin", () => clearTimeout(timer));
  start();
});

on("click", "[data-toast-close]", (button) => {
  const toast = button.closest<HTMLElement>("[data-toast]");
  if (toast) leave(toast);
});

// From scripts, and from the server by the header `HX-Trigger: {"toast": {…}}`.
document.addEventListener("toast", (event) => show((event as CustomEvent<Toast>).detail));

document.addEventListener("htmx:responseError", (event) => {
  const { xhr, elt } = (event as CustomEvent<{ xhr: XMLHttpRequest; elt: Element }>).detail;
  if (elt.closest("[data-live]")) return;
  const busy = xhr.status === 429;
  show({
    tone: "bad",
    title: busy ? "Too many tries" : "That did not work",
    text: busy ? "Wait a minute, then try again." : `The server answered with ${xhr.status}. Reload the page and try again.`,
  });
});

document.addEventListener("htmx:sendError", (event) => {
  const { elt } = (event as CustomEvent<{ elt: Element }>).detail;
  if (!elt.closest("[data-live]")) show({ tone: "bad", title: "No connection", text: "Nothing was changed. Check your network and try again." });
});

function show({ tone = "neutral", title, text }: Toast): void {
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.dataset.tone = tone;
  toast.dataset.toast = "";
  const words = document.createElement("div");
  words.className = "toast-text";
  const head = document.createElement("p");
  head.className = "toast-title";
  head.textContent = title;
  words.append(head);
  if (text) words.append(Object.assign(document.createElement("p"), { textContent: text }));
  const close = document.createElement("button");
  close.type = "button";
  close.className = "toast-close";
  close.dataset.toastClose = "";
  close.setAttribute("aria-label", "Close message");
  close.textContent = "×";
  toast.append(words, close);
  document.getElementById("toasts")?.append(toast);
  if (tone !== "bad") window.setTimeout(() => leave(toast), SHOWN_FOR);
}

function leave(toast: HTMLElement): void {
  toast.dataset.leaving = "";
  // Longer than the transition; without motion there is none.
  window.setTimeout(() => toast.remove(), 200);
}
