// A fragment that turns out to be a whole page (the session has ended, an error page) is not put into this one.

document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event as CustomEvent<{ xhr: XMLHttpRequest; target: Element; shouldSwap: boolean }>;
  if (!/^\s*<!doctype/i.test(detail.xhr.responseText) || detail.target === document.body) return;
  detail.shouldSwap = false;
  // A live part asked by itself: the reader stays on this page's address, which will ask to sign in.
  if (detail.target.matches("[data-live]")) location.reload();
  else location.assign(detail.xhr.responseURL);
});
