//! Embeds templates and image recipes anew when a file is added: the macro that embeds them notices only changed files.

fn main() {
    println!("cargo:rerun-if-changed=../../templates");
    println!("cargo:rerun-if-changed=../../images");
}
