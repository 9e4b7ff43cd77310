//! What calls of language models cost: usage read from events, prices as data, sums by day, model, customer and person.
//!
//! A call is counted once, each of its tokens in one part alone, and the parts sum to the whole. What the sender says a call cost wins over
//! the price table and is marked; a call that has no price is unpriced, never free.

mod book;
mod calls;
mod hints;
mod money;
mod overview;
mod prices;
mod rates;
mod sums;
mod usage;

pub use book::{Book, Origin, Pattern, Price, built_in, own};
pub use calls::{Calls, count, count_all, recount_all};
pub use hints::Hint;
pub use money::Usd;
pub(crate) use overview::Cache;
pub use overview::{Month, Overview, PriceMark, WINDOW, overview, set_budget};
pub use prices::{NewPrice, Preview, PriceId, add, change, preview, price_of, remove};
pub use rates::{PARTS, Part, PartRates, Rates, Tier, parse_rate, rate, rate_text};
pub use sums::{
    CustomerSum, ModelSum, Standing, Sum, Tokens, by_customer, by_day_and_model, by_model, days, of_customer, of_people, standing,
};
pub use usage::{Call, EVENTS, Usage, read};
