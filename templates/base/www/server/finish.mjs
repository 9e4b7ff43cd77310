// Turns the output of `ng build` into what nginx serves: one flat folder, index.html with the include for the api's
// part of the page, the main font preloaded, and a .gz beside every text file.
//   node server/finish.mjs <dist> <out>
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const [dist, out] = process.argv.slice(2);
const from = [join(dist, 'browser'), dist].find((folder) => existsSync(join(folder, 'index.html')));
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
cpSync(from, out, { recursive: true });

const files = readdirSync(out, { recursive: true }).map(String).filter((name) => statSync(join(out, name)).isFile());

let html = readFileSync(join(out, 'index.html'), 'utf8');
const font = files.find((name) => /latin-wght-normal.*\.woff2$/.test(name) && !/latin-ext/.test(name));
const preload = font ? `<link rel="preload" href="/${font}" as="font" type="font/woff2" crossorigin>` : '';
const page = /(<title>[\s\S]*?<\/title>)([\s\S]*?)<\/head>\s*<body([^>]*)>\s*(<app-root>[\s\S]*?<\/app-root>)/;
if (!page.test(html)) throw new Error('index.html is not in the expected form: title … </head><body><app-root>');
html = html
  .replace(page, (_, title, rest, body, root) =>
    `${preload}${rest}<!--# block name="plain" -->${title}</head>\n<body${body}>${root}<!--# endblock -->` +
    '<!--# include virtual="/_page" stub="plain" -->')
  .replace('<html lang="en"', '<html lang="en" data-theme="<!--# echo var="theme" default="" -->"');
writeFileSync(join(out, 'index.html'), html);

for (const name of files) {
  if (/\.(js|css|svg|json|webmanifest)$/.test(name)) {
    const content = readFileSync(join(out, name));
    if (content.length > 512) writeFileSync(join(out, `${name}.gz`), gzipSync(content, { level: 9 }));
  }
}
