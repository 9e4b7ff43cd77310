//! Single rules, by example: what goes, and what stays.

use hosting::redact::{self, Known};

fn shown(line: &str) -> String {
    redact::text(&Known::none(), line)
}

#[test]
fn secrets_become_placeholders_and_the_rest_stays() {
    for (line, wanted) in [
        ("postgres://shop:pa/ss@w0rd@db:5432/x", "postgres://shop:[redacted:url-password]@db:5432/x"),
        ("redis://:s3cret@cache:6379", "redis://:[redacted:url-password]@cache:6379"),
        ("git@github.com:shop/shop.git ssh://git@host/x", "git@github.com:shop/shop.git ssh://git@host/x"),
        ("GET /?token=abc123&x=1 HTTP/1.1", "GET /?token=[redacted:token]&x=1 HTTP/1.1"),
        ("DB_PASSWORD=correct horse battery", "DB_PASSWORD=[redacted:password]"),
        ("password=a&b user=ada", "password=[redacted:password] user=ada"),
        ("msg=x password=a,b;c rest", "msg=x password=[redacted:password] rest"),
        ("{\"password\": \"x\"}", "{\"password\": \"[redacted:password]\"}"),
        ("{\"password\": \"a\\\"b\", \"c\": 1}", "{\"password\": \"[redacted:password]\", \"c\": 1}"),
        ("password: \"never closed, so all of it", "password: \"[redacted:password]"),
        ("'password': 'it''s', x", "'password': '[redacted:password]', x"),
        ("Cookie: a=b; c=d", "Cookie: [redacted:cookie]"),
        ("curl -H 'Cookie: a=bcd' https://x.test", "curl -H 'Cookie: [redacted:cookie]' https://x.test"),
        ("Authorization: Digest username=\"ada\", response=\"0a4f\"", "Authorization: [redacted:authorization]"),
        ("authorization: Bearer abc.def host: x", "authorization: Bearer [redacted:authorization] host: x"),
        ("mysqldump -u root -pS3cret shop", "mysqldump -u root -p[redacted:command-password] shop"),
        ("+ PGPASSWORD=abc psql -h db", "+ PGPASSWORD=[redacted:password] psql -h db"),
        ("a -----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY----- b", "a [redacted:private-key] b"),
        ("docker run -e \"PASSWORD=a b\" x", "docker run -e \"PASSWORD=[redacted:password]\" x"),
        (
            "insert into member (name, password) values ('ada', 'x')",
            "insert into member (name, password) values ('[redacted:sql-value]', '[redacted:sql-value]')",
        ),
        ("insert into page (name, title) values ('ada', 'x')", "insert into page (name, title) values ('ada', 'x')"),
        ("Key (api_token)=(abc-1234) already exists.", "Key (api_token)=([redacted:secret]) already exists."),
        ("user ada: password is sesame1", "user ada: password is [redacted:password]"),
        ("{\"token\":\"Bearer abc.def\"}", "{\"token\":\"[redacted:token]\"}"),
        (
            "{\"a\":\"{\\\"b\\\":\\\"{\\\\\\\"password\\\\\\\":\\\\\\\"x y\\\\\\\"}\\\"}\"}",
            "{\"a\":\"{\\\"b\\\":\\\"{\\\\\\\"password\\\\\\\":\\\\\\\"[redacted:password]\\\\\\\"}\\\"}\"}",
        ),
        ("next=%2Fa%3Fpassword%3Dx%2By%26b%3D1", "next=%2Fa%3Fpassword%3D[redacted:password]%26b%3D1"),
        ("Token::new(abc) passenger=12 compass=north", "Token::new(abc) passenger=12 compass=north"),
        ("PWD=/var/www/html OLDPWD=/", "PWD=/var/www/html OLDPWD=/"),
        ("password: ${DB_PASSWORD} token: null", "password: ${DB_PASSWORD} token: null"),
    ] {
        assert_eq!(shown(line), wanted, "of {line}");
        assert_eq!(shown(wanted), wanted, "a second time");
    }
}

#[test]
fn public_armour_is_shown() {
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUX\n-----END CERTIFICATE-----\n";
    assert_eq!(shown(certificate), certificate);
}

#[test]
fn terminals_are_not_steered() {
    let text = "a\x1b[31mb\x1b[0m\x1b]0;title\x07c\x1b(Bd\x08e\u{9b}1mf\u{202e}g\0h\r\ni\rj\x7f\tk";
    assert_eq!(shown(text), "abcdefgh\ni\nj\tk");
    assert_eq!(shown("pass\x1b[1mword=abc"), "password=[redacted:password]");
}

#[test]
fn known_values_are_hidden_before_shapes() {
    let known = Known::of(["hunter2hunter2", "short", "production", "a \"quoted\" value/ü"]);
    for (text, wanted) in [
        ("say hunter2hunter2!", "say [redacted:secret]!"),
        ("hunter2hunter2hunter2hunter2", "[redacted:secret]"),
        ("hunter2hunter2hunter2", "[redacted:secret]"),
        ("68756e7465723268756e74657232 in hex", "[redacted:secret] in hex"),
        ("aHVudGVyMmh1bnRlcjI=", "[redacted:secret]"),
        ("short production", "short production"),
        ("a%20%22quoted%22%20value%2F%C3%BC", "[redacted:secret]"),
        ("a+%22quoted%22+value%2f%c3%bc", "[redacted:secret]"),
        ("{\"x\":\"a \\\"quoted\\\" value\\/\\u00fc\"}", "{\"x\":\"[redacted:secret]\"}"),
        ("ends with hunter2hu", "ends with [redacted:secret]"),
    ] {
        assert_eq!(redact::text(&known, text), wanted, "of {text}");
    }
    assert_eq!(format!("{known:?}"), "Known(••••••)");
}
