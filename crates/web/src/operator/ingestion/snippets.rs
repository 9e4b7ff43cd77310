//! What to paste into a program so that it sends events here.

use maud::{Markup, html};
use ui::card::{self, Card};
use ui::copy;

/// Where a customer's id belongs.
const CUSTOMER: &str = "cust_…";

/// A way to send: heading and text, with `HOST` for our address.
const SNIPPETS: &[(&str, &str, &str)] = &[
    (
        "curl",
        "One event, a list, or {\"events\": […]}; each gets its own result.",
        r#"curl HOST/api/customers/CUSTOMER/events \
  -H "Authorization: Bearer $INNKEEPER_KEY" -H "Content-Type: application/json" \
  -d '{"name": "feature_used", "id": "my-unique-id", "person": "user-17", "properties": {"feature": "invoices"}}'"#,
    ),
    (
        "CloudEvents",
        "One (application/cloudevents+json), many (application/cloudevents-batch+json), or with attributes as headers.",
        r#"curl HOST/cloudevents \
  -H "Authorization: Bearer $INNKEEPER_KEY" -H "Content-Type: application/cloudevents+json" \
  -d '{"specversion": "1.0", "id": "my-unique-id", "source": "/shop", "type": "feature_used", "customerid": "CUSTOMER", "person": "user-17", "data": {"feature": "invoices"}}'"#,
    ),
    (
        "JavaScript (posthog-node)",
        "PostHog's SDK with host and key changed.",
        r#"import { PostHog } from 'posthog-node'

const client = new PostHog(process.env.INNKEEPER_KEY, { host: 'HOST' })
client.capture({ distinctId: 'user-17', event: 'feature_used', properties: { feature: 'invoices' }, groups: { customer: 'CUSTOMER' } })
await client.shutdown()"#,
    ),
    (
        "Python (posthog)",
        "PostHog's SDK with host and key changed.",
        r#"import os
from posthog import Posthog

client = Posthog(os.environ["INNKEEPER_KEY"], host="HOST")
client.capture("feature_used", distinct_id="user-17", properties={"feature": "invoices"}, groups={"customer": "CUSTOMER"})
client.shutdown()"#,
    ),
    (
        "JavaScript (Segment)",
        "Segment's SDK with host and write key changed.",
        r#"import { Analytics } from '@segment/analytics-node'

const analytics = new Analytics({ writeKey: process.env.INNKEEPER_KEY, host: 'HOST' })
analytics.track({ userId: 'user-17', event: 'feature_used', properties: { feature: 'invoices' }, context: { groupId: 'CUSTOMER' } })
await analytics.closeAndFlush()"#,
    ),
    (
        "Python (Segment)",
        "Segment's SDK with host and write key changed.",
        r#"import os
import segment.analytics as analytics

analytics.write_key = os.environ["INNKEEPER_KEY"]
analytics.host = "HOST"
analytics.track("user-17", "feature_used", {"feature": "invoices"}, context={"groupId": "CUSTOMER"})
analytics.shutdown()"#,
    ),
];

/// Shows them.
pub fn show(origin: &str) -> Markup {
    card::card(Card {
        title: "How to send",
        help: "Keys in a browser can be read by everyone who opens the page. Give a browser the token of one customer, never one of your own.",
        body: html! {
            @for (title, hint, text) in SNIPPETS {
                @let filled = text.replace("HOST", origin).replace("CUSTOMER", CUSTOMER);
                details.fold open[*title == "curl"] {
                    summary { (title) }
                    p.hint { (hint) }
                    div.row { pre.log-text tabindex="0" { (filled) } (copy::copy_button(title, &filled)) }
                }
            }
        },
        ..Card::default()
    })
}
