//! Prospects: strangers who visit, ask for a site, and become customers or do not.

use serde_json::json;

use super::builds::{self, Build};
use super::chance;
use super::words::{REFERRERS, SITE_TYPES, TRADE};
use super::{DAY, HOUR, Happening, House, MINUTE, Made, Who, after, object};
use crate::{Day, Identity};

/// Adds those who come for the first time on this day, with all that they do later.
pub(super) fn of_day(house: &House, day: Day, made: &mut Made) {
    let mut chance = house.chance(chance::PROSPECTS, day, 0);
    let weekday = (day.0 + 3).rem_euclid(7);
    let mean = f64::from(house.wish.customers) / 10.0 * if weekday < 5 { 1.0 } else { 0.55 };
    // In parts, because a count of hundreds at once is more than the product of fractions can hold.
    let mut visitors = 0;
    let mut left = mean;
    while left > 0.0 {
        visitors += chance.count(left.min(20.0));
        left -= 20.0;
    }
    for number in 0..visitors {
        let name = format!("{}{:x}-{number}", House::prospects_begin_with(house.wish.seed), day.0);
        let who = Who { person: Some(&name), customer: None };
        let (site_type, (_, industry)) = (*chance.weighted(SITE_TYPES), *chance.pick(TRADE));
        let mut at = after(house.calendar.start(day), chance.between(7 * HOUR, 23 * HOUR));
        made.tell(
            "visit",
            at,
            who,
            json!({ "referrer": chance.weighted(REFERRERS), "path": "/", "variant": chance.pick(&["control", "short"]) }),
        );
        if !chance.happens(0.46) {
            continue;
        }
        at = after(at, chance.between(20_000, 6 * MINUTE));
        made.tell("request", at, who, json!({ "site_type": site_type, "industry": industry, "words": chance.between(6, 80) }));
        if !chance.happens(0.62) {
            continue;
        }
        at = after(at, chance.between(10_000, 3 * MINUTE));
        let traits = json!({ "email": format!("{name}@mail.example") });
        made.add(Happening {
            name: "email_given",
            at,
            person: Some(&name),
            customer: None,
            props: json!({ "site_type": site_type }),
            identity: Identity::Person { set: object(traits), set_once: object(json!({})), anonymous: None },
        });
        if !chance.happens(0.78) {
            continue;
        }
        // Most look into their mail at once, some next morning.
        at = after(at, if chance.happens(0.85) { chance.between(30_000, 20 * MINUTE) } else { chance.between(8 * HOUR, 20 * HOUR) });
        made.tell("email_verified", at, who, json!({}));
        let build = Build { who, site_type, industry, succeeds: 0.86 };
        let mut live = builds::one(&build, after(at, 5_000), &mut chance, made);
        if live.is_none() && chance.happens(0.5) {
            live = builds::one(&build, after(at, chance.between(4 * MINUTE, HOUR)), &mut chance, made);
        }
        // Who has a site comes back more often; fewer each week.
        let mut returns = if live.is_some() { 0.55 } else { 0.2 };
        for week in 1..=8 {
            if chance.happens(returns) {
                let back = after(at, week * 7 * DAY + chance.between(-2 * DAY, 2 * DAY));
                made.tell("visit", back, who, json!({ "referrer": "direct", "path": "/sites" }));
                returns *= 0.88;
            } else {
                returns *= 0.6;
            }
        }
    }
}
