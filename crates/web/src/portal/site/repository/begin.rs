//! How to begin: the address, and three commands.

use maud::{Markup, html};
use ui::card::{self, Card};
use ui::copy;

use super::Facts;

pub(super) fn card(facts: &Facts) -> Markup {
    let folder = facts.site.domain.as_str().split('.').next().unwrap_or("site");
    let clone = format!("git clone {} {folder}", facts.url);
    let commit = format!("cd {folder} && git add --all && git commit --message \"My change\"");
    let branch = hosting::git::BRANCH;
    let push = format!("git push origin {branch}");
    card::card(Card {
        title: "Push to deploy",
        hint: "Your push shows how the new version is built and started. Visitors get it only once it works; until then the old one serves.",
        body: html! {
            (card::kv(&[
                ("Clone address", copy::copy_field("Clone address", &facts.url)),
                ("1. Get a copy", copy::copy_field("First command", &clone)),
                ("2. Commit a change", copy::copy_field("Second command", &commit)),
                ("3. Make it live", copy::copy_field("Third command", &push)),
            ]))
            @if facts.site.outside_url.is_some() {
                p.hint { "The repository is at another host: sign in there as you do for your other repositories. Only " strong { (branch) } " is deployed." }
            } @else { p.hint {
                "Git asks for a name and a password: your mail address and the password that you sign in here with, or any name and a "
                "deploy token. Only " strong { (branch) } " is deployed."
            } }
        },
        ..Card::default()
    })
}
