// Focus on what needs another look, and forms that send themselves when a choice changes.
import { arrives, on } from "./dom";

arrives("[data-focus]", (element) => element.focus());

on("change", "form[data-autosubmit]", (form) => (form as HTMLFormElement).requestSubmit());
