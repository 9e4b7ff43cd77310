//! Styles, scripts and fonts: compressed when they were built, kept by browsers for ever.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect};
use kit::Error;

use crate::extract::Path;
use crate::respond::Answer;

/// Serves one file in the smallest form that the browser takes.
pub async fn serve(Path(path): Path<String>, headers: HeaderMap) -> Answer {
    let asset = ui::assets::get(&path).ok_or_else(|| Error::not_found("the file"))?;
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (bytes, encoding) = match (asset.brotli, asset.gzip) {
        (Some(small), _) if accepts(accepted, "br") => (small, Some("br")),
        (_, Some(small)) if accepts(accepted, "gzip") => (small, Some("gzip")),
        _ => (asset.bytes, None),
    };
    let mut response = Bytes::from_static(bytes).into_response();
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    fields.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let life = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(life));
    if let Some(encoding) = encoding {
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(response)
}

/// Browsers ask for it by this name whatever the page says.
pub async fn favicon() -> Redirect {
    Redirect::permanent(ui::assets::url("favicon.svg"))
}

fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        pieces.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding)) && !pieces.any(|piece| piece == "q=0" || piece == "q=0.0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_negotiated() {
        assert!(accepts("gzip, deflate, br;q=0.9", "br"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(!accepts("", "gzip"));
    }
}
