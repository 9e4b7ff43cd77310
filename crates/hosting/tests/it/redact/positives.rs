//! Secrets that nobody has: classes of them, drawn from the shapes that vendors publish. Prefixes are put together from parts, so
//! that no scanner takes this file for a leak.

use super::draw::{ALNUM, BASE64, DIGITS, Draw, HEX, TYPED, UPPER, URL_SAFE};

/// A text as a program would print it, and the part of it that must not be seen.
pub struct Positive {
    pub text: String,
    pub secret: String,
}

/// One kind of secret.
pub type Class = (&'static str, fn(&mut Draw) -> Positive);

fn bare(prefix: &[&str], random: String) -> Positive {
    Positive { text: format!("{}{random}", prefix.concat()), secret: random }
}

/// The secret is all of the text.
fn whole(secret: String) -> Positive {
    Positive { text: secret.clone(), secret }
}

fn inside(before: &str, secret: String, after: &str) -> Positive {
    Positive { text: format!("{before}{secret}{after}"), secret }
}

/// What is recognised by the vendor's shape.
pub const VENDORS: &[Class] = &[
    ("github", |d| {
        let kind = d.one(&["p", "o", "u", "s", "r"]);
        bare(&["gh", kind, "_"], d.word(ALNUM, 36))
    }),
    ("github fine-grained", |d| bare(&["github", "_pat_"], format!("{}_{}", d.word(ALNUM, 22), d.word(ALNUM, 59)))),
    ("gitlab", |d| bare(&["glp", "at-"], d.word(URL_SAFE, 20))),
    ("aws pair", |d| {
        let (id, secret) = (d.word(UPPER, 16), d.word(BASE64, 40));
        Positive { text: format!("{}{id} {secret}", ["AK", "IA"].concat()), secret }
    }),
    ("google api key", |d| bare(&["AI", "za"], d.word(URL_SAFE, 35))),
    ("google client secret", |d| bare(&["GOC", "SPX-"], d.word(URL_SAFE, 28))),
    ("stripe", |d| {
        let kind = d.one(&["sk", "rk"]);
        let mode = d.one(&["live", "test"]);
        bare(&[kind, "_", mode, "_"], d.word(ALNUM, 24))
    }),
    ("stripe webhook", |d| bare(&["wh", "sec_"], d.word(ALNUM, 32))),
    ("shopify", |d| bare(&["shp", "at_"], d.word(HEX, 32))),
    ("slack", |d| bare(&["xo", "xb-"], format!("{}-{}-{}", d.word(DIGITS, 12), d.word(DIGITS, 12), d.word(ALNUM, 24)))),
    ("slack webhook", |d| {
        let secret = format!("T{}/B{}/{}", d.word(UPPER, 8), d.word(UPPER, 8), d.word(ALNUM, 24));
        inside("https://hooks.slack.com/services/", secret, "")
    }),
    ("discord webhook", |d| {
        let secret = format!("{}/{}", d.word(DIGITS, 18), d.word(URL_SAFE, 68));
        inside("https://discord.com/api/webhooks/", secret, "")
    }),
    ("telegram", |d| whole(format!("{}:AA{}", d.word("123456789", 10), d.word(URL_SAFE, 33)))),
    ("sendgrid", |d| bare(&["S", "G."], format!("{}.{}", d.word(URL_SAFE, 22), d.word(URL_SAFE, 43)))),
    ("mailgun", |d| bare(&["ke", "y-"], d.word(HEX, 32))),
    ("mailchimp", |d| whole(format!("{}-us{}", d.word(HEX, 32), d.number(21)))),
    ("brevo", |d| bare(&["xkey", "sib-"], format!("{}-{}", d.word(HEX, 64), d.word(ALNUM, 16)))),
    ("openai", |d| bare(&["sk-", "proj-"], d.word(URL_SAFE, 74))),
    ("anthropic", |d| bare(&["sk-", "ant-api03-"], d.word(URL_SAFE, 93))),
    ("hugging face", |d| bare(&["h", "f_"], d.word(ALNUM, 34))),
    ("groq", |d| bare(&["gs", "k_"], d.word(ALNUM, 52))),
    ("npm", |d| bare(&["np", "m_"], d.word(ALNUM, 36))),
    ("pypi", |d| bare(&["py", "pi-AgEIcHlwaS5vcmc"], d.word(URL_SAFE, 70))),
    ("docker hub", |d| bare(&["dckr", "_pat_"], d.word(URL_SAFE, 27))),
    ("digitalocean", |d| bare(&["dop", "_v1_"], d.word(HEX, 64))),
    ("vault", |d| bare(&["hv", "s."], d.word(URL_SAFE, 90))),
    ("doppler", |d| bare(&["dp.", "pt."], d.word(ALNUM, 43))),
    ("supabase", |d| bare(&["sb", "p_"], d.word(HEX, 40))),
    ("databricks", |d| bare(&["da", "pi"], d.word(HEX, 32))),
    ("grafana", |d| bare(&["gl", "sa_"], format!("{}_{}", d.word(ALNUM, 32), d.word(HEX, 8)))),
    ("new relic", |d| bare(&["NR", "AK-"], d.word(UPPER, 27))),
    ("linear", |d| bare(&["lin_", "api_"], d.word(ALNUM, 40))),
    ("tailscale", |d| bare(&["ts", "key-auth-"], format!("{}CNTRL-{}", d.word(ALNUM, 12), d.word(ALNUM, 32)))),
    ("innkeeper", |d| bare(&["in", "k_"], d.word(ALNUM, 40))),
    ("jwt", |d| bare(&["ey", "Jh"], format!("{}.eyJ{}.{}", d.word(ALNUM, 33), d.word(ALNUM, 60), d.word(URL_SAFE, 43)))),
];

/// What is recognised by its place.
pub const PLACES: &[Class] = &[
    ("address with password", |d| {
        let scheme = d.one(&["postgres", "postgresql", "mysql", "redis", "mongodb+srv", "amqp", "https", "smtp"]);
        let user = d.one(&["app", "shop_user", "admin", ""]);
        let secret = d.word(TYPED, 14).replace('%', "7");
        inside(&format!("{scheme}://{user}:"), secret, "@db.internal:5432/shop")
    }),
    ("address with token", |d| inside("https://", d.word(ALNUM, 40), "@git.example.com/shop.git")),
    ("bearer header", |d| {
        let name = d.one(&["Authorization", "authorization", "Proxy-Authorization"]);
        inside(&format!("{name}: Bearer "), d.word(URL_SAFE, 32), "")
    }),
    ("basic header", |d| inside("Authorization: Basic ", format!("{}=", d.word(ALNUM, 23)), "")),
    ("quoted header", |d| inside("{ 'authorization': 'Token ", d.word(HEX, 40), "', 'accept': 'text/html' }")),
    ("cookie", |d| inside("Cookie: theme=dark; connect.id=s%3A", d.word(ALNUM, 32), "; lang=en")),
    ("set-cookie", |d| inside("Set-Cookie: sid=", d.word(URL_SAFE, 32), "; Path=/; HttpOnly")),
    ("api key header", |d| inside("X-Api-Key: ", d.word(ALNUM, 24), "")),
    ("query", |d| {
        let name = d.one(&["token", "access_token", "api_key", "key", "sig", "code", "X-Amz-Signature", "client_secret"]);
        inside(&format!("/callback?page=2&{name}="), d.word(HEX, 32), "&lang=en")
    }),
    ("environment", |d| {
        let name = d.one(&["DB_PASSWORD", "PGPASSWORD", "MAIL_PASSWORD", "SESSION_SECRET", "STRIPE_SECRET_KEY", "DB_PASS", "API_KEY_PROD"]);
        inside(&format!("{name}="), d.word(TYPED, 12), "")
    }),
    ("json field", |d| {
        let name = d.one(&["password", "newPassword", "client_secret", "apiKey", "accessToken", "private_key"]);
        inside(&format!("{{\"user\":\"ada\",\"{name}\":\""), d.word(TYPED, 12), "\",\"remember\":true}")
    }),
    ("spaced json field", |d| inside("{\"user\": \"ada\", \"password\": \"", d.word(TYPED, 9), "\"}")),
    ("yaml", |d| {
        let name = d.one(&["password", "db_password", "secret", "api-key"]);
        inside(&format!("{name}: "), d.word(TYPED, 12), "")
    }),
    ("inspected object", |d| inside("{ host: 'db', password: '", d.word(TYPED, 12), "', port: 5432 }")),
    ("debug struct", |d| inside("Config { host: \"db\", password: Some(\"", d.word(TYPED, 12), "\"), port: 5432 }")),
    ("ruby hash", |d| inside("{\"user\"=>\"ada\", \"password\"=>\"", d.word(TYPED, 12), "\"}")),
    ("php constant", |d| inside("define('DB_PASSWORD', '", d.word(TYPED, 16), "');")),
    ("sql", |d| {
        let statement = d.one(&["ALTER USER shop WITH PASSWORD '", "CREATE USER shop IDENTIFIED BY '"]);
        inside(statement, d.word(TYPED, 12), "'")
    }),
    ("flag", |d| {
        let flag = d.one(&["--password ", "--password=", "--db-password ", "--api-key=", "--client-secret "]);
        inside(&format!("deploy {flag}"), d.word(ALNUM, 14), " --verbose")
    }),
    ("connection string", |d| inside("Server=db;Database=shop;User Id=sa;Password=", d.word(ALNUM, 14), ";Encrypt=true")),
    ("xml", |d| inside("<user>ada</user><password>", d.word(ALNUM, 12), "</password>")),
    ("named value", |d| inside("{\"name\":\"DB_PASSWORD\",\"value\":\"", d.word(TYPED, 12), "\"}")),
    ("form", |d| inside("username=ada&password=", d.word(ALNUM, 12), "&remember=1")),
    ("curl", |d| inside("curl -sS -u ada:", d.word(ALNUM, 14), " https://example.com/")),
    ("random word beside a keyword", |d| inside("using api token ", d.word(ALNUM, 32), "")),
    ("password hash", |d| inside("$2b$12$", d.word(ALNUM, 53), "")),
    ("private key", |d| {
        let body: Vec<String> = (0..6).map(|_| d.word(BASE64, 64)).collect();
        let (head, foot) = (["-----BEGIN RSA PRIV", "ATE KEY-----\n"].concat(), ["\n-----END RSA PRIV", "ATE KEY-----"].concat());
        inside(&head, body.join("\n"), &foot)
    }),
];

/// Whether any part of the secret that could be recognised is still in `shown`: six letters or digits in a row.
pub fn survives(secret: &str, shown: &str) -> bool {
    let mut parts = secret.as_bytes().windows(6).filter(|part| part.iter().all(u8::is_ascii_alphanumeric));
    shown.contains(secret) || parts.any(|part| shown.as_bytes().windows(6).any(|window| window == part))
}
