// Small tools for the behaviours: finding, listening on the whole document, and parts that arrive later.

export const all = <T extends Element = HTMLElement>(selector: string, within: ParentNode = document): T[] =>
  [...within.querySelectorAll<T>(selector)];

/** Listens for an event on everything that matches, now or later. */
export function on<K extends keyof DocumentEventMap>(
  kind: K,
  selector: string,
  act: (element: HTMLElement, event: DocumentEventMap[K]) => void,
): void {
  document.addEventListener(kind, (event) => {
    const element = event.target instanceof Element ? event.target.closest<HTMLElement>(selector) : null;
    if (element) act(element, event);
  });
}

/** Runs for everything that matches: on arrival of the page and of each fragment. */
export function arrives<T extends Element = HTMLElement>(selector: string, act: (element: T) => void): void {
  const visit = (root: ParentNode & Node) => {
    if (root instanceof Element && root.matches(selector)) act(root as Element as T);
    all<T>(selector, root).forEach(act);
  };
  visit(document);
  document.addEventListener("htmx:load", (event) => {
    if (event.target instanceof Element && event.target !== document.body) visit(event.target);
  });
}

/** Waits until nothing has happened for a while. */
export function debounce<A extends unknown[]>(wait: number, act: (...given: A) => void): (...given: A) => void {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => act(...given), wait);
  };
}

/** Has screen readers say something that sighted people see anyway. */
export function announce(words: string): void {
  let place = document.getElementById("announcer");
  if (!place) {
    place = document.createElement("div");
    place.id = "announcer";
    place.className = "visually-hidden";
    place.setAttribute("aria-live", "polite");
    document.body.append(place);
  }
  place.textContent = words;
}
