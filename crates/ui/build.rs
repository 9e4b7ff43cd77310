//! Lists the files of `frontend/dist` as a Rust table, so that the binary carries them.

use std::{env, fs, path::Path, process};

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts by environment variables")]
fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let dist = Path::new(&root).join("../../frontend/dist");
    println!("cargo::rerun-if-changed={}", dist.join("manifest.json").display());

    let Ok(manifest) = fs::read_to_string(dist.join("manifest.json")) else {
        println!("cargo::error=frontend/dist is missing: run `npm --prefix frontend ci && npm --prefix frontend run build` first");
        process::exit(1);
    };

    // The manifest is one flat object of `"name": "hashed name"`, written by frontend/build.mjs, and no
    // name holds a quote: every second piece between quotes is a string. That spares a JSON parser.
    let strings: Vec<&str> = manifest.split('"').skip(1).step_by(2).collect();
    let mut table = String::from("&[\n");
    for pair in strings.chunks_exact(2) {
        let (name, path) = (pair[0], pair[1]);
        let file = dist.join(path);
        println!("cargo::rerun-if-changed={}", file.display());
        table += &format!(
            "File {{ name: {name:?}, path: {path:?}, url: \"/assets/{path}\", bytes: include_bytes!({file:?}), gzip: {}, brotli: {} }},\n",
            compressed(&file, "gz"),
            compressed(&file, "br"),
        );
    }
    table += "]";

    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("assets.rs"), table).expect("OUT_DIR can be written");
}

fn compressed(file: &Path, ending: &str) -> String {
    let file = format!("{}.{ending}", file.display());
    if Path::new(&file).exists() { format!("Some(include_bytes!({file:?}))") } else { "None".to_owned() }
}
