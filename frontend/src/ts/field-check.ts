// Asks the server about a value as it is typed and shows the answer beside the field.
import { arrives, debounce } from "./dom";

type Answer = { ok: boolean; message: string };

arrives<HTMLInputElement>("input[data-check-url]", (input) => {
  const place = input.closest(".field")?.querySelector<HTMLElement>("[data-field-answer]");
  if (!place) return;
  let asked: AbortController | undefined;

  const ask = debounce(350, async () => {
    asked?.abort();
    asked = new AbortController();
    const url = new URL(input.dataset.checkUrl ?? "", location.href);
    url.searchParams.set("value", input.value);
    try {
      const response = await fetch(url, { signal: asked.signal, headers: { accept: "application/json" } });
      if (!response.ok) return;
      show((await response.json()) as Answer);
    } catch {
      // No answer is no judgement: the server checks again when the form is sent.
    }
  });

  const show = ({ ok, message }: Answer) => {
    place.hidden = message === "";
    place.dataset.ok = String(ok);
    place.textContent = message;
    if (ok) input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
  };

  input.addEventListener("input", () => {
    if (input.value.trim() === "") show({ ok: true, message: "" });
    else ask();
  });
});
