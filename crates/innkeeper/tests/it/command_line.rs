//! Commands that end by themselves.

use crate::process::{House, sqlite, text};

#[test]
fn wrong_settings_stop_the_start_and_are_named() {
    let house = House::new();
    for (name, value, wanted) in [
        ("INNKEEPER_EDGE__HTP_PORT", "80", "edge.htp_port"),
        ("INNKEEPER_EDGE__HTTP_PORT", "many", "edge.http_port"),
        ("INNKEEPER_HOSTING__BASE_DOMAIN", "not a domain", "hosting.base_domain"),
        ("INNKEEPER_SERVER__PUBLIC_URL", "ftp://x", "server.public_url"),
        ("INNKEEPER_LOG__FORMAT", "xml", "log.format"),
    ] {
        let output = house.command().env(name, value).args(["config", "check"]).output().expect("the binary starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(wanted), "{name}: {said}");
        assert!(!house.data.exists(), "a wrong setting must not leave a data folder");
    }
}

#[test]
fn config_check_masks_secrets() {
    let house = House::new();
    let output = house
        .command()
        .env("INNKEEPER_MAIL__PASSWORD", "hunter2hunter2")
        .env("DATABASE_URL", "postgres://someone:sesame@db.example/house")
        .args(["config", "check"])
        .output()
        .expect("the binary starts");
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("[mail]"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains("sesame"), "{said}");
}

#[test]
fn newer_database_is_refused_with_what_to_do() {
    let house = House::new();
    house.json(&["migrate"]);
    sqlite(&house.data, "insert into schema_migration (version, name, checksum) values (9999, 'from_the_future', 'x')");
    let output = house.run(&["migrate"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("newer than this innkeeper") && said.contains("9999_from_the_future"), "{said}");
}

#[test]
fn people_are_added_and_let_in_from_the_command_line() {
    let house = House::new();
    let customer = house.json(&["customer", "create", "--name", "Ada & <Co>"]);
    let id = customer.split('"').find(|word| word.starts_with("cust_")).expect("an id").to_owned();
    let made = house.json(&["member", "add", "--email", "ada@example.test", "--name", "Ada", "--customer", &id]);
    assert!(made.contains("/sign-in/link/"), "{made}");
    let token = house.json(&["token", "create", "--email", "ada@example.test", "--name", "ci", "--scopes", "sites:read"]);
    assert!(token.contains("ink_"), "{token}");
    let listed = text(&house.run(&["customer", "list"]).stdout);
    assert!(listed.contains(&id) && listed.contains("Ada & <Co>"), "{listed}");

    let output = house.run(&["member", "add", "--email", "ada@example.test", "--name", "Again", "--customer", &id]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let output = house.run(&["site", "show", "app_aaaaaaaa"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let output = house.run(&["site", "create", "--customer", &id, "--name", "x", "--subdomain", "www", "--no-wait"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let files = std::fs::read_dir(house.data.join("sites")).expect("the folder").count();
    assert_eq!(files, 0, "a refused site must leave no folder");
}

#[test]
fn site_made_without_docker_says_so_and_can_be_tried_again() {
    let house = House::new();
    let customer = house.json(&["customer", "create", "--name", "Ada"]);
    let id = customer.split('"').find(|word| word.starts_with("cust_")).expect("an id").to_owned();
    house.json(&["member", "add", "--email", "ada@example.test", "--name", "Ada", "--customer", &id]);
    let output = house.run(&["site", "create", "--customer", &id, "--name", "x", "--subdomain", "ada"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("Docker") && said.contains("site retry app_"), "{said}");
    assert!(house.json(&["site", "list"]).contains("\"status\": \"failed\""));
}

#[test]
fn completions_and_help_are_there() {
    let house = House::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&house.run(&["completions", shell]).stdout).contains("innkeeper"));
    }
    let help = text(&house.run(&["site", "create", "--help"]).stdout);
    assert!(help.contains("--subdomain") && help.contains("First label of its address"), "{help}");
}

#[test]
fn data_folder_and_key_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    house.json(&["customer", "list"]);
    let mode = |path: &str| std::fs::metadata(house.data.join(path)).expect("it exists").permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("secrets/instance.key"), 0o600);
}

#[test]
fn redact_filters_input_and_needs_no_data_folder() {
    let house = House::new();
    let said = text(&house.filter(&["redact"], b"DB_PASSWORD=sesame\r\nplain \x1b[31mline\x1b[0m\n").stdout);
    assert_eq!(said, "DB_PASSWORD=[redacted:password]\nplain line\n");
    assert!(!house.data.exists(), "nothing but the input is needed");
}

/// A customer and a site of theirs that nobody makes.
fn customer_and_site(house: &House) -> (String, String) {
    let customer = house.json(&["customer", "create", "--name", "Ada"]);
    let customer = customer.split('"').find(|word| word.starts_with("cust_")).expect("an id").to_owned();
    house.json(&["member", "add", "--email", "ada@example.test", "--name", "Ada", "--customer", &customer]);
    house.run(&["site", "create", "--customer", &customer, "--name", "x", "--subdomain", "ada", "--no-wait"]);
    let site = house.json(&["site", "list"]);
    let site = site.split('"').find(|word| word.starts_with("app_") && *word != "app_id").expect("an id").to_owned();
    (customer, site)
}

#[test]
fn status_page_is_published_and_withdrawn() {
    let house = House::new();
    let (_, site) = customer_and_site(&house);
    let ask = |more: &[&str]| house.json(&[&["site", "status-page", site.as_str()], more].concat());
    for (more, is_public) in
        [(&[][..], false), (&["--public"], true), (&["--public"], true), (&[], true), (&["--private"], false), (&[], false)]
    {
        let told = ask(more);
        assert!(told.contains(&format!("\"public\": {is_public}")) && told.contains(&format!("/status/{site}\"")), "{more:?}: {told}");
    }
    assert_eq!(house.run(&["site", "status-page", &site, "--public", "--private"]).status.code(), Some(2));
    assert_eq!(house.run(&["site", "status-page", "app_aaaaaaaa", "--public"]).status.code(), Some(3));
}

#[test]
fn redact_hides_the_secrets_of_a_site() {
    let house = House::new();
    let (customer, site) = customer_and_site(&house);
    let folder = house.data.join("sites").join(customer).join(&site);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(".env"), "MAIL_PASSWORD=\"open sesame\"\nAPP_ENV=production\n").expect("a file");
    let output = house.filter(&["redact", "--site", &site], b"in production: open sesame, open%20sesame, b3BlbiBzZXNhbWU=\n");
    let said = text(&output.stdout);
    assert_eq!(said, "in production: [redacted:secret], [redacted:secret], [redacted:secret]\n", "{}", text(&output.stderr));

    let output = house.filter(&["redact", "--site", "app_aaaaaaaa"], b"anything\n");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(3), ""), "an unknown site must show nothing");
}

#[test]
fn the_doctor_works_without_docker_and_server_and_tells_by_its_exit_code() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let output = house.run(&["doctor", "--json"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(20), "without Docker something does not work: {said}");
    assert!(said.contains("\"severity\": \"bad\"") && said.contains("Docker does not answer"), "{said}");

    std::fs::set_permissions(house.data.join("secrets/instance.key"), std::fs::Permissions::from_mode(0o644)).expect("its mode is set");
    let output = house.run(&["doctor"]);
    let said = text(&output.stdout);
    let key = house.data.canonicalize().expect("the folder").join("secrets/instance.key");
    assert!(said.starts_with("BAD ") && said.contains(&format!("→ `chmod 600 {}`", key.display())), "{said}");
    assert!(said.contains("No server has worked for this house yet") && said.contains("not working"), "{said}");

    let output = house.run(&["doctor", "app_aaaaaaaa"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let output = house.command().env("INNKEEPER_EDGE__HTTP_PORT", "many").arg("doctor").output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn the_doctor_tells_of_a_database_that_is_away() {
    let house = House::new();
    let output = house
        .command()
        .env("DATABASE_URL", "postgres://innkeeper:sesame@127.0.0.1:1/house")
        .arg("doctor")
        .output()
        .expect("the binary starts");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(20), "{said} {}", text(&output.stderr));
    assert!(said.contains("Innkeeper does not open") && said.contains("PostgreSQL") && !said.contains("sesame"), "{said}");
    assert!(said.contains("data folder") && said.contains("Docker does not answer"), "what can be looked at is: {said}");
}

#[test]
fn adopting_names_what_is_missing_and_asks_docker_for_nothing_hostile() {
    let house = House::new();
    let customer = house.json(&["customer", "create", "--name", "Ada"]);
    let id = customer.split('"').find(|word| word.starts_with("cust_")).expect("an id");
    for (args, code, wanted) in [
        (["site", "adopt"].as_slice(), 2, "--container"),
        (&["site", "adopt", "--scan", "--container", "customer-7-wordpress"], 2, "cannot be used with"),
        (&["site", "adopt", "--customer", "cust_aaaaaaaaaaaa", "--container", "customer-7-wordpress"], 2, "there is no such customer"),
        (&["site", "adopt", "--customer", id, "--container", "$(id)"], 2, "must be the name of a container"),
        (&["site", "let-go", "app_aaaaaaaa"], 3, "was not found"),
        (&["site", "restart", "app_aaaaaaaa"], 3, "was not found"),
    ] {
        let output = house.run(args);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(code) && said.contains(wanted), "{args:?}: {said}");
    }
}

/// A site that serves, as far as the books and its repository say; the ids of customer and site, and its newest commit.
fn site_with_repository(house: &House) -> (String, String, String) {
    let id_of = |said: &str, prefix: &str, not: &str| {
        said.split('"').find(|word| word.starts_with(prefix) && *word != not).expect("an id").to_owned()
    };
    let customer = id_of(&house.json(&["customer", "create", "--name", "Ada"]), "cust_", "");
    house.json(&["member", "add", "--email", "ada@example.test", "--name", "Ada", "--customer", &customer]);
    house.run(&["site", "create", "--customer", &customer, "--name", "x", "--subdomain", "ada", "--no-wait"]);
    let site = id_of(&house.json(&["site", "list"]), "app_", "app_id");
    sqlite(&house.data, "update site set state = 'active'");
    sqlite(&house.data, "update site_operation set state = 'done', finished_at = 1");
    sqlite(&house.data, "update job set state = 'done', finished_at = 1");
    let bare = house.data.join("git").join(format!("{site}.git"));
    let work = house.data.with_extension("work");
    let git = |folder: &std::path::Path, args: &[&str]| {
        #[expect(clippy::disallowed_methods, reason = "a customer's git")]
        let output = std::process::Command::new("git").args(args).current_dir(folder).output().expect("git runs");
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    };
    std::fs::create_dir_all(&work).expect("a folder");
    git(&work, &["init", "--quiet", "--initial-branch=main"]);
    std::fs::write(work.join("README"), "first").expect("a file");
    git(&work, &["add", "--all"]);
    let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"];
    git(&work, &[who.as_slice(), &["commit", "--quiet", "--message", "First \u{1b}[31mred"]].concat());
    git(&house.data, &["clone", "--quiet", "--bare", work.to_str().expect("a path"), bare.to_str().expect("a path")]);
    let head = git(&work, &["rev-parse", "HEAD"]);
    (customer, site, head)
}

#[test]
fn deployments_are_asked_for_listed_and_stopped_from_the_command_line() {
    let house = House::new();
    let (customer, site, head) = site_with_repository(&house);
    let deploy = |customer: &str, site: &str, more: &[&str]| {
        house.run(&[&["deploy", "--customer-uuid", customer, "--app-id", site, "--no-wait", "--json"], more].concat())
    };
    for (customer, site, more, code, wanted) in [
        (customer.as_str(), site.as_str(), ["--commit", "0123456789abcdef"].as_slice(), 2, "neither a commit nor a branch"),
        (&customer, &site, &["--commit=--upload-pack=id"], 2, "neither a commit nor a branch"),
        (&customer, &site, &["--commit", "HEAD~1"], 2, "neither a commit nor a branch"),
        (&customer, "app_aaaaaaaa", &[], 3, "not found"),
        (&customer, "../x", &[], 3, "not found"),
        ("cust_aaaaaaaaaaaa", &site, &[], 3, "not found"),
    ] {
        let output = deploy(customer, site, more);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {said}");
        assert!(said.contains(wanted), "{more:?}: {said}");
    }
    let made = text(&deploy(&customer, &site, &["--commit", &head[..8]]).stdout);
    assert!(made.contains(&head) && made.contains("\"status\": \"running\"") && made.contains("\"kind\": \"manual\""), "{made}");
    let waiting = text(&deploy(&customer, &site, &[]).stdout);
    assert!(waiting.contains("\"status\": \"queued\"") && waiting.contains("\"branch\": \"main\""), "{waiting}");
    let id = waiting.split('"').find(|word| word.starts_with("deploy-")).expect("an id").to_owned();
    let listed = text(&house.run(&["site", "deployments", &site]).stdout);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(
        listed.contains(&head[..7]) && listed.contains("First") && !listed.contains('\u{1b}'),
        "nothing in it steers a terminal: {listed}"
    );

    assert!(text(&house.run(&["site", "cancel-deployment", &id]).stdout).contains("is cancelled"));
    let again = house.run(&["site", "cancel-deployment", &id]);
    assert_eq!(again.status.code(), Some(4), "{}", text(&again.stderr));
    assert_eq!(house.run(&["site", "cancel-deployment", "deploy-x"]).status.code(), Some(3));
    let back = house.run(&["site", "rollback", &site]);
    assert_eq!(back.status.code(), Some(4), "{}", text(&back.stderr));
    assert!(text(&back.stderr).contains("no earlier release"), "{}", text(&back.stderr));
    assert_eq!(house.run(&["site", "rollback", &site, "--to", "--x"]).status.code(), Some(2));
    assert_eq!(house.run(&["site", "rollback", &site, "--to", "rel_aaaaaaaaaaaaaaaaaa"]).status.code(), Some(3));
}

#[test]
fn a_deployment_that_is_waited_for_tells_its_verdict_by_the_exit_code() {
    let house = House::new();
    let (customer, site, _) = site_with_repository(&house);
    house.run(&["deploy", "--customer-uuid", &customer, "--app-id", &site, "--no-wait"]);
    // Somebody else ends it, well or badly, while the command waits beside them.
    for (state, code, word) in
        [("success", 0, "is live"), ("failed", 1, "What served before still serves"), ("superseded", 1, "superseded")]
    {
        sqlite(&house.data, "update deployment set state = 'failed', finished_at = 1 where state in ('queued', 'running')");
        sqlite(&house.data, "update job set state = 'done', finished_at = 1");
        // What runs on the site keeps the next one in the queue, where no worker of the command begins it.
        sqlite(&house.data, "update site_operation set state = 'running', finished_at = null where kind = 'deploy'");
        let mut child = house
            .command()
            .args(["deploy", "--customer-uuid", &customer, "--app-id", &site])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let started = std::time::Instant::now();
        while started.elapsed() < std::time::Duration::from_secs(20) && child.try_wait().expect("it is asked").is_none() {
            let statement =
                format!("update deployment set state = '{state}', served_at = 2, started_at = 1, finished_at = 2 where state = 'queued'");
            sqlite(&house.data, &statement);
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let output = child.wait_with_output().expect("it ends");
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{state}: {said} {}", text(&output.stderr));
        assert!(said.contains(word), "{state}: {said}");
    }
}

#[test]
fn sample_customers_come_and_go() {
    let house = House::new();
    let seed: [&str; 8] = ["demo", "seed", "--customers", "5", "--days", "6", "--seed", "4"];
    let put: serde_json::Value = serde_json::from_str(&house.json(&seed)).expect("JSON");
    assert_eq!(put["added"], 5);
    assert!(put["events"].as_u64().is_some_and(|events| events > 100), "{put}");
    let again: serde_json::Value = serde_json::from_str(&house.json(&seed)).expect("JSON");
    assert_eq!((&again["was_there"], &again["added"], &again["events"]), (&true.into(), &0.into(), &0.into()));

    let file = house.data.join("events.csv");
    let exported = house.json(&["events", "export", "--to", file.to_str().expect("UTF-8")]);
    let exported: serde_json::Value = serde_json::from_str(&exported).expect("JSON");
    assert_eq!(exported["events"], put["events"]);
    let output = house.run(&["events", "export", "--to", file.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(2), "a file that is there is not written over: {}", text(&output.stderr));

    std::fs::write(house.data.join("bad.csv"), "event,time,customer\nlogin,2026-07-01,nobody\nlogin,2026-07-01,\n").expect("a file");
    let bad = house.data.join("bad.csv");
    let output = house.run(&["events", "import", bad.to_str().expect("UTF-8")]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("line 2: there is no customer \"nobody\"") && said.contains("1 imported"), "{said}");

    let taken: serde_json::Value = serde_json::from_str(&house.json(&["demo", "remove"])).expect("JSON");
    assert_eq!((&taken["customers"], &taken["events"], &taken["kept"]), (&5.into(), &put["events"], &serde_json::json!([])));
    let left = house.run(&["customer", "list"]);
    assert!(!text(&left.stdout).contains("cust_"), "{}", text(&left.stdout));
}
