//! Words that sample data is made of. Domains end in `.example`, which nobody can own (RFC 2606).

pub(super) const FIRST: &[&str] = &[
    "Ada", "Bruno", "Carla", "David", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Luis", "Mina", "Nils", "Olga", "Pia",
    "Quentin", "Rosa", "Samir", "Tara", "Umut", "Vera", "Wim", "Xenia", "Yara", "Zoe",
];

pub(super) const LAST: &[&str] = &[
    "Adler",
    "Brandt",
    "Costa",
    "Dufour",
    "Eklund",
    "Ferrari",
    "Garcia",
    "Hansen",
    "Ivanova",
    "Jansen",
    "Keller",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
    "Quinn",
    "Rossi",
    "Schmidt",
    "Tanaka",
    "Ulrich",
    "Vogel",
    "Weber",
    "Yilmaz",
    "Zhang",
];

/// What a customer does for a living, and the industry that builds are told under.
pub(super) const TRADE: &[(&str, &str)] = &[
    ("Bakery", "food"),
    ("Cycles", "retail"),
    ("Design", "creative"),
    ("Events", "events"),
    ("Florist", "retail"),
    ("Garage", "services"),
    ("Hair", "beauty"),
    ("Interiors", "creative"),
    ("Joinery", "crafts"),
    ("Kitchens", "crafts"),
    ("Legal", "services"),
    ("Music", "creative"),
    ("Nursery", "education"),
    ("Optics", "health"),
    ("Photography", "creative"),
    ("Roasters", "food"),
    ("Studio", "creative"),
    ("Travel", "travel"),
    ("Upholstery", "crafts"),
    ("Vineyard", "food"),
    ("Workshop", "crafts"),
    ("Yoga", "health"),
];

/// The ten features of the product.
pub(super) const FEATURES: &[&str] = &["editor", "media", "forms", "shop", "blog", "domains", "analytics", "backups", "team", "automation"];

pub(super) const SITE_TYPES: &[(&str, u32)] = &[("business", 40), ("portfolio", 25), ("ecommerce", 20), ("blog", 15)];

pub(super) const REFERRERS: &[(&str, u32)] = &[("search", 42), ("direct", 25), ("social", 15), ("referral", 12), ("newsletter", 6)];

pub(super) const TICKETS: &[&str] = &[
    "The contact form sends nothing",
    "How do I move my domain here?",
    "The shop shows the wrong currency",
    "Images look blurred on my phone",
    "An invoice has the wrong address",
    "My colleague cannot sign in",
    "The build stopped half way",
    "The page is slow this morning",
];

/// Provider, model, median of input and output tokens.
type Model = (&'static str, &'static str, i64, i64);

/// Models that builds call, each with its share of calls.
pub(super) const MODELS: &[(Model, u32)] = &[
    (("anthropic", "claude-opus-4-5", 9_000, 5_200), 34),
    (("anthropic", "claude-haiku-3-5", 2_400, 500), 52),
    (("openai", "gpt-5-mini", 3_100, 900), 14),
];
