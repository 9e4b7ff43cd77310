// A sent form says so: its button turns busy, and a second click sends nothing.
import { all } from "./dom";

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target as HTMLFormElement;
    if (form.method === "dialog") return;
    if (form.dataset.sent !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const button = event.submitter;
    // A later listener may still keep the form from being sent (a question, a check).
    queueMicrotask(() => {
      const byHtmx = form.matches("[hx-post], [hx-get], [hx-put], [hx-patch], [hx-delete]");
      if (event.defaultPrevented && !byHtmx) return;
      form.dataset.sent = String(Date.now());
      if (button) start(button);
      // An answer that is a download leaves the page standing.
      if (form.matches("[data-stays]")) window.setTimeout(() => finish(form), 1500);
    });
  },
  true,
);

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target instanceof Element ? event.target.closest("form") : null;
  if (form) finish(form);
});

// Back from the next page: the browser shows this one as it was left.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) all<HTMLFormElement>("form[data-sent]").forEach(finish);
});

function start(button: HTMLElement): void {
  const label = button.querySelector<HTMLElement>(".button-label");
  button.setAttribute("aria-busy", "true");
  if (!label) return;
  label.dataset.words = label.textContent ?? "";
  label.textContent = button.dataset.busy ?? `${label.textContent}…`;
}

function finish(form: HTMLFormElement): void {
  delete form.dataset.sent;
  for (const button of all("[aria-busy=true]", form)) {
    button.removeAttribute("aria-busy");
    const label = button.querySelector<HTMLElement>(".button-label");
    if (label?.dataset.words !== undefined) label.textContent = label.dataset.words;
  }
}
