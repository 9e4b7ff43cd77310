//! Previews as the store keeps them: which are made and refused, what they follow, and that they are nobody else's. What they do to
//! Docker is told by a test of the real stack.

use std::path::Path;
use std::time::Duration;

use accounts::Actor;
use hosting::deployments::{self, DeploymentState};
use hosting::edge::{self, Target, preview_login};
use hosting::environment::{self, Change};
use hosting::git::{self, BranchName};
use hosting::operations::{self, OperationKind};
use hosting::previews::{self, NewPreview, Previews};
use hosting::probes::status_page;
use hosting::sites::{self, PreviewDatabase, Site, SiteFilter, SiteState, UpdateSite};
use kit::exec::Command;
use kit::jobs::Reconciler;
use kit::secrets::Secret;
use kit::{Error, Result, sql};

use crate::house::{House, complaint, houses, houses_with};

/// Branches whose names would do harm in a shell, a path or a page.
const HOSTILE: &[&str] = &["$(touch${IFS}marker)", "`touch${IFS}marker`", "a;b|c&d", "\"quoted'", "<b>bold</b>", "x--upload-pack=touch"];

fn wish(branch: &str) -> NewPreview {
    NewPreview { branch: BranchName::parse(branch).unwrap(), database: PreviewDatabase::Empty, with_variables: true }
}

async fn in_repository(bare: &Path, args: &[&str]) -> String {
    Command::new("git").arg("--git-dir").arg(bare).args(args).run().await.unwrap().stdout.trim().to_owned()
}

/// A site that runs, as far as the books say, with a repository in which `branches` are where `main` is.
async fn site_with(house: &House, actor: &Actor, customer: &accounts::CustomerId, subdomain: &str, branches: &[&str]) -> Site {
    let site = house.create(actor, customer, subdomain).await.unwrap();
    let site = house.settle(&site.id, SiteState::Active).await;
    let (folder, bare) = (house.hosting.site_folder(&site), house.hosting.repository(&site));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("README.md"), "Hello").unwrap();
    git::create(&folder, &bare).await.unwrap();
    for branch in branches {
        in_repository(&bare, &["update-ref", &format!("refs/heads/{branch}"), "refs/heads/main"]).await;
    }
    site
}

/// Moves a branch on by an empty commit.
async fn push(house: &House, site: &Site, branch: &str) -> String {
    let bare = house.hosting.repository(site);
    let name = format!("refs/heads/{branch}");
    let tree = in_repository(&bare, &["rev-parse", &format!("{name}^{{tree}}")]).await;
    let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"];
    let made = [who.as_slice(), &["commit-tree", "-m", "Change it", "-p", &name, &tree]].concat();
    let commit = in_repository(&bare, &made).await;
    in_repository(&bare, &["update-ref", &name, &commit]).await;
    commit
}

async fn reconcile(house: &House, previews: &Previews) -> String {
    Reconciler::<hosting::Hosting>::reconcile(previews, house.hosting.clone()).await.unwrap()
}

fn conflict<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    match outcome {
        Err(Error::Conflict(message)) => message,
        other => panic!("no conflict: {other:?}"),
    }
}

async fn is_going(house: &House, preview: &Site) -> bool {
    let going = sql("select kind from site_operation where site_id = $1 and state = 'running'").bind(&preview.id);
    let kinds: Vec<(OperationKind,)> = house.hosting.db.all(going).await.unwrap();
    kinds == [(OperationKind::Discard,)]
}

#[tokio::test]
async fn preview_is_a_site_of_its_own_that_no_list_and_no_count_knows() {
    for house in houses_with(|config| config.sites_per_customer = 2).await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["feature/login"]).await;
        let preview = previews::create(&house.hosting, &actor, &site.id, &wish("feature/login")).await.unwrap();
        assert_eq!(preview.domain.as_str(), "feature-login--ada.sites.test", "{}", house.on());
        assert_eq!(
            (preview.state, preview.branch(), preview.preview_of.as_ref()),
            (SiteState::Provisioning, "feature/login", Some(&site.id))
        );
        assert_eq!(house.hosting.repository(&preview), house.hosting.repository(&site));
        assert_ne!(preview.network_slot, site.network_slot);
        let days = preview.preview_expires_at.unwrap().since(house.hosting.clock.now()).as_secs() / 86_400;
        assert_eq!(days, 7);

        let (theirs, ours) = (site.open_secrets(&house.hosting.key).unwrap(), preview.open_secrets(&house.hosting.key).unwrap());
        for (one, other) in [
            (&theirs.db_password, &ours.db_password),
            (&theirs.jwt_secret, &ours.jwt_secret),
            (&theirs.session_secret, &ours.session_secret),
            (&theirs.owner_password, &ours.owner_password),
        ] {
            assert_ne!(one, other, "a secret of the site is in its preview");
        }
        assert_eq!(ours.webhook_secret, "");
        assert_eq!(preview.preview_login.as_deref(), Some(preview_login(&ours.preview_password).as_str()));

        let deployment = deployments::newest(&house.hosting.db, &actor.scope(), &preview.id).await.unwrap().unwrap();
        assert_eq!((deployment.state, deployment.branch.as_str()), (DeploymentState::Running, "feature/login"));
        assert_eq!(deployment.commit_hash, git::head(&house.hosting.repository(&site)).await.unwrap());
        assert_eq!(deployment.release_id, Some(preview.release_id.clone()));

        for scope in [actor.scope(), Actor::cli().scope()] {
            let listed = sites::list(&house.hosting.db, &scope, &SiteFilter::default()).await.unwrap();
            assert_eq!(listed.iter().map(|site| site.id.clone()).collect::<Vec<_>>(), std::slice::from_ref(&site.id));
            let found = SiteFilter { search: Some("feature".to_owned()), ..SiteFilter::default() };
            assert!(sites::list(&house.hosting.db, &scope, &found).await.unwrap().is_empty());
            assert_eq!(sites::counts_by_state(&house.hosting.db, &scope).await.unwrap(), [(SiteState::Active, 1)]);
            let previews = previews::list(&house.hosting.db, &scope, &site.id).await.unwrap();
            assert_eq!(previews.iter().map(|site| site.id.clone()).collect::<Vec<_>>(), std::slice::from_ref(&preview.id));
        }
        assert_eq!(sites::known(&house.hosting.db).await.unwrap().len(), 2, "the edge must know it");
        house.create(&actor, &ada, "second").await.expect("it takes no site's place");
        assert!(matches!(house.create(&actor, &ada, "third").await, Err(Error::Conflict(_))));

        // What is only a site's.
        house.settle(&preview.id, SiteState::Active).await;
        let change = UpdateSite { name: Some(hosting::names::SiteName::parse("Other").unwrap()), custom_domain: None };
        assert!(conflict(sites::update(&house.hosting, &actor, &preview.id, &change).await).contains("of its site"));
        assert!(matches!(status_page::read(&house.hosting, Some(&actor.scope()), &preview.id).await, Err(Error::NotFound(_))));
        assert!(matches!(status_page::publish(&house.hosting, &actor, &preview.id, true).await, Err(Error::Conflict(_))));
        assert!(conflict(previews::create(&house.hosting, &actor, &preview.id, &wish("main")).await).contains("no previews of its own"));
    }
}

#[tokio::test]
async fn what_cannot_be_previewed_is_refused_with_the_reason() {
    for house in houses_with(|config| config.previews_per_site = 2).await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["one", "two", "three"]).await;
        let create = |branch: &str| {
            let (hosting, actor, id, wish) = (house.hosting.clone(), actor.clone(), site.id.clone(), wish(branch));
            async move { previews::create(&hosting, &actor, &id, &wish).await }
        };
        assert_eq!(complaint(create("main").await).0, "branch");
        assert!(complaint(create("nothing").await).1.contains("does not exist"));
        // A folder of branches is none.
        in_repository(&house.hosting.repository(&site), &["update-ref", "refs/heads/below/it", "refs/heads/main"]).await;
        assert!(complaint(create("below").await).1.contains("does not exist"));
        create("one").await.unwrap();
        assert!(complaint(create("one").await).1.contains("already"));
        create("two").await.unwrap();
        assert!(conflict(create("three").await).contains("2 previews"), "{}", house.on());

        for state in [SiteState::Stopped, SiteState::Failed, SiteState::Deleting, SiteState::Archived] {
            house.settle(&site.id, state).await;
            assert!(conflict(create("three").await).contains(state.as_str()));
        }
        let none = site_with(&house, &actor, &ada, "other", &[]).await;
        std::fs::remove_dir_all(house.hosting.repository(&none)).unwrap();
        let broken = previews::create(&house.hosting, &actor, &none.id, &wish("one")).await;
        assert!(broken.is_err(), "{broken:?}");
        assert_eq!(house.test.count("select cast(count(*) as bigint) from site where preview_of is not null").await, 2);
    }
}

#[tokio::test]
async fn server_without_previews_makes_none() {
    for house in houses_with(|config| config.previews_per_site = 0).await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["one"]).await;
        assert!(conflict(previews::create(&house.hosting, &actor, &site.id, &wish("one")).await).contains("no previews"));
    }
}

#[tokio::test]
async fn branches_with_hostile_names_are_stored_as_they_are_and_run_nothing() {
    for house in houses_with(|config| config.previews_per_site = 20).await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", HOSTILE).await;
        let offered = previews::branches(&house.hosting, &actor.scope(), &site.id, 100).await.unwrap();
        let mut names: Vec<&str> = offered.iter().map(|branch| branch.name.as_str()).collect();
        names.sort_unstable();
        let mut wanted = HOSTILE.to_vec();
        wanted.sort_unstable();
        assert_eq!(names, wanted, "all but the site's own branch");
        assert_eq!(previews::branches(&house.hosting, &actor.scope(), &site.id, 2).await.unwrap().len(), 2);
        for branch in HOSTILE {
            let preview = previews::create(&house.hosting, &actor, &site.id, &wish(branch)).await.unwrap();
            assert_eq!(preview.branch(), *branch);
            assert!(hosting::names::Host::parse(preview.domain.as_str()).is_ok() && preview.domain.as_str().ends_with("--ada.sites.test"));
            let route = edge::render(&preview, Target::Containers, &house.hosting.edge).unwrap();
            assert!(!route.contains(branch), "what people typed is in a route: {route}");
            previews::pushed(&house.hosting, &actor, &site.id, branch, &"0".repeat(40)).await.unwrap();
            previews::branch_deleted(&house.hosting, &actor, &site.id, branch).await.unwrap();
        }
        let marker = Command::new("find").arg(house.hosting.data()).args(["-name", "marker"]).run().await.unwrap().stdout;
        assert_eq!(marker, "");
        assert!(!Path::new("marker").exists());
    }
}

#[tokio::test]
async fn branches_that_look_alike_get_addresses_that_differ() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["feature/a", "feature-a", "Feature_A"]).await;
        let mut domains = Vec::new();
        for branch in ["feature/a", "feature-a", "Feature_A"] {
            domains.push(previews::create(&house.hosting, &actor, &site.id, &wish(branch)).await.unwrap().domain.to_string());
        }
        assert_eq!(domains[0], "feature-a--ada.sites.test");
        domains.sort();
        domains.dedup();
        assert_eq!(domains.len(), 3, "{domains:?}");
    }
}

#[tokio::test]
async fn strangers_find_no_preview_and_a_preview_is_reached_by_its_own_site_only() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let (_, stranger) = house.customer("bob").await;
        let site = site_with(&house, &actor, &ada, "ada", &["one"]).await;
        let other = site_with(&house, &actor, &ada, "other", &["one"]).await;
        let preview = previews::create(&house.hosting, &actor, &site.id, &wish("one")).await.unwrap();
        house.settle(&preview.id, SiteState::Active).await;
        let hosting = &house.hosting;
        fn is_missing<T: std::fmt::Debug>(outcome: &Result<T>) -> bool {
            matches!(outcome, Err(Error::NotFound(_)))
        }
        assert!(is_missing(&previews::create(hosting, &stranger, &site.id, &wish("one")).await));
        assert!(is_missing(&previews::list(&hosting.db, &stranger.scope(), &site.id).await));
        assert!(is_missing(&previews::branches(hosting, &stranger.scope(), &site.id, 9).await));
        assert!(is_missing(&previews::pushed(hosting, &stranger, &site.id, "one", &"0".repeat(40)).await));
        assert!(is_missing(&previews::branch_deleted(hosting, &stranger, &site.id, "one").await));
        assert!(is_missing(&sites::get(&hosting.db, &stranger.scope(), &preview.id).await));
        for (who, by) in [(&stranger, &site.id), (&actor, &other.id)] {
            assert!(is_missing(&previews::get(&hosting.db, &who.scope(), by, &preview.id).await));
            assert!(is_missing(&previews::remove(hosting, who, by, &preview.id).await));
            assert!(is_missing(&previews::extend(hosting, who, by, &preview.id).await));
            assert!(is_missing(&previews::renew_password(hosting, who, by, &preview.id).await));
        }
        assert!(is_missing(&previews::remove(hosting, &actor, &site.id, &site.id).await), "a site is no preview of itself");
        assert_eq!(sites::get_any(&hosting.db, &preview.id).await.unwrap().state, SiteState::Active);
        assert_eq!(previews::pushed(hosting, &actor, &other.id, "one", &"0".repeat(40)).await.unwrap().map(|it| it.id), None);
    }
}

#[tokio::test]
async fn push_deploys_the_preview_and_lets_it_stay() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["one"]).await;
        let made = previews::create(&house.hosting, &actor, &site.id, &wish("one")).await.unwrap();
        // While it is made nothing is asked for twice, and nothing is lost: the comparison finds it.
        let early = push(&house, &site, "one").await;
        assert!(previews::pushed(&house.hosting, &actor, &site.id, "one", &early).await.unwrap().is_none());
        let reconciler = Previews::default();
        assert_eq!(reconcile(&house, &reconciler).await, "0 previews removed, 0 brought up to date");
        house.settle(&made.id, SiteState::Active).await;
        assert_eq!(reconcile(&house, &Previews::default()).await, "0 previews removed, 1 brought up to date", "{}", house.on());
        let newest = deployments::newest(&house.hosting.db, &actor.scope(), &made.id).await.unwrap().unwrap();
        assert_eq!((newest.commit_hash.as_str(), newest.subject.as_str(), newest.author.as_str()), (early.as_str(), "Change it", "Ada"));
        house.settle(&made.id, SiteState::Active).await;
        assert_eq!(reconcile(&house, &Previews::default()).await, "0 previews removed, 0 brought up to date");

        house.hosting.clock.advance(Duration::from_secs(3 * 86_400));
        let commit = push(&house, &site, "one").await;
        let asked = previews::pushed(&house.hosting, &actor, &site.id, "one", &commit).await.unwrap().unwrap();
        assert_eq!((asked.site_id.clone(), asked.commit_hash, asked.branch.as_str()), (made.id.clone(), commit, "one"));
        let now = sites::get_any(&house.hosting.db, &made.id).await.unwrap();
        assert!(now.preview_expires_at > made.preview_expires_at);
        // The site itself is not deployed by any of this.
        assert!(deployments::newest(&house.hosting.db, &actor.scope(), &site.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn push_mends_a_preview_whose_making_failed() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["one"]).await;
        let made = previews::create(&house.hosting, &actor, &site.id, &wish("one")).await.unwrap();
        let (operation, _) = operations::newest(&house.hosting.db, &actor.scope(), &made.id).await.unwrap().unwrap();
        let job = operations::RunOperation { operation_id: operation.id };
        kit::jobs::Job::<hosting::Hosting>::gave_up(job, house.hosting.clone(), "it does not build".to_owned()).await.unwrap();
        let failed = sites::get_any(&house.hosting.db, &made.id).await.unwrap();
        let first = deployments::newest(&house.hosting.db, &actor.scope(), &made.id).await.unwrap().unwrap();
        assert_eq!((failed.state, first.state), (SiteState::Failed, DeploymentState::Failed), "{}", house.on());
        assert_eq!(first.error.as_deref(), Some("it does not build"));

        house.hosting.db.execute(sql("update job set state = 'dead'")).await.unwrap();
        operations::retry(&house.hosting, &actor, &made.id).await.unwrap();
        let again = deployments::get(&house.hosting.db, &actor.scope(), &first.id).await.unwrap();
        assert_eq!((again.state, again.error), (DeploymentState::Running, None));
        house.fail(&made.id, SiteState::Failed).await;

        let commit = push(&house, &site, "one").await;
        let second = previews::pushed(&house.hosting, &actor, &site.id, "one", &commit).await.unwrap().unwrap();
        let now = sites::get_any(&house.hosting.db, &made.id).await.unwrap();
        assert_eq!((now.state, second.commit_hash.as_str()), (SiteState::Provisioning, commit.as_str()));
        assert_eq!(second.release_id, Some(now.release_id));
        assert_ne!(second.id, first.id);
    }
}

#[tokio::test]
async fn preview_goes_with_its_time_or_its_branch_and_not_before() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["old", "gone", "kept"]).await;
        let mut made = Vec::new();
        for branch in ["old", "gone", "kept"] {
            let preview = previews::create(&house.hosting, &actor, &site.id, &wish(branch)).await.unwrap();
            made.push(house.settle(&preview.id, SiteState::Active).await);
        }
        let [old, gone, kept] = made.as_slice() else { panic!("three") };
        house.hosting.clock.advance(Duration::from_secs(6 * 86_400));
        assert_eq!(reconcile(&house, &Previews::default()).await, "0 previews removed, 0 brought up to date");

        in_repository(&house.hosting.repository(&site), &["update-ref", "-d", "refs/heads/gone"]).await;
        assert_eq!(reconcile(&house, &Previews::default()).await, "1 preview removed, 0 brought up to date", "{}", house.on());
        assert!(is_going(&house, gone).await && !is_going(&house, kept).await);

        previews::extend(&house.hosting, &actor, &site.id, &kept.id).await.unwrap();
        house.hosting.clock.advance(Duration::from_secs(86_400));
        assert_eq!(reconcile(&house, &Previews::default()).await, "1 preview removed, 0 brought up to date");
        assert!(is_going(&house, old).await && !is_going(&house, kept).await);

        // A repository that cannot be read says nothing of its branches.
        let (bare, aside) = (house.hosting.repository(&site), house.hosting.data().join("aside"));
        std::fs::rename(&bare, &aside).unwrap();
        assert_eq!(reconcile(&house, &Previews::default()).await, "0 previews removed, 0 brought up to date");
        std::fs::rename(&aside, &bare).unwrap();

        previews::branch_deleted(&house.hosting, &actor, &site.id, "kept").await.unwrap();
        assert!(is_going(&house, kept).await);
    }
}

#[tokio::test]
async fn preview_without_an_end_stays() {
    for house in houses_with(|config| config.preview_days = 0).await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["one"]).await;
        let preview = previews::create(&house.hosting, &actor, &site.id, &wish("one")).await.unwrap();
        assert_eq!(preview.preview_expires_at, None);
        house.settle(&preview.id, SiteState::Active).await;
        house.hosting.clock.advance(Duration::from_secs(400 * 86_400));
        assert_eq!(reconcile(&house, &Previews::default()).await, "0 previews removed, 0 brought up to date");
    }
}

#[tokio::test]
async fn deleting_a_preview_archives_nothing_and_deleting_its_site_takes_it_along() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["one", "two"]).await;
        let one = previews::create(&house.hosting, &actor, &site.id, &wish("one")).await.unwrap();
        let busy = conflict(operations::request(&house.hosting, &actor, &site.id, OperationKind::Delete).await);
        assert!(busy.contains("branch one is being worked on"), "{busy}");
        assert!(matches!(previews::remove(&house.hosting, &actor, &site.id, &one.id).await, Err(Error::Conflict(_))));

        house.settle(&one.id, SiteState::Active).await;
        // As any surface asks that knows only of sites.
        operations::request(&house.hosting, &actor, &one.id, OperationKind::Delete).await.unwrap();
        assert!(is_going(&house, &one).await, "{}", house.on());
        house.hosting.db.execute(sql("delete from site where id = $1").bind(&one.id)).await.unwrap();

        let two = previews::create(&house.hosting, &actor, &site.id, &wish("two")).await.unwrap();
        house.settle(&two.id, SiteState::Stopped).await;
        operations::request(&house.hosting, &actor, &site.id, OperationKind::Delete).await.unwrap();
        assert_eq!(sites::get_any(&house.hosting.db, &two.id).await.unwrap().state, SiteState::Deleting);
        let begun: Vec<(OperationKind, String)> = house
            .hosting
            .db
            .all(
                sql("select o.kind, s.name from site_operation o join site_step s on s.operation_id = o.id
                     where o.site_id = $1 and o.state = 'running' and s.position = 0")
                .bind(&site.id),
            )
            .await
            .unwrap();
        assert_eq!(begun, [(OperationKind::Delete, "previews".to_owned())]);
        for outcome in [
            operations::request(&house.hosting, &actor, &two.id, OperationKind::Start).await,
            previews::create(&house.hosting, &actor, &site.id, &wish("one")).await,
        ] {
            assert!(matches!(outcome, Err(Error::Conflict(_))), "something began on a preview of a site that goes: {outcome:?}");
        }
        assert!(previews::pushed(&house.hosting, &actor, &site.id, "two", &"0".repeat(40)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn door_stands_before_every_answer_and_holds_no_plain_password() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["one"]).await;
        let preview = previews::create(&house.hosting, &actor, &site.id, &wish("one")).await.unwrap();
        let preview = house.settle(&preview.id, SiteState::Active).await;
        let first = previews::password(&house.hosting, &preview).unwrap().unwrap();
        assert!(previews::password(&house.hosting, &site).unwrap().is_none());
        for target in [Target::Containers, Target::Holding(edge::Reason::Stopped)] {
            let text = edge::render(&preview, target, &house.hosting.edge).unwrap();
            assert!(!text.contains(first.reveal()));
            let file: serde_json::Value = serde_yaml_ng::from_str(&text).unwrap();
            let routers = file["http"]["routers"].as_object().unwrap();
            let door = format!("{}-sign-in", preview.prefix());
            for (name, router) in routers.iter().filter(|(_, router)| router["entryPoints"][0] == "websecure") {
                let middlewares: Vec<&str> = router["middlewares"].as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
                assert_eq!(middlewares.get(1), Some(&door.as_str()), "{name} is open: {middlewares:?}");
            }
            let auth = &file["http"]["middlewares"][&door]["basicAuth"];
            assert_eq!(auth["users"][0], format!("preview:{}", preview_login(first.reveal())));
            assert_eq!(auth["removeHeader"], true);
            let headers = &file["http"]["middlewares"][format!("{}-headers", preview.prefix())]["headers"]["customResponseHeaders"];
            assert_eq!(headers["X-Robots-Tag"], "noindex");
            // Over plain HTTP nobody is asked for a password.
            assert_eq!(routers[&format!("{}-www-http", preview.prefix())]["service"], "noop@internal");
        }
        let mut open = preview.clone();
        open.preview_login = None;
        assert!(edge::render(&open, Target::Containers, &house.hosting.edge).is_err(), "a preview without a password gets no route");
        assert!(!edge::render(&site, Target::Containers, &house.hosting.edge).unwrap().contains("basicAuth"));

        let renewed = previews::renew_password(&house.hosting, &actor, &site.id, &preview.id).await.unwrap();
        let second = previews::password(&house.hosting, &renewed).unwrap().unwrap();
        assert_ne!(first.reveal(), second.reveal());
        let written = std::fs::read_to_string(house.hosting.data().join(format!("edge/dynamic/{}.yaml", preview.id))).unwrap();
        assert!(written.contains(&preview_login(second.reveal())) && !written.contains(&preview_login(first.reveal())), "{}", house.on());
        assert_eq!(
            (renewed.open_secrets(&house.hosting.key).unwrap().db_password, renewed.release_id.clone()),
            (preview.open_secrets(&house.hosting.key).unwrap().db_password, preview.release_id),
            "nothing else changes"
        );
        let logged = house.test.count("select cast(count(*) as bigint) from audit where action = 'preview.password'").await;
        assert_eq!(logged, 1);
        let stored: Vec<(String,)> = house.hosting.db.all(sql("select detail from audit")).await.unwrap();
        assert!(stored.iter().all(|(detail,)| !detail.contains(first.reveal()) && !detail.contains(second.reveal())));
        let known = hosting::redact::known_of(&house.hosting, &renewed).await.unwrap();
        assert!(!hosting::redact::text(&known, &format!("it is {}", second.reveal())).contains(second.reveal()));
    }
}

#[tokio::test]
async fn variables_of_the_site_are_copied_unless_the_member_says_no() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = site_with(&house, &actor, &ada, "ada", &["one", "two"]).await;
        let set = [("PAYMENT_KEY".to_owned(), Secret::new("the-key-of-the-site"))].into();
        environment::change(&house.hosting, &actor, &site.id, &Change { set, ..Change::default() }).await.unwrap();
        let with = previews::create(&house.hosting, &actor, &site.id, &wish("one")).await.unwrap();
        let without = NewPreview { with_variables: false, ..wish("two") };
        let without = previews::create(&house.hosting, &actor, &site.id, &without).await.unwrap();
        for (preview, names) in [(&with, vec!["PAYMENT_KEY"]), (&without, vec![])] {
            let overview = environment::overview(&house.hosting, &actor.scope(), &preview.id).await.unwrap();
            let found: Vec<&str> = overview.variables.iter().map(|variable| variable.name.as_str()).collect();
            assert_eq!(found, names, "{}", house.on());
            let deployment = deployments::newest(&house.hosting.db, &actor.scope(), &preview.id).await.unwrap().unwrap();
            assert_eq!(deployment.environment_version, i64::from(!names.is_empty()), "what it is made with");
        }
        let revealed = environment::reveal(&house.hosting, &actor, &with.id, 1, "PAYMENT_KEY").await.unwrap();
        assert_eq!(revealed.reveal(), "the-key-of-the-site");
        let plain: Vec<(String,)> = house.hosting.db.all(sql("select sealed from environment_version")).await.unwrap();
        assert!(plain.iter().all(|(sealed,)| !sealed.contains("the-key")), "it is sealed for the preview too");
    }
}
