// Charts read out their figures under the pointer and by arrow keys. The figures are those of the table that stands with each chart.
import { announce, arrives } from "./dom";

arrives("[data-chart]", (chart) => {
  const field = chart.querySelector<SVGSVGElement>(".plot-field");
  const rows = [...chart.querySelectorAll<HTMLTableRowElement>(".chart-data tbody tr")];
  const names = [...chart.querySelectorAll<HTMLTableCellElement>(".chart-data thead th")].map((cell) => cell.textContent ?? "");
  const plot = field?.parentElement;
  if (!field || !plot || rows.length === 0) return;

  // The browser would show the title as a tip over everything.
  const title = field.querySelector("title");
  field.setAttribute("aria-label", title?.textContent ?? "");
  title?.remove();

  const isSlots = chart.dataset.chart === "slots";
  const rule = document.createElement("div");
  const read = document.createElement("div");
  rule.className = "plot-rule";
  read.className = "plot-read";
  rule.hidden = read.hidden = true;
  plot.append(rule, read);
  let shown = -1;

  const hide = () => {
    rule.hidden = read.hidden = true;
    shown = -1;
  };

  const show = (place: number, aloud: boolean) => {
    const row = rows[place];
    if (!row || place === shown) return;
    shown = place;
    const cells = [...row.cells].map((cell) => cell.textContent ?? "");
    const head = document.createElement("strong");
    head.textContent = cells[0] ?? "";
    const lines = cells.slice(1).flatMap((figure, index) => {
      if (!figure) return [];
      const line = document.createElement("span");
      const strong = document.createElement("b");
      strong.textContent = figure;
      line.append(names[index + 1] ?? "", strong);
      return [line];
    });
    read.replaceChildren(head, ...lines);
    rule.hidden = read.hidden = false;
    const share = isSlots ? (place + 0.5) / rows.length : rows.length > 1 ? place / (rows.length - 1) : 0.5;
    const from = field.getBoundingClientRect().left - plot.getBoundingClientRect().left;
    const width = field.getBoundingClientRect().width;
    const x = from + share * width;
    rule.style.insetInlineStart = `${x}px`;
    rule.style.insetBlock = "18px 24px";
    const room = plot.getBoundingClientRect().width;
    read.style.insetInlineStart = `${Math.max(0, Math.min(x + 10 + read.offsetWidth > room ? x - 10 - read.offsetWidth : x + 10, room - read.offsetWidth))}px`;
    if (aloud) announce(cells.map((figure, index) => (index === 0 || !figure ? figure : `${names[index] ?? ""} ${figure}`)).filter(Boolean).join(", "));
  };

  field.addEventListener("pointermove", (event) => {
    const { left, width } = field.getBoundingClientRect();
    const share = (event.clientX - left) / width;
    show(Math.max(0, Math.min(rows.length - 1, isSlots ? Math.floor(share * rows.length) : Math.round(share * (rows.length - 1)))), false);
  });
  field.addEventListener("pointerleave", hide);

  // A chart whose bars are links is walked through by these.
  if (field.querySelector("a")) return;
  field.setAttribute("tabindex", "0");
  field.setAttribute("focusable", "true");
  field.addEventListener("blur", hide);
  field.addEventListener("keydown", (event) => {
    const last = rows.length - 1;
    const to: Record<string, number> = { ArrowLeft: shown < 0 ? last : shown - 1, ArrowRight: shown < 0 ? 0 : shown + 1, Home: 0, End: last };
    if (event.key === "Escape") hide();
    const place = to[event.key];
    if (place === undefined) return;
    event.preventDefault();
    show(Math.max(0, Math.min(last, place)), true);
  });
});
