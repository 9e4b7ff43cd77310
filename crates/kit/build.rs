//! Builds anew when a migration is added: the macro that embeds the folder notices changed files only.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
    println!("cargo:rerun-if-changed=../../migrations/samples");
}
