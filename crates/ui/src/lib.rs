#![doc = include_str!("../README.md")]

pub mod assets;
pub mod badge;
pub mod button;
pub mod card;
pub mod chart;
pub mod copy;
pub mod dialog;
pub mod feedback;
pub mod field;
pub mod form;
pub mod format;
pub mod gauge;
pub mod help;
pub mod icon;
pub mod live;
pub mod log;
pub mod menu;
pub mod page;
pub mod public;
pub mod sketch;
pub mod steps;
pub mod table;
pub mod tabs;

pub use maud::{DOCTYPE, Markup, PreEscaped, html};
