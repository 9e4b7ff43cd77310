//! Costs of calls of language models: counted exactly, priced by the day, counted anew when prices change.

mod counting;
mod overview;
mod prices;
mod samples;
