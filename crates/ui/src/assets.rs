//! Styles, scripts, fonts and pictures, built from `frontend/` and carried in the binary.
//!
//! File names hold a hash of the content, so an answer may be cached for ever. Serving them over HTTP
//! (negotiating `Content-Encoding`, setting headers) is the web surface's part.

/// Where the assets are served.
pub const PREFIX: &str = "/assets/";

/// The policy every page works under: no inline script, no inline style, nothing from another host.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'";

/// One file to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// The file as it is.
    pub bytes: &'static [u8],
    /// The file compressed with gzip, unless that does not pay (fonts).
    pub gzip: Option<&'static [u8]>,
    /// The file compressed with Brotli, unless that does not pay.
    pub brotli: Option<&'static [u8]>,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// Whether the name holds a hash (all do): then `Cache-Control: public, max-age=31536000, immutable`.
    pub immutable: bool,
}

/// Returns the address of an asset by its plain name, such as `app.css`.
///
/// # Panics
/// When `frontend/dist` has no such file: names are written in code, so a test of any page finds it.
pub fn url(name: &str) -> &'static str {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => file.url,
        None => panic!("frontend/dist/manifest.json has no asset `{name}`"),
    }
}

/// Returns the file for the part of the address after [`PREFIX`].
pub fn get(path: &str) -> Option<Asset> {
    let file = FILES.iter().find(|file| file.path == path)?;
    Some(Asset { bytes: file.bytes, gzip: file.gzip, brotli: file.brotli, content_type: content_type(path), immutable: true })
}

/// Returns the path of every file, for [`get`].
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.path)
}

struct File {
    name: &'static str,
    path: &'static str,
    url: &'static str,
    bytes: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("map" | "json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("ico") => "image/x-icon",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_are_there_compressed_and_immutable() {
        for name in ["app.css", "app.js"] {
            let path = url(name).strip_prefix(PREFIX).expect("addresses start with the prefix");
            let asset = get(path).expect("every address has a file");
            assert!(asset.immutable);
            assert!(asset.gzip.is_some_and(|small| small.len() < asset.bytes.len()));
            assert!(asset.brotli.is_some_and(|small| small.len() < asset.bytes.len()));
        }
    }

    #[test]
    fn base_script_keeps_its_budget_of_60_kb() {
        let asset = url("app.js").strip_prefix(PREFIX).and_then(get).expect("the script is there");
        assert!(asset.gzip.expect("scripts are compressed").len() <= 60_000);
    }

    #[test]
    fn unknown_and_climbing_paths_are_not_found() {
        assert_eq!(get("nothing.css"), None);
        assert_eq!(get("../Cargo.toml"), None);
        assert_eq!(get(""), None);
    }
}
