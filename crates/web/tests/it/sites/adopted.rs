//! An adopted container on pages and in the API: Site Health, and nothing that is only true of sites made here.

use accounts::{CustomerId, Role};
use kit::sql;
use web::testing::{TestApp, TestMember};

use super::{new_site, settle};

const CONTAINER: &str = "customer-7-wordpress";

/// An owner and their adopted container, as adopting leaves it.
async fn adopted(test: &TestApp) -> (TestMember, CustomerId, String) {
    let customer = test.customer("Atelier Nord").await;
    let owner = test.owner(&customer).await;
    let site = new_site(test, &owner, "Old shop").await;
    settle(test, &site, "active").await;
    for statement in [
        sql("delete from site_operation where site_id = $1").bind(&site),
        sql("update site set kind = 'adopted', network_slot = -1, template_version = '', last_deployed_at = null where id = $1")
            .bind(&site),
        sql("insert into adopted_container (site_id, container, adopted_at) values ($1, $2, 1)").bind(&site).bind(CONTAINER),
    ] {
        test.app.db.execute(statement).await.unwrap();
    }
    (owner, customer, site)
}

#[tokio::test(flavor = "multi_thread")]
async fn its_page_shows_health_and_nothing_of_a_site_made_here() {
    let test = TestApp::start().await;
    let (owner, _, site) = adopted(&test).await;
    let admin = test.passwordless(Role::Admin).await;
    for (who, is_admin) in [(&owner, false), (&admin, true)] {
        let page = test.get(&format!("/sites/{site}")).by(who).send().await;
        assert_eq!(page.status, 200);
        for shown in ["Site Health", "Restart site", "Old shop", "Adopted container"] {
            assert!(page.text.contains(shown), "{shown} is missing");
        }
        for hidden in ["is ready", "Certificate", "Danger zone", ">Visit<", "sites.localhost", "/stop\"", "/delete\"", "/rename\""] {
            assert!(!page.text.contains(hidden), "{hidden} is shown");
        }
        assert_eq!(page.text.contains(CONTAINER), is_admin, "who sees the container's name");
        assert_eq!(page.text.contains("/let-go\""), is_admin);
    }
    for list in ["/sites", "/palette.json?q=shop"] {
        let list = test.get(list).by(&owner).send().await.text;
        assert!(list.contains("Old shop") && !list.contains("sites.localhost"), "{list}");
    }
    let csv = test.get("/admin/sites.csv").by(&admin).send().await.text;
    assert!(csv.contains("Old shop") && !csv.contains("sites.localhost"), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_more_than_a_restart_is_a_conflict() {
    let test = TestApp::start().await;
    let (owner, _, site) = adopted(&test).await;
    let address = format!("/api/sites/{site}");
    for (method, path) in [("PATCH", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/stop"), ("POST", "/restore"), ("POST", "/discard")]
    {
        let ask = test.ask(method.parse().unwrap(), &format!("{address}{path}")).by(&owner);
        let ask = if method == "PATCH" { ask.json(&serde_json::json!({ "site_name": "New" })) } else { ask };
        let reply = ask.send().await;
        assert_eq!(reply.status, 409, "{method} {path}: {}", reply.text);
        assert!(reply.json()["detail"].as_str().unwrap().contains("restarted or let go"), "{}", reply.text);
    }
    assert_eq!(test.post(&format!("/sites/{site}/reveal")).by(&owner).form(&[]).send().await.status, 409);
    let seen = test.get(&address).by(&owner).send().await.json();
    assert_eq!(seen["site_type"], "adopted");
    for nothing in ["domain", "url", "repo_url", "ssl_status"] {
        assert!(seen[nothing].is_null(), "{nothing}: {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_lets_it_go_by_page_and_by_api() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let (owner, _, site) = adopted(&test).await;
    let reply = test.post(&format!("/sites/{site}/let-go")).by(&admin).form(&[]).send().await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/admin/sites"));
    assert_eq!(test.get(&format!("/sites/{site}")).by(&owner).send().await.status, 404);

    let (_, _, site) = adopted(&test).await;
    let address = format!("/api/containers/{site}");
    assert_eq!(test.ask("DELETE".parse().unwrap(), &address).by(&admin).send().await.status, 204);
    assert_eq!(test.ask("DELETE".parse().unwrap(), &address).by(&admin).send().await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn complaints_stand_beside_their_fields_and_what_was_typed_is_kept() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let (_, customer, _) = adopted(&test).await;
    let list = test.get("/admin/sites").by(&admin).send().await.text;
    assert!(list.contains("href=\"/admin/sites/adopt\""));
    let typed = [("container", "<b>$(id)"), ("customer", customer.as_str()), ("site_name", "Mine")];
    let page = test.post("/admin/sites/adopt").by(&admin).form(&typed).send().await;
    assert_eq!(page.status, 422);
    assert!(page.text.contains("This container must be the name of a container"), "{}", page.text);
    assert!(page.text.contains("value=\"&lt;b&gt;$(id)\"") && page.text.contains("value=\"Mine\""));
    let page = test.post("/admin/sites/adopt").by(&admin).form(&[("container", CONTAINER), ("customer", "")]).send().await;
    assert_eq!(page.status, 422);
    assert!(page.text.contains("Choose whose it is to be."), "{}", page.text);
}
