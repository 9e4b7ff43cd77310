// Writes crates/ui/src/icon.rs from lucide-static: `npm run icons`, after changing the list below.
import { readFileSync, writeFileSync } from "node:fs";

const names = `
  activity archive arrow-down arrow-left arrow-right arrow-up bell blocks book-open package briefcase calendar
  chart-column check chevron-down chevron-right circle-alert circle-check circle-help circle-x clock coins command
  copy cpu credit-card database download ellipsis external-link eye eye-off file-text flask-conical funnel gauge gift
  git-branch git-commit-horizontal globe grid-3x3 hammer hard-drive heart-pulse history house image inbox info key-round
  layers layout-grid link list-checks loader lock log-out mail memory-stick menu message-square monitor moon network palette
  pause pencil play plug plus radio refresh-cw rocket rotate-ccw scroll-text search server settings shield shopping-cart
  sparkles square star store sun terminal trash-2 trending-down trending-up triangle-alert undo-2 upload user user-plus
  users wallet webhook x zap
`.trim().split(/\s+/);

const renamed = { "trash-2": "trash", "undo-2": "undo", "grid-3x3": "grid", "git-commit-horizontal": "git_commit", "circle-help": "circle_help" };

const lines = names.map((name) => {
  const svg = readFileSync(new URL(`node_modules/lucide-static/icons/${name}.svg`, import.meta.url), "utf8");
  const inner = svg
    .slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"))
    .replace(/\s+/g, " ").replace(/> </g, "><").replace(/ \/>/g, "/>").trim();
  return `    ${renamed[name] ?? name.replaceAll("-", "_")} = r#"${inner}"#;`;
});

writeFileSync(new URL("../crates/ui/src/icon.rs", import.meta.url), `//! Icons as inline SVG, drawn by the Lucide project (ISC licence).
//!
//! Each is 16 px, takes the text colour and is hidden from screen readers: the word beside it, or the
//! \`aria-label\` of the button around it, says what it means. Written by \`frontend/icons.mjs\`.

use maud::{Markup, PreEscaped};

macro_rules! icons {
    ($($name:ident = $drawing:literal;)*) => {
        $(
            #[doc = concat!("The icon \`", stringify!($name), "\`.")]
            pub fn $name() -> Markup {
                draw($drawing)
            }
        )*

        /// Every icon with its name, for the gallery.
        pub fn all() -> Vec<(&'static str, Markup)> {
            vec![$((stringify!($name), draw($drawing))),*]
        }
    };
}

fn draw(drawing: &str) -> Markup {
    PreEscaped(format!(
        r#"<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{drawing}</svg>"#
    ))
}

icons! {
${lines.join("\n")}
}
`);
