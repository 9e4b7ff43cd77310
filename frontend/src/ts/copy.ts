// Copies a value and says so on the button.
import { announce, on } from "./dom";

on("click", "[data-copy]", async (button) => {
  const value = button.dataset.copy ?? "";
  const done = await copy(value);
  if (!done) {
    announce("Could not copy. Select the text and copy it by hand.");
    return;
  }
  button.dataset.copied = "";
  announce("Copied");
  window.setTimeout(() => delete button.dataset.copied, 1600);
});

async function copy(value: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    // Without HTTPS there is no clipboard; the old way still works there.
    const area = document.createElement("textarea");
    area.value = value;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
