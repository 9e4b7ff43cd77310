//! Tells open pages what an action changed: slices without a bus of their own leave it to the surface that called them.

use accounts::CustomerId;

use crate::app::App;

/// Members, invitations or tokens of a customer, or of the house.
pub fn members(app: &App, customer: Option<&CustomerId>) {
    tell(app, customer, "members");
}

/// A customer's name, state or existence.
pub fn customer(app: &App, customer: &CustomerId) {
    app.bus.signal(format!("customer:{customer}"), "customers");
    app.bus.signal("operators", "customers");
    audit(app, Some(customer));
}

/// Owners, notes, tasks, segments or plays: matters of the house, of which customers' rooms hear nothing.
pub fn follow_ups(app: &App) {
    app.bus.signal("operators", "follow-ups");
    audit(app, None);
}

/// The audit log has a new line.
pub fn audit(app: &App, customer: Option<&CustomerId>) {
    if let Some(customer) = customer {
        app.bus.signal(format!("customer:{customer}"), "audit");
    }
    app.bus.signal("operators", "audit");
}

fn tell(app: &App, customer: Option<&CustomerId>, topic: &str) {
    if let Some(customer) = customer {
        app.bus.signal(format!("customer:{customer}"), topic);
    }
    app.bus.signal("operators", topic);
    audit(app, customer);
}
