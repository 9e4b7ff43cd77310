//! The binary as people run it: the command line, and a server that is started, killed and started again.

mod command_line;
mod process;
mod prometheus;
mod server;
