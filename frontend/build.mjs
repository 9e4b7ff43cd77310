// Builds dist/: scripts, styles, fonts and pictures with a hash in their names, compressed, and manifest.json,
// which maps the plain names to the hashed ones. `npm run build`; with --watch again on each change.
import { context } from "esbuild";
import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const watch = process.argv.includes("--watch");
const here = (path) => new URL(path, import.meta.url).pathname;
const list = async (folder, ending) =>
  (await readdir(here(folder)).catch(() => [])).filter((name) => name.endsWith(ending)).map((name) => here(`${folder}/${name}`));

const build = await context({
  // Each file in entries/ is an asset of its own: app.ts on every page, others where a page asks for them.
  entryPoints: [...(await list("src/ts/entries", ".ts")), here("src/css/app.css"), ...(await list("src/img", ".svg"))],
  outdir: here("dist"),
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: ["chrome111", "firefox121", "safari16.5"],
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  loader: { ".woff2": "file", ".svg": "copy" },
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  plugins: [{ name: "finish", setup: (setup) => void setup.onEnd((result) => result.metafile && finish(result.metafile)) }],
});

await rm(here("dist"), { recursive: true, force: true });
await build.rebuild();
if (watch) await build.watch();
else await build.dispose();

async function finish(metafile) {
  const manifest = {};
  const sizes = [];
  for (const path of Object.keys(metafile.outputs).sort()) {
    const hashed = basename(path);
    const ending = extname(hashed);
    const isChunk = !metafile.outputs[path].entryPoint && ending === ".js";
    manifest[isChunk ? hashed : hashed.replace(/-[A-Z0-9]{8}\./, ".")] = hashed;
    if ([".js", ".css", ".svg"].includes(ending)) {
      const bytes = await readFile(here(`dist/${hashed}`));
      const gzip = gzipSync(bytes, { level: 9 });
      await writeFile(here(`dist/${hashed}.gz`), gzip);
      await writeFile(here(`dist/${hashed}.br`), brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      sizes.push(`${hashed}  ${bytes.length} B, ${gzip.length} B gzip`);
    }
  }
  const licences = await licencesOf(Object.keys(metafile.inputs));
  const licenceFile = `licences-${createHash("sha256").update(licences).digest("hex").slice(0, 8).toUpperCase()}.txt`;
  await writeFile(here(`dist/${licenceFile}`), licences);
  manifest["licences.txt"] = licenceFile;
  await writeFile(here("dist/manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(sizes.join("\n"));
}

/** The licences of what ends up in the bundles, which they ask to be handed on. */
async function licencesOf(inputs) {
  const packages = new Set(inputs.map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean));
  // The icons are drawn into the Rust code.
  packages.add("lucide-static");
  const texts = await Promise.all([...packages].sort().map(async (name) => {
    const file = (await readdir(here(`node_modules/${name}`))).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name}\n\n${file ? await readFile(here(`node_modules/${name}/${file}`), "utf8") : "See its package.json."}`;
  }));
  return texts.join(`\n\n${"-".repeat(80)}\n\n`);
}
