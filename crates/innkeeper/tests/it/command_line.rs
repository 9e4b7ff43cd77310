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
