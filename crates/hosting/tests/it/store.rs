//! The rows of sites: who gets an address, how many, whose they are, and what is told of it.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use accounts::{Actor, AuditQuery, audit};
use futures_util::future::join_all;
use hosting::Hosting;
use hosting::archive::PurgeArchives;
use hosting::names::{Host, SiteName, Subdomain};
use hosting::operations::{self, OperationKind};
use hosting::sites::{self, AddressAnswer, NewSite, Site, SiteFilter, SiteId, SiteSort, SiteState, UpdateSite};
use hosting::templates::Kind;
use kit::jobs::{self, Enqueue, Registry};
use kit::{Error, Result};

use crate::house::{House, complaint, houses, houses_with, new_site, new_site_at};

fn is_missing<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(Error::NotFound(_)))
}

#[tokio::test]
async fn of_two_who_ask_for_one_address_at_once_one_gets_it() {
    for house in houses().await {
        let (ada, ada_actor) = house.customer("ada").await;
        let (bob, bob_actor) = house.customer("bob").await;
        for round in 0..5 {
            let subdomain = format!("same-{round}");
            let (one, other) = tokio::join!(house.create(&ada_actor, &ada, &subdomain), house.create(&bob_actor, &bob, &subdomain));
            let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
            assert_eq!(won.unwrap().domain.as_str(), format!("{subdomain}.sites.test"), "{}", house.on());
            let (field, message) = complaint(lost);
            assert_eq!(field, "subdomain", "{}", house.on());
            assert!(message.contains("is taken"), "{message}");
        }
        assert_eq!(house.test.count("select cast(count(*) as bigint) from site").await, 5);
        // Nothing of the five that lost: no operation, no step, no job, no word in the log.
        assert_eq!(house.test.count("select cast(count(*) as bigint) from site_operation").await, 5);
        assert_eq!(house.test.count("select cast(count(*) as bigint) from job").await, 5);
        assert_eq!(house.test.count("select cast(count(*) as bigint) from audit where action = 'site.create'").await, 5);
    }
}

#[tokio::test]
async fn quota_holds_when_ten_ask_at_once() {
    for house in houses_with(|config| config.sites_per_customer = 3).await {
        let (ada, actor) = house.customer("ada").await;
        let (bob, bob_actor) = house.customer("bob").await;
        house.create(&actor, &ada, "first").await.unwrap();
        house.create(&actor, &ada, "second").await.unwrap();
        let names: Vec<String> = (0..10).map(|number| format!("more-{number}")).collect();
        let outcomes = join_all(names.iter().map(|name| house.create(&actor, &ada, name))).await;
        let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(made, 1, "{}: {outcomes:?}", house.on());
        for outcome in outcomes.into_iter().filter(Result::is_err) {
            let error = outcome.unwrap_err();
            assert!(matches!(&error, Error::Conflict(message) if message.contains("may have 3 sites")), "{}: {error:?}", house.on());
        }
        house.create(&bob_actor, &bob, "of-another-customer").await.unwrap();
    }
}

#[tokio::test]
async fn archived_sites_do_not_count_and_come_back_only_within_the_quota() {
    for house in houses_with(|config| config.sites_per_customer = 1).await {
        let (ada, actor) = house.customer("ada").await;
        let first = house.create(&actor, &ada, "first").await.unwrap();
        house.settle(&first.id, SiteState::Archived).await;
        let second = house.create(&actor, &ada, "second").await.unwrap();
        let refused = operations::request(&house.hosting, &actor, &first.id, OperationKind::Restore).await;
        assert!(matches!(&refused, Err(Error::Conflict(message)) if message.contains("may have 1 site")), "{}: {refused:?}", house.on());
        house.settle(&second.id, SiteState::Archived).await;
        let restored = operations::request(&house.hosting, &actor, &first.id, OperationKind::Restore).await.unwrap();
        assert_eq!(restored.state, SiteState::Restoring);
    }
}

#[tokio::test]
async fn site_of_another_customer_does_not_exist() {
    for house in houses().await {
        let (ada, ada_actor) = house.customer("ada").await;
        let (_, bob) = house.customer("bob").await;
        let (db, hosting) = (&house.hosting.db, &house.hosting);
        let site = house.create(&ada_actor, &ada, "hers").await.unwrap();
        let scope = bob.scope();
        assert!(is_missing(&sites::get(db, &scope, &site.id).await));
        assert!(is_missing(&operations::newest(db, &scope, &site.id).await));
        assert!(is_missing(&operations::history(db, &scope, &site.id).await));
        assert!(is_missing(&sites::create(hosting, &bob, &ada, &new_site("Mine now", "mine").unwrap()).await));
        for kind in OperationKind::ALL {
            assert!(is_missing(&operations::request(hosting, &bob, &site.id, *kind).await), "{kind}");
        }
        house.fail(&site.id, SiteState::Failed).await;
        assert!(is_missing(&operations::retry(hosting, &bob, &site.id).await));
        let change =
            UpdateSite { name: Some(SiteName::parse("Mine now").unwrap()), custom_domain: Some(Some(Host::parse("bob.example").unwrap())) };
        assert!(is_missing(&sites::update(hosting, &bob, &site.id, &change).await));
        assert_eq!(sites::list(db, &scope, &SiteFilter::default()).await.unwrap().len(), 0);
        let filters = [
            SiteFilter { customer: Some(ada.clone()), ..SiteFilter::default() },
            SiteFilter { search: Some("hers".to_owned()), ..SiteFilter::default() },
            SiteFilter { state: Some(SiteState::Failed), sort: SiteSort::Name, ..SiteFilter::default() },
        ];
        for filter in &filters {
            assert_eq!(sites::list(db, &scope, filter).await.unwrap().len(), 0, "{filter:?}");
            assert_eq!(sites::list(db, &ada_actor.scope(), filter).await.unwrap().len(), 1, "{filter:?}");
            assert_eq!(sites::list(db, &Actor::cli().scope(), filter).await.unwrap().len(), 1, "{filter:?}");
        }
        // Nor can it be a place to go on from.
        let after = SiteFilter { after: Some(site.id.clone()), ..SiteFilter::default() };
        assert!(is_missing(&sites::list(db, &scope, &after).await));
        assert_eq!(sites::counts_by_state(db, &scope).await.unwrap(), []);

        let unchanged = sites::get(db, &ada_actor.scope(), &site.id).await.unwrap();
        assert_eq!((unchanged.name, unchanged.state, unchanged.custom_domain), (site.name.clone(), SiteState::Failed, None));
        let told =
            audit::list(db, &Actor::cli(), &AuditQuery { member: bob.member_id().cloned(), ..AuditQuery::default() }).await.unwrap().items;
        assert!(told.iter().all(|row| row.action.starts_with("session.") || row.action.starts_with("sign")), "{told:?}");
    }
}

#[tokio::test]
async fn networks_are_never_shared_and_used_again_once_free() {
    for house in houses_with(|config| config.network_pool = "10.215.0.0/24".to_owned()).await {
        let (ada, actor) = house.customer("ada").await;
        let names: Vec<String> = (0..16).map(|number| format!("site-{number}")).collect();
        let made: Vec<Site> =
            join_all(names.iter().map(|name| house.create(&actor, &ada, name))).await.into_iter().map(Result::unwrap).collect();
        let slots: BTreeSet<i64> = made.iter().map(|site| site.network_slot).collect();
        assert_eq!(slots, (0..16).collect(), "{}", house.on());

        let full = house.create(&actor, &ada, "one-more").await;
        assert!(matches!(&full, Err(Error::Conflict(message)) if message.contains("hosting.network_pool")), "{}: {full:?}", house.on());

        let freed = made.iter().find(|site| site.network_slot == 7).unwrap();
        house.settle(&freed.id, SiteState::Archived).await;
        assert_eq!(house.create(&actor, &ada, "one-more").await.unwrap().network_slot, 7, "{}", house.on());
        let restored = operations::request(&house.hosting, &actor, &freed.id, OperationKind::Restore).await;
        assert!(matches!(restored, Err(Error::Conflict(_))), "{}: {restored:?}", house.on());

        let other = made.iter().find(|site| site.network_slot == 3).unwrap();
        house.settle(&other.id, SiteState::Archived).await;
        let restored = operations::request(&house.hosting, &actor, &freed.id, OperationKind::Restore).await.unwrap();
        assert_eq!(restored.network_slot, 3, "{}", house.on());
    }
}

#[tokio::test]
async fn addresses_are_plain_unreserved_and_free() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        for reserved in ["www", "admin", "brand", "traefik", "app-abcdefgh"] {
            let (field, message) = complaint(Subdomain::parse(reserved, &house.hosting.config.reserved_subdomains));
            assert_eq!(field, "subdomain");
            assert!(message.contains("reserved"), "{message}");
        }
        let site = house.create(&actor, &ada, "München").await.unwrap();
        assert_eq!(site.domain.as_str(), "xn--mnchen-3ya.sites.test");
        let (field, _) = complaint(house.create(&actor, &ada, "xn--mnchen-3ya").await);
        assert_eq!(field, "subdomain");
        let (field, _) = complaint(house.create(&actor, &ada, "MÜNCHEN").await);
        assert_eq!(field, "subdomain");

        let ask = async |label: &str| sites::check_address(&house.hosting, &Subdomain::parse(label, &[]).unwrap()).await.unwrap();
        assert_eq!(ask("münchen").await, AddressAnswer::Taken(site.domain.clone()), "{}", house.on());
        assert!(matches!(ask("muenchen").await, AddressAnswer::Free(host) if host.as_str() == "muenchen.sites.test"));
        house.settle(&site.id, SiteState::Archived).await;
        assert_eq!(ask("münchen").await, AddressAnswer::Taken(site.domain.clone()), "an archived site keeps its address");

        let new = NewSite { subdomain: None, ..new_site("A", "unused").unwrap() };
        let generated = sites::create(&house.hosting, &actor, &ada, &new).await.unwrap();
        assert_eq!(generated.domain.as_str(), format!("{}.sites.test", generated.id.as_str().replace('_', "-")));
    }
}

#[tokio::test]
async fn domain_of_ones_own_is_claimed_once_and_never_the_houses() {
    for house in houses().await {
        let (ada, ada_actor) = house.customer("ada").await;
        let (bob, bob_actor) = house.customer("bob").await;
        let hosting = &house.hosting;
        let first = sites::create(hosting, &ada_actor, &ada, &new_site_at("ada", "WWW.Ada.Example.").unwrap()).await.unwrap();
        assert_eq!(first.custom_domain.as_ref().unwrap().as_str(), "www.ada.example");
        for claimed in ["www.ada.example", "sites.test", "x.sites.test", "deep.below.sites.test", "panel.test", "ada.sites.test"] {
            let (field, _) = complaint(sites::create(hosting, &bob_actor, &bob, &new_site_at("bob", claimed).unwrap()).await);
            assert_eq!(field, "custom_domain", "{claimed}");
        }
        let site = house.create(&bob_actor, &bob, "bob").await.unwrap();
        let claim = |host: &str| UpdateSite { custom_domain: Some(Some(Host::parse(host).unwrap())), name: None };
        for claimed in ["www.ada.example", "ada.sites.test", "panel.test"] {
            let (field, _) = complaint(sites::update(hosting, &bob_actor, &site.id, &claim(claimed)).await);
            assert_eq!(field, "custom_domain", "{claimed}");
        }
        // One's own again is no clash, and one that was given up is free.
        sites::update(hosting, &ada_actor, &first.id, &claim("www.ada.example")).await.unwrap();
        sites::update(hosting, &ada_actor, &first.id, &UpdateSite { custom_domain: Some(None), name: None }).await.unwrap();
        let moved = sites::update(hosting, &bob_actor, &site.id, &claim("www.ada.example")).await.unwrap();
        assert_eq!(moved.custom_domain.unwrap().as_str(), "www.ada.example", "{}", house.on());
    }
}

#[tokio::test]
async fn of_two_claims_on_one_domain_at_once_one_wins() {
    for house in houses().await {
        let (ada, ada_actor) = house.customer("ada").await;
        let (bob, bob_actor) = house.customer("bob").await;
        let hers = house.create(&ada_actor, &ada, "ada").await.unwrap();
        let his = house.create(&bob_actor, &bob, "bob").await.unwrap();
        let claim = UpdateSite { custom_domain: Some(Some(Host::parse("shop.example").unwrap())), name: None };
        let (one, other) = tokio::join!(
            sites::update(&house.hosting, &ada_actor, &hers.id, &claim),
            sites::update(&house.hosting, &bob_actor, &his.id, &claim)
        );
        let lost = if one.is_ok() { other } else { one };
        assert_eq!(complaint(lost).0, "custom_domain", "{}", house.on());
        assert_eq!(house.test.count("select cast(count(*) as bigint) from site where custom_domain is not null").await, 1);
    }
}

#[tokio::test]
async fn list_is_paged_sorted_and_searched_alike_on_both_databases() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let names = ["bravo", "Alpha", "100% _wild_", "charlie", "alpha", "Zulu <b>"];
        for (number, name) in names.iter().enumerate() {
            // Three of them in the same millisecond.
            house.hosting.clock.advance(Duration::from_millis(u64::from(number > 2)));
            sites::create(&house.hosting, &actor, &ada, &new_site(name, &format!("site-{number}")).unwrap()).await.unwrap();
        }
        for sort in [SiteSort::Created, SiteSort::Name] {
            let list = async |after: Option<SiteId>, limit: u32| {
                sites::list(&house.hosting.db, &actor.scope(), &SiteFilter { sort, after, limit, ..SiteFilter::default() }).await.unwrap()
            };
            let all: Vec<String> = list(None, 0).await.into_iter().map(|site| site.name.to_string()).collect();
            let mut paged = Vec::new();
            let mut after = None;
            while paged.len() < 20 {
                let page = list(after.take(), 2).await;
                let Some(last) = page.last() else { break };
                after = Some(last.id.clone());
                paged.extend(page.iter().map(|site| site.name.to_string()));
            }
            assert_eq!(paged, all, "{} {sort:?}", house.on());
            if sort == SiteSort::Name {
                let folded: Vec<String> = all.iter().map(|name| name.to_lowercase()).collect();
                assert!(folded.is_sorted(), "{}: {folded:?}", house.on());
            } else {
                assert_eq!(all[0], "Zulu <b>");
            }
        }
        let search = async |text: &str| {
            let filter = SiteFilter { search: Some(text.to_owned()), ..SiteFilter::default() };
            sites::list(&house.hosting.db, &actor.scope(), &filter).await.unwrap().len()
        };
        let found = [
            search("ALPHA").await,
            search("site-3").await,
            search("%").await,
            search("_").await,
            search("' or 1=1 --").await,
            search("<b>").await,
        ];
        assert_eq!(found, [2, 1, 6, 6, 0, 1], "{}", house.on());
    }
}

#[tokio::test]
async fn search_finds_names_in_any_case_of_any_alphabet() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        for (number, name) in ["Ärzte am Ölberg", "ΑΘΗΝΑ Καφέ", "Bäckerei Müller"].iter().enumerate() {
            sites::create(&house.hosting, &actor, &ada, &new_site(name, &format!("site-{number}")).unwrap()).await.unwrap();
        }
        let search = async |text: &str| {
            let filter = SiteFilter { search: Some(text.to_owned()), ..SiteFilter::default() };
            let found = sites::list(&house.hosting.db, &actor.scope(), &filter).await.unwrap();
            found.iter().map(|site| site.name.as_str().split(' ').next().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        for (text, found) in
            [("ärzte", "Ärzte"), ("ÄRZTE AM ö", "Ärzte"), ("αθη", "ΑΘΗΝΑ"), ("ΚΑΦΈ", "ΑΘΗΝΑ"), ("MÜLL", "Bäckerei"), ("arzte", "")]
        {
            assert_eq!(search(text).await, found, "{}: {text}", house.on());
        }
    }
}

#[tokio::test]
async fn purged_archive_frees_the_address_and_not_before() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let (bob, bob_actor) = house.customer("bob").await;
        let site = house.create(&actor, &ada, "ada").await.unwrap();
        let kept = house.create(&actor, &ada, "kept").await.unwrap();
        house.settle(&site.id, SiteState::Archived).await;
        make_archive(&house, &site);
        let archive = house.hosting.archive_folder(&site);
        house.hosting.clock.advance(Duration::from_secs(7 * 86_400 - 1));
        purge(&house).await;
        assert_eq!(complaint(house.create(&bob_actor, &bob, "ada").await).0, "subdomain", "{}", house.on());
        assert!(archive.join("site.tar.gz").is_file());

        house.hosting.clock.advance(Duration::from_secs(2));
        purge(&house).await;
        assert!(!archive.exists());
        assert!(is_missing(&sites::get_any(&house.hosting.db, &site.id).await));
        assert_eq!(house.create(&bob_actor, &bob, "ada").await.unwrap().domain, site.domain, "{}", house.on());
        assert_eq!(sites::get_any(&house.hosting.db, &kept.id).await.unwrap().id, kept.id);
    }
}

async fn purge(house: &House) {
    let (clock, job) = (&house.hosting.clock, PurgeArchives {});
    house.hosting.db.write(async |tx| jobs::enqueue::<Hosting, _>(&tx, clock, &job, Enqueue::default()).await).await.unwrap();
    house.work(Registry::default().job::<PurgeArchives>()).await;
}

/// An archive as it is after a deletion at this moment of the house.
fn make_archive(house: &House, site: &Site) {
    let archive = house.hosting.archive_folder(site);
    std::fs::create_dir_all(&archive).unwrap();
    std::fs::write(archive.join("site.tar.gz"), "secrets").unwrap();
    let written_at = UNIX_EPOCH + Duration::from_millis(u64::try_from(house.hosting.clock.now().0).unwrap());
    std::fs::File::open(&archive).unwrap().set_modified(written_at).unwrap();
}

#[tokio::test]
async fn purge_finds_what_is_due_among_hundreds_and_leaves_what_is_being_restored() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let old = house.create(&actor, &ada, "old").await.unwrap();
        let restoring = house.create(&actor, &ada, "restoring").await.unwrap();
        for site in [&old, &restoring] {
            house.settle(&site.id, SiteState::Archived).await;
            make_archive(&house, site);
        }
        house.hosting.clock.advance(Duration::from_secs(8 * 86_400));
        let many = "with recursive number (n) as (select 1 union all select n + 1 from number where n < 250)
                    insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets, owner_email,
                                      certificate_state, certificate_attempt, created_at, updated_at, archived_at)
                    select 'app_' || (10000000 + n), $1, 'portfolio', 'One of many', n || '.many.test', 'archived', '1', 'rel_000000000000000001', 0,
                           'sealed', 'a@b.test', 'valid', 0, cast($2 as bigint), cast($2 as bigint), cast($2 as bigint)
                    from number";
        let now = house.hosting.clock.now();
        assert_eq!(house.hosting.db.execute(kit::sql(many).bind(&ada).bind(now)).await.unwrap(), 250);
        operations::request(&house.hosting, &actor, &restoring.id, OperationKind::Restore).await.unwrap();
        // A purge that was interrupted left the first; the second was made just now, and the third is none of ours.
        let (left, young, foreign) = ("app_leftover", "app_youngone", "notes-of-the-operator");
        let folder = house.hosting.data().join("backups/archives");
        for name in [left, young, foreign] {
            std::fs::create_dir(folder.join(name)).unwrap();
        }
        let long_ago = UNIX_EPOCH + Duration::from_millis(u64::try_from(old.created_at.0).unwrap());
        for name in [left, foreign] {
            std::fs::File::open(folder.join(name)).unwrap().set_modified(long_ago).unwrap();
        }
        purge(&house).await;
        assert!(!folder.join(left).exists() && folder.join(young).exists() && folder.join(foreign).exists());
        assert!(is_missing(&sites::get_any(&house.hosting.db, &old.id).await), "{}", house.on());
        assert!(!house.hosting.archive_folder(&old).exists());
        assert!(house.hosting.archive_folder(&restoring).join("site.tar.gz").is_file(), "{}", house.on());
        assert_eq!(house.test.count("select cast(count(*) as bigint) from site").await, 251);
    }
}

#[tokio::test]
async fn every_change_is_told_with_it_and_a_refused_one_is_not() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let hosting = &house.hosting;
        let actions = async || -> Vec<String> {
            hosting.clock.advance(Duration::from_millis(1));
            let rows = audit::list(&hosting.db, &actor, &AuditQuery::default()).await.unwrap().items;
            rows.into_iter().filter(|row| row.action.starts_with("site.")).map(|row| row.action).rev().collect()
        };
        let site = house.create(&actor, &ada, "ada").await.unwrap();
        let _ = house.create(&actor, &ada, "ada").await.unwrap_err();
        assert_eq!(actions().await, ["site.create"]);
        let _ = operations::request(hosting, &actor, &site.id, OperationKind::Stop).await.unwrap_err();
        house.settle(&site.id, SiteState::Active).await;
        operations::request(hosting, &actor, &site.id, OperationKind::Stop).await.unwrap();
        let _ = operations::request(hosting, &actor, &site.id, OperationKind::Stop).await.unwrap_err();
        assert_eq!(actions().await, ["site.create", "site.stop"]);
        house.fail(&site.id, SiteState::Active).await;
        hosting.clock.advance(Duration::from_millis(1));
        operations::retry(hosting, &actor, &site.id).await.unwrap();
        let _ = operations::retry(hosting, &actor, &site.id).await.unwrap_err();
        house.settle(&site.id, SiteState::Stopped).await;
        hosting.clock.advance(Duration::from_millis(1));
        let change = UpdateSite { name: Some(SiteName::parse("New \u{1F331} name").unwrap()), custom_domain: None };
        sites::update(hosting, &actor, &site.id, &change).await.unwrap();
        house.settle(&site.id, SiteState::Stopped).await;
        hosting.clock.advance(Duration::from_millis(1));
        operations::request(hosting, &actor, &site.id, OperationKind::Delete).await.unwrap();
        assert_eq!(actions().await, ["site.create", "site.stop", "site.retry", "site.update", "site.delete"], "{}", house.on());
        let rows = audit::list(&hosting.db, &Actor::cli(), &AuditQuery { action: Some("site.create".to_owned()), ..AuditQuery::default() })
            .await
            .unwrap();
        let row = &rows.items[0];
        assert_eq!((row.customer_id.as_ref(), row.subject.as_str()), (Some(&ada), site.id.as_str()));
        assert_eq!(row.detail["domain"], "ada.sites.test");
    }
}

#[tokio::test]
async fn secrets_are_sealed_for_their_site_alone() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let first = house.create(&actor, &ada, "first").await.unwrap();
        let second = house.create(&actor, &ada, "second").await.unwrap();
        let secrets = first.open_secrets(&house.hosting.key).unwrap();
        let lengths = [&secrets.db_password, &secrets.jwt_secret, &secrets.session_secret, &secrets.owner_password].map(|it| it.len());
        assert_eq!(lengths, [32, 64, 64, 20]);
        assert_ne!(secrets.db_password, second.open_secrets(&house.hosting.key).unwrap().db_password);
        let row: (String,) = house.hosting.db.one(kit::sql("select secrets from site where id = $1").bind(&first.id)).await.unwrap();
        assert!(!row.0.contains(&secrets.db_password) && !row.0.contains("db_password"));
        assert!(!format!("{first:?}").contains(&secrets.db_password));
        assert!(!format!("{secrets:?}").contains(&secrets.db_password));

        // Another site's seal in its row does not open: a swapped row never becomes an empty or a foreign password.
        house.hosting.db.execute(kit::sql("update site set secrets = $2 where id = $1").bind(&second.id).bind(row.0)).await.unwrap();
        let swapped = sites::get_any(&house.hosting.db, &second.id).await.unwrap();
        assert!(matches!(swapped.open_secrets(&house.hosting.key), Err(Error::Internal(_))));
        assert!(first.open_secrets(&kit::secrets::InstanceKey::ephemeral()).is_err());
    }
}

#[tokio::test]
async fn customer_without_people_gets_no_site_that_nobody_could_sign_in_to() {
    for house in houses().await {
        let new = accounts::NewCustomer {
            name: accounts::CustomerName::parse("Nobody").unwrap(),
            currency: accounts::Currency::parse("EUR").unwrap(),
        };
        let customer = accounts::customers::create(&house.hosting.db, &house.hosting.clock, &Actor::cli(), new).await.unwrap();
        let refused = house.create(&Actor::cli(), &customer.id, "nobody").await;
        assert!(matches!(&refused, Err(Error::Conflict(message)) if message.contains("invite one first")), "{refused:?}");
        let missing = accounts::CustomerId::random();
        let refused = house.create(&Actor::cli(), &missing, "nobody").await;
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!(house.test.count("select cast(count(*) as bigint) from site").await, 0, "{}", house.on());
    }
}

#[tokio::test]
async fn kinds_without_a_template_are_refused_by_name() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        for kind in Kind::ALL {
            if hosting::templates::find(*kind).is_some() {
                continue;
            }
            let new = NewSite { kind: *kind, ..new_site("A", "a-site").unwrap() };
            let (field, message) = complaint(sites::create(&house.hosting, &actor, &ada, &new).await);
            assert_eq!(field, "site_type");
            assert!(message.contains("portfolio"), "{message}");
        }
    }
}

#[tokio::test]
async fn sample_rows_of_the_migration_are_read() {
    for house in houses().await {
        for samples in [include_str!("../../../../migrations/samples/0002.sql"), include_str!("../../../../migrations/samples/0003.sql")] {
            house.test.run_script(samples).await;
        }
        let site = sites::get_any(&house.hosting.db, &SiteId::parse("app_aaaaaaaa").unwrap()).await.unwrap();
        assert_eq!((site.name.as_str(), site.state), ("It's <b>mine</b>", SiteState::Active));
        let (_, steps) = operations::newest(&house.hosting.db, &Actor::cli().scope(), &site.id).await.unwrap().unwrap();
        assert_eq!(steps.len(), 1, "{}", house.on());
    }
}
