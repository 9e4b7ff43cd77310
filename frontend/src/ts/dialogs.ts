// Dialogs: for browsers that do not know `command` on buttons yet, and dialogs that stand open on arrival.
import { arrives, on } from "./dom";

const knowsCommands = "command" in HTMLButtonElement.prototype;

on("click", "[data-dialog]", (button) => {
  const dialog = document.getElementById(button.dataset.dialog ?? "");
  if (!knowsCommands && dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
});

on("click", "[data-dialog-close]", (button) => {
  if (!knowsCommands) button.closest("dialog")?.close();
});

// Outside click closes what may be closed so (`closedby`), where the browser does not do it itself.
on("click", "dialog[closedby=any]", (element, event) => {
  if ("closedBy" in HTMLDialogElement.prototype || event.target !== element) return;
  (element as HTMLDialogElement).close();
});

arrives<HTMLDialogElement>("dialog[data-dialog-open]", (dialog) => {
  // `open` from the server shows it without a backdrop; a modal one keeps the focus.
  dialog.close();
  dialog.showModal();
});
