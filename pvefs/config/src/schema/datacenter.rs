//! The options of `datacenter.cfg`.

use super::HotPlug::Recorded;
use super::{Format, OptionDef, bare, option};

const TEXT: Format = Format::Text { max: 65_536 };

static MIGRATION: &[OptionDef] = &[
    bare(option(
        "type",
        Format::Enum(&["secure", "insecure"]),
        Some("secure"),
        Recorded,
        "secure",
        "Whether the data goes through an SSH tunnel",
    )),
    option("network", Format::Network, None, Recorded, "10.0.0.0/24", "Network to use"),
];

static HA: &[OptionDef] = &[option(
    "shutdown_policy",
    Format::Enum(&["freeze", "failover", "conditional", "migrate"]),
    Some("conditional"),
    Recorded,
    "migrate",
    "What becomes of HA services when a node shuts down",
)];

static BANDWIDTH: &[OptionDef] = &[
    option("clone", LIMIT, None, Recorded, "0", "KiB per second for clones"),
    option("default", LIMIT, None, Recorded, "10240", "KiB per second where nothing else is said"),
    option("migration", LIMIT, None, Recorded, "10240", "KiB per second for migrations"),
    option("move", LIMIT, None, Recorded, "10240", "KiB per second for moving volumes"),
    option("restore", LIMIT, None, Recorded, "10240", "KiB per second for restores"),
];
const LIMIT: Format = Format::Number { min: 0, max: u32::MAX };

static NEXT_ID: &[OptionDef] = &[
    option("lower", GUEST_ID, Some("100"), Recorded, "100", "Lowest id to give to a new guest"),
    option(
        "upper",
        GUEST_ID,
        Some("1000000"),
        Recorded,
        "1000000",
        "Id below which new guests stay",
    ),
];
const GUEST_ID: Format = Format::Integer { min: 100, max: 999_999_999 };

/// Every option of `datacenter.cfg`.
pub static DATACENTER: &[OptionDef] = &[
    option(
        "keyboard",
        Format::Enum(&[
            "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch",
            "hu", "is", "it", "ja", "lt", "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
        ]),
        None,
        Recorded,
        "en-us",
        "Keyboard layout of the graphical console",
    ),
    option("language", TEXT, None, Recorded, "en", "Language of the web interface"),
    option("http_proxy", TEXT, None, Recorded, "http://proxy:3128", "Proxy for downloads"),
    option(
        "migration_unsecure",
        Format::Boolean,
        None,
        Recorded,
        "0",
        "Migrate without encryption; `migration` says it now",
    ),
    option("migration", Format::Properties(MIGRATION), None, Recorded, "secure", "How to migrate"),
    option(
        "replication",
        Format::Properties(MIGRATION),
        None,
        Recorded,
        "secure",
        "How to replicate volumes",
    ),
    option(
        "console",
        Format::Enum(&["applet", "vv", "html5", "xtermjs"]),
        None,
        Recorded,
        "xtermjs",
        "Viewer that the web interface opens",
    ),
    option("email_from", TEXT, None, Recorded, "root@example.com", "Sender of mails"),
    option(
        "max_workers",
        Format::Integer { min: 1, max: 64 },
        None,
        Recorded,
        "4",
        "How many guests are started or stopped at once",
    ),
    option(
        "fencing",
        Format::Enum(&["watchdog", "hardware", "both"]),
        Some("watchdog"),
        Recorded,
        "watchdog",
        "How a lost node is kept from its services",
    ),
    option(
        "ha",
        Format::Properties(HA),
        None,
        Recorded,
        "shutdown_policy=migrate",
        "High availability",
    ),
    option(
        "mac_prefix",
        Format::MacPrefix,
        Some("BC:24:11"),
        Recorded,
        "BC:24:11",
        "Beginning of random MAC addresses",
    ),
    option(
        "bwlimit",
        Format::Properties(BANDWIDTH),
        None,
        Recorded,
        "default=10240",
        "Limits on bandwidth",
    ),
    option(
        "next-id",
        Format::Properties(NEXT_ID),
        None,
        Recorded,
        "lower=100,upper=10000",
        "Range of ids for new guests",
    ),
    option("description", TEXT, None, Recorded, "Main site", "Description"),
    option(
        "registered-tags",
        Format::Tags,
        None,
        Recorded,
        "web;db",
        "Tags that only administrators set",
    ),
    option("crs", TEXT, None, Recorded, "ha=static", "How services are spread over nodes"),
    option("notify", TEXT, None, Recorded, "package-updates=auto", "When to notify"),
    option("tag-style", TEXT, None, Recorded, "shape=full", "How tags are shown"),
    option("u2f", TEXT, None, Recorded, "appid=https://example.com", "U2F settings"),
    option("user-tag-access", TEXT, None, Recorded, "user-allow=free", "Who may set tags"),
    option("webauthn", TEXT, None, Recorded, "rp=example.com", "WebAuthn settings"),
    option(
        "consent-text",
        TEXT,
        None,
        Recorded,
        "For authorised use only",
        "Text shown before login",
    ),
];
