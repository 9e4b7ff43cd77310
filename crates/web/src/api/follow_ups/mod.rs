//! What staff do about customers: owners, notes, tasks, segments, plays, and how likely customers are lost. Nothing of it is shown to
//! customers themselves.

mod churn;
mod notes;
mod owners;
mod plays;
mod segments;
mod tasks;

use accounts::Permission;
use serde::{Deserialize, Deserializer};

use crate::routes::{Access, Routes, routes};

/// Everything of it.
pub fn routes(all: Routes) -> Routes {
    let read = Access::House(Permission::ReadCustomers);
    let write = Access::House(Permission::WriteFollowUps);
    let manage = Access::House(Permission::ManageCustomers);
    all.api(read, routes!(owners::get))
        .api(write, routes!(owners::set))
        .api(read, routes!(notes::list))
        .api_create(write, routes!(notes::create))
        .api(write, routes!(notes::change))
        .api(write, routes!(notes::remove))
        .api(read, routes!(tasks::list))
        .api_create(write, routes!(tasks::create))
        .api(read, routes!(tasks::get))
        .api(write, routes!(tasks::change))
        .api(write, routes!(tasks::remove))
        .api(read, routes!(segments::list))
        .api_create(write, routes!(segments::create))
        .api(read, routes!(segments::count))
        .api(read, routes!(segments::get))
        .api(write, routes!(segments::change))
        .api(write, routes!(segments::remove))
        .api(read, routes!(segments::customers))
        .api(read, routes!(plays::list))
        .api_create(manage, routes!(plays::create))
        .api(read, routes!(plays::get))
        .api(manage, routes!(plays::change))
        .api(manage, routes!(plays::remove))
        .api(manage, routes!(plays::test))
        .api(read, routes!(plays::runs))
        .api(read, routes!(plays::deliveries))
        .api(read, routes!(churn::of_customer))
        .api(read, routes!(churn::backtest))
        .api(manage, routes!(churn::learn))
}

/// Tells a field that is `null` from one that is left out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}
