//! Embeds the migrations anew when one is added: the macro that embeds them notices only changed files.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
