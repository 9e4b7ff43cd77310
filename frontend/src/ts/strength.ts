// A plain estimate of a new password: length first, then variety; known and repeated patterns count for little.
import { arrives } from "./dom";

const WORDS = ["", "Weak", "Fair", "Good", "Strong"];
const COMMON = /^(?:password|passwort|qwert[yz]|letmein|welcome|admin|iloveyou|abc|123)|(?:12345|qwertz?|asdf|password)/i;

arrives<HTMLInputElement>("input[data-strength]", (input) => {
  const meter = document.getElementById(input.dataset.strength ?? "");
  const word = meter?.querySelector("output");
  if (!meter || !word) return;
  input.addEventListener("input", () => {
    const score = judge(input.value);
    meter.dataset.score = String(score);
    word.textContent = WORDS[score] ?? "";
  });
});

function judge(password: string): number {
  if (password === "") return 0;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^\w\s]/, /\s/].filter((kind) => kind.test(password)).length;
  const different = new Set(password.toLowerCase()).size;
  if (password.length < 8 || different < 5 || COMMON.test(password)) return 1;
  // Bits by a rough alphabet of 10 per kind of character, over the characters that add something new.
  const bits = Math.min(password.length, different * 1.6) * Math.log2(10 * kinds + 10);
  return bits < 48 ? 2 : bits < 72 ? 3 : 4;
}
