//! Each format as its SDKs send it: bodies as they were seen on the wire, and what becomes of them.

use accounts::CustomerId;
use kit::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::Identity;

/// 2026-01-14T12:00:00Z.
const NOON: Timestamp = Timestamp(1_768_392_000_000);

fn customer() -> CustomerId {
    CustomerId::parse("cust_aaaaaaaaaaaa").unwrap()
}

fn house() -> Sender {
    Sender { tenant: None, customer: None, received_at: NOON, key: None }
}

fn rules() -> Rules {
    Rules::removing(["password", "card_number"])
}

fn read_by(door: Door, body: &Value, sender: &Sender) -> Vec<Item> {
    let text = body.to_string();
    Envelope::read(door, &text).unwrap().items(&text, sender, &rules())
}

fn read(door: Door, body: &Value) -> Vec<Item> {
    read_by(door, body, &house())
}

fn one(door: Door, body: &Value) -> Item {
    read(door, body).pop().unwrap()
}

fn event(door: Door, body: &Value) -> NewEvent {
    one(door, body).event.unwrap()
}

fn trouble(door: Door, body: &Value) -> Trouble {
    one(door, body).event.unwrap_err().trouble
}

/// Everything of an event that matters, on one line.
fn told(event: &NewEvent) -> String {
    let identity = match &event.identity {
        Identity::None => String::new(),
        other => format!(" {other:?}"),
    };
    let customer = event.customer.as_ref().map_or("-", |customer| customer.as_str());
    let person = event.person.as_deref().unwrap_or("-");
    format!("{} {} {} by {person} of {customer} {}{identity}", event.source.as_str(), event.id.as_str(), event.name.as_str(), event.props)
}

#[test]
fn a_batch_of_posthogs_python_and_node() {
    let body = json!({
        "api_key": "phc_x", "historical_migration": false, "sent_at": "2026-01-14T11:59:58.000Z",
        "batch": [
            {"event": "build_started", "uuid": "01a1fc3b-5e7c-79f0-a33f-f7738b909cad", "distinct_id": "u1", "timestamp": "2026-01-14T11:59:00.000Z",
             "properties": {"site": "s1", "$groups": {"customer": "cust_aaaaaaaaaaaa", "team": "7"}, "$lib": "posthog-node"}},
            {"event": "$identify", "uuid": "b", "distinct_id": "u1", "properties": {"$set": {"plan": "pro", "password": "x"}, "$set_once": {}, "$anon_distinct_id": "anon-1"}},
            {"event": "$set", "uuid": "c", "distinct_id": "u1", "$set": {"plan": "pro"}},
            {"event": "$create_alias", "uuid": "d", "distinct_id": "u1", "properties": {"distinct_id": "u1", "alias": "anon-2"}},
            {"event": "$groupidentify", "uuid": "e", "distinct_id": "$customer_x",
             "properties": {"$group_type": "customer", "$group_key": "cust_aaaaaaaaaaaa", "$group_set": {"name": "Acme"}}},
            {"event": "shopped", "uuid": "f", "distinct_id": 17, "properties": {"customer_id": "4711", "token": "phc_x"}}
        ]
    });
    let items = read(Door::PosthogV0, &body);
    let lines: Vec<String> = items.iter().map(|item| told(item.event.as_ref().unwrap())).collect();
    let expected = [
        r#"posthog 01a1fc3b-5e7c-79f0-a33f-f7738b909cad build_started by u1 of cust_aaaaaaaaaaaa {"$lib":"posthog-node","site":"s1","$groups":{"team":"7"}}"#,
        r#"posthog b $identify by u1 of - {} Person { set: {"plan": String("pro")}, set_once: {}, anonymous: Some("anon-1") }"#,
        r#"posthog c $set by u1 of - {} Person { set: {"plan": String("pro")}, set_once: {}, anonymous: None }"#,
        r#"posthog d $create_alias by u1 of - {} Alias { other: "anon-2" }"#,
        r#"posthog e $groupidentify by - of cust_aaaaaaaaaaaa {} Customer { set: {"name": String("Acme")} }"#,
        r#"posthog f shopped by 17 of - {"customer_id":"4711"}"#,
    ];
    assert_eq!(lines, expected);
    // The sender's clock is two seconds behind.
    assert_eq!(items[0].event.as_ref().unwrap().at, Timestamp(NOON.0 - 58_000));
    assert_eq!(items[1].event.as_ref().unwrap().at, NOON);
    assert_eq!(items[1].notes, [Trouble::RemovedKeys]);
}

#[test]
fn clocks_are_not_corrected_where_the_sender_forbids_it() {
    let sent = "2026-01-14T10:00:00Z";
    let at = "2026-01-14T09:00:00Z";
    let told = |door, event: Value| super::tests::event(door, &json!({"api_key": "k", "sent_at": sent, "batch": [event]})).at;
    let plain = json!({"event": "a", "uuid": "1", "distinct_id": "u", "timestamp": at});
    assert_eq!(told(Door::PosthogV0, plain), Timestamp(NOON.0 - 3_600_000));
    let ignoring = json!({"event": "a", "uuid": "1", "distinct_id": "u", "timestamp": at, "properties": {"$ignore_sent_at": true}});
    assert_eq!(told(Door::PosthogV0, ignoring), Timestamp(NOON.0 - 3 * 3_600_000));
    let disabled = json!({"event": "a", "uuid": "1", "distinct_id": "u", "timestamp": at, "options": {"disable_skew_correction": true}});
    assert_eq!(told(Door::PosthogV1, disabled), Timestamp(NOON.0 - 3 * 3_600_000));
    let before = json!({"event": "a", "uuid": "1", "distinct_id": "u", "offset": 5000});
    assert_eq!(told(Door::PosthogV0, before), Timestamp(NOON.0 - 5_000));
}

#[test]
fn a_batch_of_segments_clients() {
    let body = json!({
        "writeKey": "wk", "sentAt": "2026-01-14T12:00:00.000Z",
        "batch": [
            {"type": "track", "messageId": "node-next-1795233112307-x", "userId": "u1", "anonymousId": null, "event": "Build Started",
             "timestamp": "2026-01-14T11:59:59.000Z", "properties": {"site": "s1"}, "context": {"library": {"name": "x"}, "groupId": "cust_aaaaaaaaaaaa"}, "integrations": {}},
            {"type": "identify", "messageId": "i", "userId": "u1", "anonymousId": "a1", "traits": {"plan": "pro"}},
            {"type": "group", "messageId": "g", "userId": "u1", "groupId": "cust_aaaaaaaaaaaa", "traits": {"name": "Acme"}},
            {"type": "page", "messageId": "p", "anonymousId": "a1", "name": "Home", "category": "Site", "properties": {"url": "https://x.test/"}},
            {"type": "alias", "messageId": "l", "userId": "u1", "previousId": "a9"},
            {"type": "screen", "messageId": "s", "userId": "u1", "name": "Start"}
        ]
    });
    let items = read(Door::SegmentBatch, &body);
    let lines: Vec<String> = items.iter().map(|item| told(item.event.as_ref().unwrap())).collect();
    let expected = [
        r#"segment node-next-1795233112307-x Build Started by u1 of cust_aaaaaaaaaaaa {"site":"s1"}"#,
        r#"segment i $identify by u1 of - {} Person { set: {"plan": String("pro")}, set_once: {}, anonymous: Some("a1") }"#,
        r#"segment g $groupidentify by u1 of cust_aaaaaaaaaaaa {} Customer { set: {"name": String("Acme")} }"#,
        r#"segment p $pageview by a1 of - {"url":"https://x.test/","page_name":"Home","page_category":"Site"}"#,
        r#"segment l $create_alias by u1 of - {} Alias { other: "a9" }"#,
        r#"segment s $screen by u1 of - {"page_name":"Start"}"#,
    ];
    assert_eq!(lines, expected);
    assert_eq!(items[0].event.as_ref().unwrap().at, Timestamp(NOON.0 - 1000));
}

#[test]
fn single_calls_of_segment_are_what_their_address_says() {
    let body = json!({"messageId": "m", "userId": "u", "event": "Paid", "type": "identify", "properties": {}});
    assert_eq!(event(Door::Segment(Call::Track), &body).name.as_str(), "Paid");
    assert_eq!(event(Door::Segment(Call::Page), &body).name.as_str(), "$pageview");
    assert_eq!(trouble(Door::SegmentBatch, &json!({"batch": [{"type": "wonder", "userId": "u"}]})), Trouble::UnknownCall);
    assert_eq!(trouble(Door::SegmentBatch, &json!({"batch": [{"type": "track", "event": "x"}]})), Trouble::MissingPerson);
    assert_eq!(trouble(Door::SegmentBatch, &json!({"batch": [{"type": "group", "userId": "u", "groupId": "acme"}]})), Trouble::OtherGroup);
}

#[test]
fn our_own_format_complains_about_every_field_at_once() {
    let sender = Sender { customer: Some(customer()), ..house() };
    let good = json!({"name": "login", "id": "1", "timestamp": 1_768_391_000_000_i64, "person": "ada", "properties": {"a": [1]}});
    let same =
        json!({"event_type": "login", "event_id": 1, "occurred_at": "2026-01-14T11:43:20Z", "user_id": "ada", "metadata": {"a": [1]}});
    let [good, same] = [good, same].map(|body| read_by(Door::Native, &body, &sender).pop().unwrap().event.unwrap());
    assert_eq!(good, same);
    assert_eq!(told(&good), r#"api 1 login by ada of cust_aaaaaaaaaaaa {"a":[1]}"#);

    let bad = json!({"name": 5.5, "event": "x", "id": {}, "timestamp": "soon", "person": "undefined", "properties": [], "colour": 1});
    let refusal = read_by(Door::Native, &json!({"events": [bad]}), &sender).pop().unwrap().event.unwrap_err();
    let fields: Vec<&str> = refusal.fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, ["colour", "name", "id", "person", "timestamp", "properties"]);
    assert_eq!(refusal.trouble, Trouble::UnknownField);
    for empty in [json!({}), json!({"name": " "}), json!({"name": null})] {
        assert_eq!(trouble(Door::Native, &empty), Trouble::MissingName, "{empty}");
    }
}

#[test]
fn one_bad_event_costs_no_other() {
    let text = r#"{"api_key":"k","batch":[
        {"event":"ok","distinct_id":"u","uuid":"1"},
        5, null, "x", [], {"event":{}}, {"distinct_id":"u"}, {"event":"a"}, {"event":"a","distinct_id":"null"},
        {"event":"a","distinct_id":"u","properties":{"x":1e999}},
        {"event":"a","distinct_id":"u","properties":[1]},
        {"event":"a","event":"b","distinct_id":"u"},
        {"event":"a","distinct_id":"u","uuid":"2","properties":{"half":"\ud83d"}},
        {"event":"ok","distinct_id":"u","uuid":"3"}]}"#;
    let items = Envelope::read(Door::PosthogV0, text).unwrap().items(text, &house(), &rules());
    let outcomes: Vec<&str> =
        items.iter().map(|item| item.event.as_ref().map_or_else(|refusal| refusal.trouble.as_str(), |_| "ok")).collect();
    let expected = [
        "ok",
        "malformed_event",
        "malformed_event",
        "malformed_event",
        "malformed_event",
        "bad_name",
        "missing_name",
        "missing_person",
        "junk_person",
        "malformed_event",
        "bad_properties",
        "malformed_event",
        "ok",
        "ok",
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(items[12].event.as_ref().unwrap().props, "{\"half\":\"\u{fffd}\"}");
}

#[test]
fn samples_hold_no_secrets() {
    let refusal = one(Door::PosthogV0, &json!({"event": "a", "properties": {"password": "hunter2", "in": {"cardNumber": "4111"}}}))
        .event
        .unwrap_err();
    assert_eq!(refusal.sample, r#"{"event":"a","properties":{"in":{}}}"#);
    let unreadable = r#"[{"event":"a","distinct_id":"u","properties":{"password":"hunter2","x":1e999}}]"#;
    let items = Envelope::read(Door::PosthogV0, unreadable).unwrap().items(unreadable, &house(), &rules());
    let refusal = items[0].event.clone().unwrap_err();
    assert!(!refusal.sample.contains("hunter2") && !refusal.message().contains("hunter2"), "{refusal:?}");
}

#[test]
fn a_customers_token_reaches_nobody_else() {
    let own = Sender { tenant: Some(customer()), ..house() };
    let other = "cust_bbbbbbbbbbbb";
    for naming in [
        json!({"event": "a", "uuid": "1", "distinct_id": "u", "properties": {"$groups": {"customer": other}}}),
        json!({"event": "a", "uuid": "1", "distinct_id": "u", "properties": {"customer_id": other}}),
        json!({"event": "$groupidentify", "uuid": "1", "distinct_id": "u", "properties": {"$group_type": "customer", "$group_key": other}}),
    ] {
        let item = read_by(Door::PosthogV0, &json!({"api_key": "k", "batch": [naming]}), &own).pop().unwrap();
        assert_eq!(item.event.unwrap_err().trouble, Trouble::UnknownCustomer);
    }
    let event = |body: Value| read_by(Door::PosthogV0, &json!({"api_key": "k", "batch": [body]}), &own).pop().unwrap().event.unwrap();
    let login = event(json!({"event": "login", "uuid": "1", "distinct_id": "u"}));
    assert_eq!(told(&login), "posthog aaaaaaaaaaaa/1 login by aaaaaaaaaaaa/u of cust_aaaaaaaaaaaa {}");
    let alias = event(json!({"event": "$create_alias", "uuid": "2", "distinct_id": "u", "properties": {"alias": "somebody-elses"}}));
    assert_eq!(alias.identity, Identity::Alias { other: "aaaaaaaaaaaa/somebody-elses".to_owned() });
    let moved = event(
        json!({"event": "$identify", "uuid": "3", "distinct_id": "u", "properties": {"$set": {"customer_id": other, "plan": "pro"}}}),
    );
    let Identity::Person { set, .. } = moved.identity else { panic!("a person") };
    assert_eq!(Value::Object(set), json!({"plan": "pro"}));
}

#[test]
fn large_events_are_refused_one_by_one() {
    let large = "x".repeat(LARGEST_EVENT);
    let batch = json!({"api_key": "k", "batch": [
        {"event": "a", "uuid": "1", "distinct_id": "u", "properties": {"x": large}}, {"event": "b", "uuid": "2", "distinct_id": "u"}]});
    let items = read(Door::PosthogV0, &batch);
    assert_eq!(items[0].event.as_ref().unwrap_err().trouble, Trouble::TooLarge);
    assert!(items[1].event.is_ok());
    assert!(read(Door::PosthogAi, &batch)[0].event.is_ok());
}

mod any {
    use proptest::prelude::*;

    use super::*;

    const DOORS: [Door; 5] = [Door::Native, Door::PosthogV0, Door::PosthogV1, Door::SegmentBatch, Door::Segment(Call::Track)];

    proptest! {
        /// Whatever comes: an answer for each event or a refusal, never a panic, and nothing that a database cannot keep.
        #[test]
        fn bytes_are_survived(text in r#"(\{|\[|\}|\]|:|,|"batch"|"event"|"distinct_id"|"properties"|"\\ud83d"|"\\u0000"|"[a-z$\\"]{0,3}"|null|1e9|-|[0-9]){0,40}"#) {
            for door in DOORS {
                if let Ok(envelope) = Envelope::read(door, &text) {
                    let items = envelope.items(&text, &house(), &rules());
                    prop_assert_eq!(items.len(), envelope.len());
                    for event in items.iter().filter_map(|item| item.event.as_ref().ok()) {
                        prop_assert!(!event.props.contains('\0'), "NUL");
                        prop_assert!(serde_json::from_str::<Value>(&event.props).is_ok());
                    }
                }
            }
        }

        #[test]
        fn events_with_any_names_and_values_are_kept_or_refused(name in ".{0,300}", person in ".{0,300}", id in ".{0,200}", key in ".{0,10}", value in ".{0,50}") {
            let body = json!({"api_key": "k", "batch": [{"event": name, "distinct_id": person, "uuid": id, "properties": {key: value}}]});
            if let Ok(event) = one(Door::PosthogV0, &body).event {
                prop_assert!(!event.name.as_str().chars().any(char::is_control));
                prop_assert!(!event.person.unwrap_or_default().contains('\0'));
                prop_assert!(!event.props.contains('\0'));
            }
        }
    }
}
