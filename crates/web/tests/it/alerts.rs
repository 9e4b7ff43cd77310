//! What wakes people, as the operator sees it.

use accounts::{Actor, Role, Standing};
use alerts::evaluate;
use kit::sql;
use web::testing::{Reply, TestApp, TestMember};

const HOSTILE: &str = "Café <script>alert(1)</script>";

struct Scene {
    test: TestApp,
    ada: TestMember,
}

async fn scene() -> Scene {
    let test = TestApp::start().await;
    let ada = test.passwordless(Role::Admin).await;
    Scene { test, ada }
}

impl Scene {
    async fn get(&self, path: &str) -> Reply {
        self.test.get(path).by(&self.ada).send().await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.test.post(path).by(&self.ada).form(fields).send().await
    }

    /// A site of a customer with a hostile name, which does not answer.
    async fn a_site_is_down(&self) -> String {
        let customer = self.test.customer("Kaffee <b>& Korn</b>").await;
        self.test.passwordless(Role::Customer { customer: customer.clone(), standing: Standing::Owner }).await;
        let new = hosting::sites::NewSite {
            kind: hosting::templates::Kind::Portfolio,
            name: hosting::names::SiteName::parse("Atelier <i>Nord</i>").unwrap(),
            subdomain: None,
            custom_domain: None,
        };
        let site = hosting::sites::create(&self.test.app.hosting, &Actor::cli(), &customer, &new).await.unwrap().id;
        let insert =
            sql("insert into incident (id, site_id, service, state, cause, started_at) values ('inc_a', $1, 'www', 'error', 'died', $2)");
        self.test.app.db.execute(insert.bind(&site).bind(self.test.app.clock.now())).await.unwrap();
        site.to_string()
    }
}

fn rule<'a>(name: &'a str, extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("name", name),
        ("metric", "sites_down"),
        ("is", "at_least"),
        ("value", "1"),
        ("window_minutes", "5"),
        ("hold_minutes", "0"),
        ("keep_minutes", "0"),
        ("min_samples", "0"),
        ("no_data", "show"),
        ("no_data_minutes", "60"),
        ("severity", "critical"),
        ("wait_seconds", "0"),
        ("interval_minutes", "5"),
        ("repeat_minutes", "240"),
        ("quiet_from", "22:00"),
        ("quiet_to", "07:00"),
        ("channel", "chan_000000000000000001"),
        ("active", "on"),
    ];
    usual.into_iter().filter(|(name, _)| !extra.iter().any(|(other, _)| other == name)).chain(extra.iter().copied()).collect()
}

#[tokio::test]
async fn an_alert_is_shown_with_what_it_rests_on_and_silenced() {
    let scene = scene().await;
    assert!(scene.get("/admin/alerts").await.text.contains("Nothing is wrong"));
    let made = scene.post("/admin/alerts/rules/new", &rule(HOSTILE, &[])).await;
    assert_eq!(made.status, 303, "{}", made.text);
    let site = scene.a_site_is_down().await;
    let looked = evaluate::look(&scene.test.app.alerts).await.unwrap();
    assert_eq!((looked.fired, looked.messages), (1, 1), "the admin is told");

    let page = scene.get("/admin/alerts").await.text;
    assert!(page.contains("1 alert firing") && page.contains("Sites down: 1 sites (at least 1 sites)"), "{page}");
    assert!(page.contains("Café &lt;script&gt;") && !page.contains("<script>alert"), "{page}");
    let (id,): (String,) = scene.test.app.db.one(sql("select id from alert")).await.unwrap();
    let one = scene.get(&format!("/admin/alerts/{id}")).await.text;
    assert!(
        one.contains("Atelier &lt;i&gt;Nord") && one.contains("www is down for 0 min") && one.contains(&format!("/sites/{site}")),
        "{one}"
    );
    assert!(one.contains("Sites with an open incident") && !one.contains("<script>alert"));
    assert!(scene.get("/admin/alerts/deliveries").await.text.contains("Alerting: Café"), "the delivery log");

    // The link on the alert fills in the form.
    let (rule_id,): (String,) = scene.test.app.db.one(sql("select rule_id from alert")).await.unwrap();
    let form = scene.get(&format!("/admin/alerts/silences?rule={rule_id}")).await.text;
    assert!(form.contains(&format!("value=\"{rule_id}\" selected")), "{form}");
    let silenced = scene.post("/admin/alerts/silences", &[("rule", &rule_id), ("comment", HOSTILE), ("hours", "4")]).await;
    assert_eq!(silenced.status, 303);
    assert!(scene.get("/admin/alerts").await.text.contains("Silenced"));
    assert_eq!(scene.post("/admin/alerts/silences", &[("comment", ""), ("hours", "4")]).await.status, 422);

    let api = scene.test.get("/api/alerts?state=open").token(&scene.test.token(&scene.ada, "admin").await).send().await.json();
    assert_eq!((api["items"][0]["value"].as_f64(), api["items"][0]["evidence"]["affected"][0]["kind"].as_str()), (Some(1.0), Some("site")));
    let moved = scene.get("/api/analytics/dashboard/alerts/").await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (303, "/admin/alerts"));
}

#[tokio::test]
async fn a_rule_is_tried_before_it_is_saved_and_keeps_what_was_typed() {
    let scene = scene().await;
    scene.a_site_is_down().await;
    let tried = scene.post("/admin/alerts/rules/new", &rule(HOSTILE, &[("do", "try")])).await;
    assert_eq!(tried.status, 200, "{}", tried.text);
    assert!(tried.text.contains("It would have fired once.") && tried.text.contains("Café &lt;script&gt;"), "{}", tried.text);
    assert!(tried.text.len() <= 60 * 1024, "{}", tried.text.len());
    let count = async || scene.test.app.db.one::<(i64,)>(sql("select cast(count(*) as bigint) from alert_rule")).await.unwrap().0;
    assert_eq!(count().await, 4, "nothing is saved by a try");

    for (field, value, says) in [
        ("value", "much", "Must be a number"),
        ("quiet_from", "ten", "Must be a time of day"),
        ("metric", "love", "Choose one of the figures"),
        ("window_minutes", "0", "Must be 1 to 10080 minutes"),
        ("name", "", "name"),
    ] {
        let refused = scene.post("/admin/alerts/rules/new", &rule("Down", &[(field, value)])).await;
        assert_eq!(refused.status, 422, "{field}");
        assert!(refused.text.contains(says), "{field}: {}", refused.text);
    }
    assert_eq!(scene.post("/admin/alerts/rules/new", &rule("Down", &[("colour", "red")])).await.status, 422);
    assert_eq!(count().await, 4);

    scene.post("/admin/alerts/rules/new", &rule("Down", &[])).await;
    let (id,): (String,) = scene.test.app.db.one(sql("select id from alert_rule where name = 'Down'")).await.unwrap();
    let page = scene.get(&format!("/admin/alerts/rules/{id}")).await.text;
    assert!(page.contains("value=\"22:00\"") && page.contains("value=\"chan_000000000000000001\" checked"), "{page}");
    assert!(page.contains(&format!("/admin/alerts/rules/{id}/replay")), "the last days are fetched when the page stands");
    let part = scene.test.get(&format!("/admin/alerts/rules/{id}/replay")).by(&scene.ada).header("hx-request", "true").send().await.text;
    assert!(part.contains("It would have fired once.") && !part.contains("<html"), "{part}");
    scene.post(&format!("/admin/alerts/rules/{id}/change"), &rule("Down", &[("active", "")])).await;
    assert!(scene.get("/admin/alerts/rules").await.text.contains("Paused"));
}

#[tokio::test]
async fn a_channels_secret_is_shown_once() {
    let scene = scene().await;
    let made = scene
        .post("/admin/alerts/channels/new", &[("name", HOSTILE), ("kind", "webhook"), ("url", "https://example.com/hook?token=word")])
        .await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert!(made.text.contains("Shown this once") && !made.text.contains("<script>alert"));
    let (id,): (String,) = scene.test.app.db.one(sql("select id from alert_channel where kind = 'webhook'")).await.unwrap();
    let page = scene.get(&format!("/admin/alerts/channels/{id}")).await.text;
    assert!(!page.contains("Shown this once") && page.contains("Sends to example.com."), "{page}");
    assert!(!scene.get("/admin/alerts/channels").await.text.contains("token=word"), "the address is a secret, too");
    let inside = scene.post("/admin/alerts/channels/new", &[("name", "x"), ("kind", "webhook"), ("url", "http://127.0.0.1/")]).await;
    assert_eq!(inside.status, 422);
    assert_eq!(scene.post("/admin/alerts/channels/new", &[("name", "x"), ("kind", "mail")]).await.status, 422, "nobody would be told");
}
