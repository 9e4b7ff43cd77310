use accounts::AuditId;
use kit::Clock;

use super::*;

fn happened(went_well: bool) -> Happened {
    Happened {
        of_what: "deploy-20260701-100000".to_owned(),
        at: Timestamp(2_000),
        began_at: Some(Timestamp(500)),
        went_well,
        detail: "push".to_owned(),
        site_id: hosting::SiteId::parse("app_aaaaaaaa").unwrap(),
        customer_id: CustomerId::parse("cust_aaaaaaaaaaaa").unwrap(),
    }
}

#[test]
fn what_happens_to_a_site_is_told_by_the_names_of_the_catalogue() {
    let name = |kind, went_well| of_site(kind, &happened(went_well)).name.as_str().to_owned();
    assert_eq!(name(Kind::DeployEnded, true), "deploy_succeeded");
    assert_eq!(name(Kind::DeployEnded, false), "deploy_failed");
    assert_eq!(name(Kind::BuildEnded, false), "build_failed");
    assert_eq!(name(Kind::Restarted, true), "restart");
    assert_eq!(name(Kind::Failed, false), "error");
    let event = of_site(Kind::DeployEnded, &happened(true));
    assert_eq!(event.props, r#"{"deployment":"deploy-20260701-100000","duration_ms":1500,"kind":"push","site":"app_aaaaaaaa"}"#);
    assert_eq!(event.customer.unwrap().as_str(), "cust_aaaaaaaaaaaa");
}

#[test]
fn ids_are_made_from_rows() {
    let id = |kind, at| of_site(kind, &Happened { at: Timestamp(at), ..happened(true) }).id.as_str().to_owned();
    assert_eq!(id(Kind::BuildEnded, 7), id(Kind::BuildEnded, 7), "told twice, it is the same event");
    assert_ne!(id(Kind::BuildEnded, 7), id(Kind::BuildEnded, 8), "a second try is another");
    assert_ne!(id(Kind::BuildStarted, 7), id(Kind::BuildEnded, 7));
}

#[test]
fn sign_ins_of_staff_are_not_told() {
    let clock = Clock::manual(Timestamp(1_768_386_600_000));
    let row = |customer: Option<&str>| AuditRow {
        id: AuditId::new(&clock),
        at: clock.now(),
        member_id: Some(accounts::MemberId::new(&clock)),
        actor_name: "Ada <b>".to_owned(),
        how: "session".to_owned(),
        token_id: None,
        customer_id: customer.map(|id| CustomerId::parse(id).unwrap()),
        action: "session.open".to_owned(),
        subject: "ses_x".to_owned(),
        detail: json!({ "by": "password", "user_agent": "x" }),
        ip: Some("192.0.2.1".to_owned()),
    };
    assert!(sign_in(row(None)).is_none());
    let event = sign_in(row(Some("cust_aaaaaaaaaaaa"))).unwrap();
    assert_eq!(
        (event.name.as_str(), event.props.as_str()),
        ("login", r#"{"method":"password"}"#),
        "no address and no browser is passed on"
    );
    assert!(matches!(event.identity, Identity::Person { set, .. } if set["name"] == "Ada <b>"));
}
