//! The events that Innkeeper knows by name, and what each counts as. All others are custom events and count as actions.
