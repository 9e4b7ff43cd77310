//! What looks like a secret, or talks of one, and is none.

use super::draw::{ALNUM, BASE64, DIGITS, Draw, HEX, LOWER, UPPER};

/// One kind of harmless text.
pub type Lookalike = (&'static str, fn(&mut Draw) -> String);

/// All kinds.
pub const LOOKALIKES: &[Lookalike] = &[
    ("git commit", |d| format!("HEAD is now at {} fix the header", d.word(HEX, 40))),
    ("short commit", |d| format!("deploying {} to production", d.word(HEX, 7))),
    ("uuid", |d| format!("request {} took 12 ms", d.uuid())),
    ("request id", |d| format!("request_id={} status=200", d.uuid())),
    ("trace id", |d| format!("trace_id={} span_id={}", d.word(HEX, 32), d.word(HEX, 16))),
    ("image digest", |d| format!("Digest: sha256:{}", d.word(HEX, 64))),
    ("image name", |d| format!("pulled registry.example.com/shop/api@sha256:{}", d.word(HEX, 64))),
    ("etag", |d| format!("ETag: W/{}-{}", d.word(HEX, 4), d.word(ALNUM, 27))),
    ("asset", |d| format!("GET /assets/main.{}.js 200", d.word(HEX, 20))),
    ("asset with upper case", |d| format!("GET /assets/index-{}.css 304", d.word(ALNUM, 8))),
    ("data address", |d| format!("background data:image/png;base64,{}", d.word(BASE64, 160))),
    ("integrity", |d| format!("integrity sha512-{}==", d.word(BASE64, 86))),
    ("token route", |d| format!("POST /oauth/token 200 {}ms", d.number(900))),
    ("token page", |d| format!("GET /tokens/{} 404", d.number(9000))),
    ("token type", |d| format!("token_type=bearer expires_in={}", d.word("123456789", 4))),
    ("token count", |d| format!("max_tokens={} prompt_tokens={} total_tokens=912", d.number(9000), d.number(900))),
    ("syntax error", |d| format!("SyntaxError: Unexpected token < in JSON at position {}", d.number(900))),
    ("expired", |d| format!("token: {} for user {}", d.one(&["expired", "invalid", "missing"]), d.number(900))),
    ("password message", |d| {
        let message = d.one(&[
            "Password must have at least",
            "password is too short, minimum",
            "Invalid password, attempts left",
            "password: must be longer than",
        ]);
        format!("{message} {}", d.number(9))
    }),
    ("password translation", |d| {
        let pair =
            d.one(&["password.required: The password is required", "passwordHint: At least eight characters", "label.password = Passwort"]);
        format!("{pair} ({})", d.number(9))
    }),
    ("password policy", |d| format!("password_length={} password_required=true", d.number(30))),
    ("reset page", |d| format!("GET /password/reset {} 200", d.number(900))),
    ("sign-in", |d| format!("user {} signed in with password and second factor", d.number(9000))),
    ("cache key", |d| format!("cache_key=user:{}:profile hit", d.number(900))),
    ("primary key", |d| format!("duplicate key value violates unique constraint orders_pkey_{}", d.number(90))),
    ("idempotency key", |d| format!("idempotency_key={} replayed", d.uuid())),
    ("keyboard", |d| format!("monkey keyboard keynote turkey {}", d.number(900))),
    ("author", |d| format!("author=ada authored authority {}", d.word(LOWER, 8))),
    ("session", |d| format!("session opened for user www-data({})", d.number(90))),
    ("cookie banner", |d| format!("cookie consent accepted by visitor {}", d.number(900))),
    ("address", |d| format!("proxying http://api-internal:{}/v1/orders?page={}", d.word("123456789", 4), d.number(90))),
    ("address with at sign", |d| format!("GET https://cdn.example.com/npm/@scope/pkg@1.{}.0/index.js", d.number(90))),
    ("e-mail", |d| format!("mail to ada{}@example.com queued", d.number(90))),
    ("public key", |d| format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} ada@laptop", d.word(BASE64, 43))),
    ("version", |d| format!("node v22.{}.{} npm 10.9.{}", d.number(20), d.number(9), d.number(9))),
    ("style class", |d| format!("sk-loading-spinner-{} task-list-item risk-based-approach", d.word("abcdefgh", 4))),
    ("template", |d| format!("DB_PASSWORD=${{DB_PASSWORD}} retries={}", d.number(9))),
    ("masked", |d| format!("password=******** retries={}", d.number(9))),
    ("pod", |d| format!("pod/shop-api-{}-{} started", d.word(LOWER, 10), d.word(LOWER, 5))),
    ("mac address", |d| format!("eth0 02:42:ac:11:00:{} up", d.word(HEX, 2))),
    ("ids in upper case", |d| format!("order {}-{} paid", d.word(UPPER, 6), d.word(DIGITS, 8))),
    ("author of a commit", |d| format!("Author: Ada {} wrote it", d.number(90))),
    ("sql with parameter", |d| format!("select id from member where password_hash = $1 and id = {}", d.number(90))),
    ("secret name", |d| format!("secretName: shop-tls-{} mounted", d.number(90))),
];
