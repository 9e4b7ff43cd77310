//! Invoices: one every thirty days, paid on time, late or not at all.

use serde_json::json;

use super::activity::owner;
use super::chance;
use super::customer::{Course, SampleCustomer};
use super::{DAY, HOUR, House, Made, after};
use crate::Day;

/// Days between two invoices, and until one is due.
const PERIOD: i64 = 30;
const DUE: i64 = 14;

/// Issues the invoice of this day, if it has one, and tells of its payment.
pub(super) fn of_day(house: &House, customer: &SampleCustomer, day: Day, made: &mut Made) {
    let Some(amount) = price(customer) else { return };
    // Counted from a day of its own, so that not all are billed at once; nobody is before having been there for a period.
    let age = day.0 - customer.joined.0;
    let is_gone = matches!(customer.course, Course::Gone(gone) if day >= gone);
    if age < PERIOD || age % PERIOD != 0 || is_gone {
        return;
    }
    let mut chance = house.chance(chance::INVOICES, day, customer.number);
    let issued = after(house.calendar.start(day), 6 * HOUR);
    let due = after(issued, DUE * DAY);
    let invoice = format!("R-{}-{:03}", customer.number, age / PERIOD);
    let props = json!({
        "invoice": invoice, "amount": amount, "currency": customer.currency, "issued_at": issued.rfc3339(), "due_at": due.rfc3339(),
    });
    made.tell("invoice_issued", issued, owner(customer), props);
    let last = house.calendar.day(house.wish.until);
    let on_time = match customer.course {
        Course::Growing | Course::Steady | Course::New => 0.92,
        Course::Fading | Course::Gone(_) if customer.intensity(day, last) > 0.7 => 0.75,
        Course::Fading | Course::Gone(_) => 0.35,
    };
    let paid = if chance.happens(on_time) {
        after(issued, chance.between(DAY, DUE * DAY))
    } else if chance.happens(if customer.course.is_content() { 0.9 } else { 0.5 }) {
        after(due, chance.between(DAY, 25 * DAY))
    } else {
        return;
    };
    made.tell(
        "invoice_paid",
        paid,
        owner(customer),
        json!({ "invoice": invoice, "amount": amount, "currency": customer.currency, "paid_at": paid.rfc3339() }),
    );
}

/// The price of the plan in minor units.
fn price(customer: &SampleCustomer) -> Option<i64> {
    match customer.plan {
        "starter" => Some(1_200),
        "pro" => Some(3_900),
        "scale" => Some(14_900),
        _ => None,
    }
}
