//! Pictures of figures, drawn by the server.
//!
//! Small ones (sparklines, rings, bars) stand in cards, tables and mails. Charts with axes are whole figures: picture, legend, the figures
//! as a table, and a link to them as CSV. A chart never leans on colour alone, and shows a gap, never 0, where nothing is known.
//! With the script `chart.js` charts read out their figures under the pointer and by arrow keys; it takes them from the table.

mod columns;
mod factors;
mod figure;
mod heat;
mod histogram;
mod scale;
mod score;
mod small;
mod trend;

pub use columns::{Columns, Stack, columns};
pub use factors::{Changes, Factor, Given, Part, changes, factors};
pub use figure::{Data, Legend, figure_table, legend};
pub use heat::{Cell, Heat, HeatRow, heat};
pub use histogram::{Bin, Histogram, histogram};
pub use scale::Axis;
pub use score::{Level, Score, level, score, score_cell, tendency};
pub use small::{Ring, Slot, Sparkline, distribution, ring, slots, spark_bars, sparkline};
pub use trend::{Line, Mark, Trend, Zone, trend};
