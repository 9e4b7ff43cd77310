// The theme switch: kept in a cookie, so that the server sends the next page in the right colours.
import { on } from "./dom";

on("change", "[data-theme-switch] input", (input) => {
  const theme = (input as HTMLInputElement).value;
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
    document.cookie = `theme=; path=/; max-age=0; samesite=lax${secure}`;
  } else {
    document.documentElement.dataset.theme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
  }
});
