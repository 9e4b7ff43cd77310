//! The real thing. Named so that one of these runs at a time (see `.config/nextest.toml`).

mod life;
mod template;
