// Deleting waits until the exact name has been typed.
import { arrives } from "./dom";

arrives<HTMLInputElement>("[data-confirm-name]", (input) => {
  const submit = input.form?.querySelector<HTMLButtonElement>("button[type=submit]");
  if (!submit) return;
  const check = () => (submit.disabled = input.value !== input.dataset.confirmName);
  input.addEventListener("input", check);
  input.closest("dialog")?.addEventListener("close", () => {
    input.value = "";
    check();
  });
  check();
});
