use super::*;

fn with(toml: &str) -> Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("innkeeper.toml");
    std::fs::write(&path, toml).unwrap();
    Config::load(Some(&path), &[])
}

fn complaint(toml: &str) -> String {
    with(toml).unwrap_err().to_string()
}

#[test]
fn defaults_are_complete_and_valid() {
    let config = Config::load(None, &[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.public_url.origin(), "http://127.0.0.1:8080");
}

#[test]
fn flags_win_over_the_file() {
    let config = Config::load(None, &[("server.listen", "127.0.0.1:9".to_owned())]).unwrap();
    assert_eq!(config.server.listen.port(), 9);
}

#[test]
fn wrong_values_are_named_with_what_is_allowed() {
    for (toml, name, allowed) in [
        ("[server]\npublic_url = \"ftp://a\"", "server.public_url", "http"),
        ("[server]\npublic_url = \"https://a/path\"", "server.public_url", "without a path"),
        ("[server]\npublic_url = \"https://user@a\"", "server.public_url", "http"),
        ("[server]\nlisten = \"8080\"", "server.listen", "socket address"),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]", "server.trusted_proxies", "network"),
        ("[server]\nmax_body_bytes = 1", "server.max_body_bytes", "16384"),
        ("[server]\nmetrics_token = \"short\"", "server.metrics_token", "16 characters"),
        ("[database]\nurl = \"mysql://a\"", "database.url", "postgres://"),
        ("[server]\nlissten = \"a\"", "server.lissten", "listen"),
        ("[grafana]\nurl = \"https://a;script-src *\"", "grafana.url", "http(s)://host"),
        ("[mail]\nsecurity = \"ssl\"", "mail.security", "starttls"),
    ] {
        let text = complaint(toml);
        assert!(text.contains(name) && text.contains(allowed), "{toml}: {text}");
    }
}

#[test]
fn what_is_shown_masks_secrets_and_can_be_read_again() {
    let config = with("[mail]\npassword = \"hunter2\"\n[database]\nurl = \"postgres://a:hunter2@b/c\"\n[server]\nmetrics_token = \"hunter2hunter2hunter2\"").unwrap();
    let shown = config.display();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("public_url = \"http://127.0.0.1:8080\""), "{shown}");
}

#[test]
fn public_url_is_what_a_browser_sends_as_origin() {
    assert_eq!(PublicUrl::parse("https://Inn.Example.com:443/").unwrap().origin(), "https://inn.example.com");
    assert_eq!(PublicUrl::parse("http://[::1]:8080").unwrap().origin(), "http://[::1]:8080");
    assert_eq!(PublicUrl::parse("https://a.test").unwrap().link("/reset/x"), "https://a.test/reset/x");
}

#[test]
fn networks_hold_their_addresses_in_both_spellings() {
    let network = Network::parse("10.1.0.0/16").unwrap();
    for (address, inside) in [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("10.2.0.1", false), ("::1", false)] {
        assert_eq!(network.contains(address.parse().unwrap()), inside, "{address}");
    }
    assert!(Network::parse("0.0.0.0/0").unwrap().contains("9.9.9.9".parse().unwrap()));
    assert!(!Network::parse("0.0.0.0/0").unwrap().contains("fd00::1".parse().unwrap()));
    assert!(Network::parse("fd00::/8").unwrap().contains("fd12::1".parse().unwrap()));
    assert!(Network::parse("hello").is_err());
}
