// The command palette: Ctrl-K, a word, Enter.
import { all, debounce, on } from "./dom";

type Entry = { label: string; hint?: string; group?: string; href: string };

const dialog = document.querySelector<HTMLDialogElement>("dialog[data-palette]");
const input = dialog?.querySelector<HTMLInputElement>("input");
const list = dialog?.querySelector<HTMLElement>("[role=listbox]");
const none = dialog?.querySelector<HTMLElement>(".palette-none");

if (dialog && input && list && none) {
  let asked: AbortController | undefined;

  const open = () => {
    if (dialog.open) return;
    dialog.showModal();
    input.select();
    void search();
  };

  const search = async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const url = `/palette.json?q=${encodeURIComponent(input.value.trim())}`;
      const response = await fetch(url, { signal: asked.signal, headers: { accept: "application/json" } });
      show(response.ok ? ((await response.json()) as Entry[]) : []);
    } catch (error) {
      if (!(error instanceof DOMException)) show([]);
    }
  };

  const show = (entries: Entry[]) => {
    list.replaceChildren();
    none.hidden = entries.length > 0 || input.value.trim() === "";
    input.setAttribute("aria-expanded", String(entries.length > 0));
    const groups = new Map<string, HTMLElement>();
    entries.forEach((entry, place) => {
      const name = entry.group ?? "";
      let group = groups.get(name);
      if (!group) {
        group = document.createElement("div");
        group.setAttribute("role", "group");
        if (name) {
          group.setAttribute("aria-label", name);
          group.append(text("p", "palette-group", name));
        }
        groups.set(name, group);
        list.append(group);
      }
      const option = document.createElement("a");
      option.id = `palette-${place}`;
      option.className = "palette-entry";
      option.href = entry.href;
      option.tabIndex = -1;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.append(text("span", "palette-label", entry.label));
      if (entry.hint) option.append(text("span", "palette-hint", entry.hint));
      group.append(option);
    });
    choose(all("[role=option]", list)[0]);
  };

  const choose = (option: HTMLElement | undefined) => {
    for (const other of all("[aria-selected=true]", list)) other.setAttribute("aria-selected", "false");
    if (option) {
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", option.id);
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };

  const move = (by: number) => {
    const options = all("[role=option]", list);
    const now = options.findIndex((option) => option.ariaSelected === "true");
    choose(options[(now + by + options.length) % options.length]);
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) dialog.close();
      else open();
    }
  });
  on("click", "[data-palette-open]", open);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  input.addEventListener("input", debounce(120, () => void search()));
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      list.querySelector<HTMLAnchorElement>("[aria-selected=true]")?.click();
    }
  });
}

function text(element: string, className: string, words: string): HTMLElement {
  return Object.assign(document.createElement(element), { className, textContent: words });
}
