//! What one customer and its people do on one day.

use serde_json::json;

use super::chance::{self, Chance};
use super::customer::{Course, SampleCustomer, Segment};
use super::words::TICKETS;
use super::{DAY, HOUR, Happening, House, MINUTE, Made, Who, after, builds, money, object};
use crate::{Day, Identity};

/// Adds all that happens at a customer on a day.
pub(super) fn of_day(house: &House, customer: &SampleCustomer, day: Day, made: &mut Made) {
    let last = house.calendar.day(house.wish.until);
    let mut chance = house.chance(chance::ACTIVITY, day, customer.number);
    let first_day = customer.joined.max(last.plus(1 - i64::from(house.wish.days)));
    if day == first_day {
        introduce(house, customer, day, made);
    }
    money::of_day(house, customer, day, made);
    if let Course::Gone(gone) = customer.course
        && gone == day
    {
        let at = after(house.calendar.start(day), 11 * HOUR + chance.between(0, 3 * HOUR));
        made.tell("subscription_cancelled", at, owner(customer), json!({ "plan": customer.plan, "reason": chance.pick(&REASONS) }));
    }
    let intensity = customer.intensity(day, last) * customer.rhythm(day);
    if intensity <= 0.0 {
        return;
    }
    for (position, person) in customer.people.iter().enumerate() {
        // Owners are there more often than the others.
        let keen = if position == 0 { 0.75 } else { 0.45 };
        if chance.happens((keen * intensity).min(0.97)) {
            let who = Who { person: Some(&person.email), customer: Some(&customer.id) };
            work(house, customer, who, day, intensity, &mut chance, made);
        }
    }
    calls(house, customer, day, intensity, &mut chance, made);
    complaints(house, customer, day, intensity, &mut chance, made);
    trouble(house, customer, day, &mut chance, made);
    let builds = chance.count(intensity * if customer.segment == Segment::Agency { 0.6 } else { 0.15 });
    for _ in 0..builds {
        let person = chance.pick(&customer.people);
        let at = working_hour(house, day, &mut chance);
        let wish = builds::Build {
            who: Who { person: Some(&person.email), customer: Some(&customer.id) },
            site_type: customer.site_type,
            industry: customer.industry,
            succeeds: if customer.course.is_content() { 0.93 } else { 0.68 },
        };
        builds::one(&wish, at, &mut chance, made);
    }
}

const REASONS: [&str; 4] = ["too expensive", "closed the business", "moved to another host", "missing features"];

/// Says who the customer and its people are.
fn introduce(house: &House, customer: &SampleCustomer, day: Day, made: &mut Made) {
    let at = after(house.calendar.start(day), 7 * HOUR);
    let traits = json!({
        "name": customer.name, "plan": customer.plan, "segment": customer.segment.as_str(), "industry": customer.industry,
    });
    made.add(Happening {
        name: "$groupidentify",
        at,
        person: None,
        customer: Some(&customer.id),
        props: json!({ "$group_set": traits }),
        identity: Identity::Customer { set: object(traits.clone()) },
    });
    for person in &customer.people {
        let traits = json!({ "name": person.name, "email": person.email, "customer_id": customer.id.as_str() });
        made.add(Happening {
            name: "$identify",
            at,
            person: Some(&person.email),
            customer: Some(&customer.id),
            props: json!({ "$set": traits }),
            identity: Identity::Person { set: object(traits.clone()), set_once: object(json!({})), anonymous: None },
        });
    }
}

/// A person's day: signs in, uses some features, rates now and then.
fn work(house: &House, customer: &SampleCustomer, who: Who<'_>, day: Day, intensity: f64, chance: &mut Chance, made: &mut Made) {
    for _ in 0..=chance.count(0.35 * intensity) {
        let start = working_hour(house, day, chance);
        let browser = chance.pick(&["Firefox", "Chrome", "Safari", "Edge"]);
        made.tell("login", start, who, json!({ "method": if chance.happens(0.8) { "password" } else { "link" }, "browser": browser }));
        let mut at = start;
        for _ in 0..chance.count(2.6 * intensity) {
            at = after(at, chance.between(MINUTE / 2, 14 * MINUTE));
            // The square makes the first ones of the list the most used.
            let choice = (chance.fraction() * chance.fraction() * customer.features.len() as f64) as usize;
            let feature = customer.features[choice.min(customer.features.len() - 1)];
            made.tell("feature_used", at, who, json!({ "feature": feature, "duration_ms": chance.between(300, 90_000) }));
        }
        if chance.happens(0.02) {
            let rating = if customer.course.is_content() {
                chance.weighted(&[(5, 5), (4, 4), (3, 1)])
            } else {
                chance.weighted(&[(1, 3), (2, 4), (3, 3)])
            };
            let props = match chance.happens(0.6) {
                true => json!({ "rating": rating }),
                false => json!({ "nps": rating * 2, "survey": "quarterly" }),
            };
            made.tell("rating", after(at, MINUTE), who, props);
        }
    }
}

/// Calls of the API, counted by the hour as Innkeeper itself counts them.
fn calls(house: &House, customer: &SampleCustomer, day: Day, intensity: f64, chance: &mut Chance, made: &mut Made) {
    let (hours, mean) = match customer.segment {
        Segment::Agency => (8, 90.0),
        Segment::Shop => (5, 35.0),
        Segment::Studio if customer.plan == "pro" => (2, 12.0),
        _ => return,
    };
    let who = Who { person: None, customer: Some(&customer.id) };
    for hour in 0..hours {
        let count = (mean * intensity * (0.5 + chance.fraction())) as i64;
        if count > 0 {
            let at = after(house.calendar.start(day), (8 + hour) * HOUR + chance.between(0, HOUR));
            made.tell(
                "api_call",
                at,
                who,
                json!({ "count": count, "route": chance.pick(&["/api/sites", "/api/orders", "/api/deployments"]) }),
            );
        }
    }
}

/// Tickets, and their end.
fn complaints(house: &House, customer: &SampleCustomer, day: Day, intensity: f64, chance: &mut Chance, made: &mut Made) {
    let mean = if customer.course.is_content() { 0.015 } else { 0.07 } * customer.people.len() as f64 * intensity.max(0.3);
    for number in 0..chance.count(mean.min(0.6)) {
        let person = chance.pick(&customer.people);
        let who = Who { person: Some(&person.email), customer: Some(&customer.id) };
        let opened = working_hour(house, day, chance);
        let ticket = format!("T-{}-{:x}{number}", customer.number, day.0);
        made.tell("ticket_opened", opened, who, json!({ "ticket": ticket, "subject": chance.pick(TICKETS) }));
        if chance.happens(if customer.course.is_content() { 0.97 } else { 0.8 }) {
            let closed = after(opened, chance.between(HOUR, if customer.course.is_content() { 2 * DAY } else { 8 * DAY }));
            made.tell("ticket_closed", closed, who, json!({ "ticket": ticket }));
        }
    }
}

/// Errors and restarts: a few of everyone's own, many on a day with an incident.
fn trouble(house: &House, customer: &SampleCustomer, day: Day, chance: &mut Chance, made: &mut Made) {
    let who = Who { person: None, customer: Some(&customer.id) };
    let start = house.calendar.start(day);
    if chance.happens(0.01) {
        let at = after(start, chance.between(0, DAY));
        made.tell("error", at, who, json!({ "service": "www", "cause": "answered 502" }));
        made.tell("restart", after(at, chance.between(MINUTE, 9 * MINUTE)), who, json!({ "service": "www", "by": "docker" }));
    }
    for incident in house.incidents.iter().filter(|incident| incident.day == day) {
        if chance.happens(incident.share) {
            let at = after(start, incident.from + chance.between(0, 2 * MINUTE));
            made.tell(
                "error",
                at,
                who,
                json!({ "service": "db", "cause": "no connection", "incident": format!("INC-{}", incident.day.iso()) }),
            );
            let over = after(start, incident.from + incident.millis + chance.between(0, 5 * MINUTE));
            made.tell(
                "restart",
                over,
                who,
                json!({ "service": "db", "by": "operator", "incident": format!("INC-{}", incident.day.iso()) }),
            );
        }
    }
}

pub(super) fn owner(customer: &SampleCustomer) -> Who<'_> {
    Who { person: customer.people.first().map(|person| person.email.as_str()), customer: Some(&customer.id) }
}

/// A moment at which people work: the sum of two even chances has its peak in the middle of the day.
pub(super) fn working_hour(house: &House, day: Day, chance: &mut Chance) -> kit::Timestamp {
    after(house.calendar.start(day), 7 * HOUR + chance.between(0, 7 * HOUR) + chance.between(0, 7 * HOUR))
}
