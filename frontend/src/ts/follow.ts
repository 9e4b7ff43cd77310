// A log stays at its newest line, unless its reader has scrolled up.
import { arrives } from "./dom";

arrives("[data-follow]", (log) => {
  const toEnd = () => (log.scrollTop = log.scrollHeight);
  let atEnd = true;
  log.addEventListener("scroll", () => (atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24), { passive: true });
  new MutationObserver(() => atEnd && toEnd()).observe(log, { childList: true, subtree: true });
  toEnd();
});
