//! Wireframes of kinds of websites, in the page's colours: pictures for cards to choose from.

use maud::{Markup, PreEscaped};

/// A grid of works under a large name.
pub fn portfolio() -> Markup {
    draw(
        r#"<rect class="sketch-strong" x="14" y="16" width="46" height="7" rx="2"/><rect class="sketch-soft" x="14" y="27" width="30" height="4" rx="2"/><rect class="sketch-accent" x="14" y="42" width="40" height="26" rx="3"/><rect class="sketch-soft" x="60" y="42" width="40" height="48" rx="3"/><rect class="sketch-soft" x="106" y="42" width="40" height="32" rx="3"/><rect class="sketch-soft" x="14" y="74" width="40" height="26" rx="3"/><rect class="sketch-tint" x="106" y="80" width="40" height="20" rx="3"/>"#,
    )
}

/// A headline with a picture beside it, and three offers.
pub fn business() -> Markup {
    draw(
        r#"<rect class="sketch-strong" x="14" y="22" width="54" height="7" rx="2"/><rect class="sketch-strong" x="14" y="33" width="40" height="7" rx="2"/><rect class="sketch-soft" x="14" y="46" width="50" height="4" rx="2"/><rect class="sketch-accent" x="14" y="56" width="26" height="9" rx="4.5"/><rect class="sketch-tint" x="82" y="16" width="64" height="50" rx="4"/><circle class="sketch-accent" cx="114" cy="41" r="11"/><rect class="sketch-soft" x="14" y="76" width="40" height="24" rx="3"/><rect class="sketch-soft" x="60" y="76" width="40" height="24" rx="3"/><rect class="sketch-soft" x="106" y="76" width="40" height="24" rx="3"/>"#,
    )
}

/// Goods with prices, and a basket.
pub fn shop() -> Markup {
    let mut goods = String::new();
    for (place, x) in [14, 60, 106].iter().enumerate() {
        let class = if place == 1 { "sketch-tint" } else { "sketch-soft" };
        goods += &format!(
            r#"<rect class="{class}" x="{x}" y="34" width="40" height="42" rx="3"/><rect class="sketch-strong" x="{x}" y="81" width="26" height="4" rx="2"/><rect class="sketch-accent" x="{x}" y="89" width="15" height="5" rx="2.5"/>"#
        );
    }
    draw(&format!(
        r#"<rect class="sketch-strong" x="14" y="17" width="30" height="7" rx="2"/><rect class="sketch-line" x="96" y="16" width="36" height="9" rx="4.5"/><circle class="sketch-accent" cx="141" cy="20.5" r="5"/>{goods}"#
    ))
}

/// A column of writing.
pub fn blog() -> Markup {
    draw(
        r#"<rect class="sketch-tint" x="14" y="16" width="132" height="30" rx="3"/><rect class="sketch-strong" x="36" y="55" width="74" height="7" rx="2"/><rect class="sketch-soft" x="36" y="68" width="88" height="4" rx="2"/><rect class="sketch-soft" x="36" y="76" width="84" height="4" rx="2"/><rect class="sketch-soft" x="36" y="84" width="88" height="4" rx="2"/><rect class="sketch-accent" x="36" y="93" width="28" height="4" rx="2"/>"#,
    )
}

fn draw(drawing: &str) -> Markup {
    PreEscaped(format!(
        r#"<svg class="sketch" viewBox="0 0 160 100" preserveAspectRatio="xMidYMin slice" aria-hidden="true"><rect class="sketch-bar" width="160" height="9"/><circle class="sketch-dot" cx="7" cy="4.5" r="1.5"/><circle class="sketch-dot" cx="12.5" cy="4.5" r="1.5"/><circle class="sketch-dot" cx="18" cy="4.5" r="1.5"/>{drawing}</svg>"#
    ))
}
