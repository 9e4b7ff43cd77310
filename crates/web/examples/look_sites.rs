//! Temporary: serves sample sites to look at.
use accounts::Role;
use kit::{Clock, sql};
use web::testing::TestApp;

#[tokio::main]
async fn main() {
    let test = TestApp::start_on(kit::testing::sqlite().await, |config| config.hosting.sites_per_customer = 40).await;
    let app = &test.app;
    let customer = test.customer("Atelier Nord").await;
    let owner = test.owner(&customer).await;
    let admin = test.member(Role::Admin).await;
    let make = async |name: &str, sub: &str| {
        let body = serde_json::json!({"site_type":"portfolio","site_name":name,"subdomain":sub});
        test.post("/api/sites").by(&owner).json(&body).send().await.json()["app_id"].as_str().unwrap().to_owned()
    };
    let now = app.clock.now();
    let old = kit::Timestamp(now.0 - 40_000);
    let mut ids = vec![];
    for (name, sub, state) in [
        ("Atelier Nord", "atelier-nord", "active"),
        ("Kaffee & Korn", "kaffee-und-korn", "stopped"),
        ("Musikschule am Alten Hafen und in der Speicherstadt von Hamburg e. V. <3", "musikschule-am-alten-hafen-hamburg", "provisioning"),
        ("Velo Lund", "velo-lund", "failed"),
        ("Waldwege", "waldwege", "archived"),
        ("Busy bee", "busy-bee", "busy"),
    ] {
        let id = make(name, sub).await;
        let op = "(select id from site_operation where site_id = $1)";
        match state {
            "provisioning" => {
                app.db.execute(sql("update site_step set state='done', started_at=$2, finished_at=$3 where position < 6 and operation_id in (select id from site_operation where site_id=$1)").bind(&id).bind(old).bind(kit::Timestamp(old.0+310))).await.unwrap();
                app.db.execute(sql("update site_step set state='running', started_at=$2, error='Docker did not answer within 5 s (trying again)' where position = 6 and operation_id in (select id from site_operation where site_id=$1)").bind(&id).bind(kit::Timestamp(old.0+310))).await.unwrap();
            }
            "failed" => {
                app.db.execute(sql("update site_step set state='done', started_at=$2, finished_at=$3, detail='42 files' where position < 7 and operation_id in (select id from site_operation where site_id=$1)").bind(&id).bind(old).bind(kit::Timestamp(old.0+310))).await.unwrap();
                app.db.execute(sql("update site_step set state='failed', started_at=$2, finished_at=$3, error='the containers did not start: api is unhealthy – dependency failed to start' where position = 7 and operation_id in (select id from site_operation where site_id=$1)").bind(&id).bind(kit::Timestamp(old.0+310)).bind(now)).await.unwrap();
                app.db.execute(sql("update site_operation set state='failed', finished_at=$2, error='x' where site_id=$1").bind(&id).bind(now)).await.unwrap();
                app.db.execute(sql("update site set state='failed' where id=$1").bind(&id)).await.unwrap();
            }
            _ => {
                app.db.execute(sql("update site_step set state='done', started_at=$2, finished_at=$2 where operation_id in (select id from site_operation where site_id=$1)").bind(&id).bind(old)).await.unwrap();
                app.db.execute(sql("update site_operation set state='done', finished_at=$2 where site_id=$1").bind(&id).bind(now)).await.unwrap();
                let to = if state == "busy" { "active" } else { state };
                let archived = (state == "archived").then_some(now);
                app.db.execute(sql("update site set state=$2, last_deployed_at=$3, archived_at=$4, certificate_state=$5, certificate_expires_at=$6, certificate_error=$7 where id=$1").bind(&id).bind(to).bind(now).bind(archived)
                    .bind(if state=="busy" {"failed"} else {"valid"}).bind((state!="busy").then_some(kit::Timestamp(now.0+80*86_400_000))).bind((state=="busy").then(|| "DNS problem: NXDOMAIN looking up A for busy-bee.sites.localhost".to_owned()))).await.unwrap();
            }
        }
        let _ = op;
        ids.push((state, id));
        app.clock.advance(std::time::Duration::from_secs(60));
    }
    for (state, id) in &ids {
        if *state == "busy" { test.post(&format!("/sites/{id}/stop")).by(&owner).form(&[]).send().await; }
    }
    let _ = Clock::System;
    println!("{}", serde_json::json!({"base": format!("http://{}", test.address), "owner": owner.cookie, "admin": admin.cookie, "customer": customer.as_str(), "sites": ids.iter().map(|(s,i)| (s.to_string(), i.clone())).collect::<std::collections::BTreeMap<_,_>>() }));
    tokio::time::sleep(std::time::Duration::from_secs(1500)).await;
}
