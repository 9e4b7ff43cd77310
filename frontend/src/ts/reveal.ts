// Shows and hides a secret or a password.
import { on } from "./dom";

on("click", "[data-reveal-button]", (button) => {
  const input = button.closest("[data-reveal]")?.querySelector("input");
  if (!input) return;
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
});
