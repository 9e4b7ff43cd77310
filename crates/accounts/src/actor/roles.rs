//! Roles, permissions, the scopes of API tokens, and the table that joins them.

use std::fmt;

use kit::db::{FromValue, Row, Value};
use kit::{Error, Result, text_enum};

use crate::CustomerId;

text_enum!(
    /// A member's standing with their customer.
    Standing {
        /// May do everything for the customer, people included.
        Owner = "owner",
        /// Works on the sites.
        Member = "member",
    }
);

/// What a member is to the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Belongs to one customer.
    Customer {
        /// Which.
        customer: CustomerId,
        /// And as what.
        standing: Standing,
    },
    /// Support staff: sees customers and sites, writes follow-ups.
    Concierge,
    /// The operator.
    Admin,
}

impl Role {
    /// Parses `owner`, `member`, `concierge` or `admin`. Fields: `role`, `customer`.
    pub fn parse(role: &str, customer: Option<CustomerId>) -> Result<Role> {
        match (role, customer) {
            ("admin", None) => Ok(Role::Admin),
            ("concierge", None) => Ok(Role::Concierge),
            ("admin" | "concierge", Some(_)) => Err(Error::invalid("customer", "Admins and concierges belong to no customer.")),
            (text, customer) => {
                let standing =
                    Standing::from_text(text).ok_or_else(|| Error::invalid("role", "Choose owner, member, concierge or admin."))?;
                let customer = customer.ok_or_else(|| Error::invalid("customer", "Choose the customer whom they belong to."))?;
                Ok(Role::Customer { customer, standing })
            }
        }
    }

    /// `owner`, `member`, `concierge` or `admin`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Role::Customer { standing, .. } => standing.as_str(),
            Role::Concierge => "concierge",
            Role::Admin => "admin",
        }
    }

    /// The customer whom the member belongs to; staff belong to none.
    pub fn customer(&self) -> Option<&CustomerId> {
        match self {
            Role::Customer { customer, .. } => Some(customer),
            Role::Concierge | Role::Admin => None,
        }
    }

    /// Reads the columns `role` and `customer_id`.
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Role> {
        let (role, customer): (String, Option<CustomerId>) = (row.get("role")?, row.get("customer_id")?);
        Role::parse(&role, customer).map_err(|error| Error::internal(format!("a stored role is malformed: {error}")))
    }

    /// Whether the role has the permission, whoever asks by whatever means: the table of this house.
    pub fn permits(&self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Role::Admin => true,
            Role::Concierge => matches!(
                permission,
                P::ReadSites | P::ReadCustomers | P::WriteFollowUps | P::OwnAccount | P::OwnTokens | P::ReadReporting | P::ReadGuardrails
            ),
            Role::Customer { standing: Standing::Owner, .. } => {
                !matches!(permission, P::ManageCustomers | P::WriteFollowUps | P::OperateHouse)
            }
            Role::Customer { standing: Standing::Member, .. } => matches!(
                permission,
                P::ReadSites
                    | P::WriteSites
                    | P::DeploySites
                    | P::ReadCustomers
                    | P::OwnAccount
                    | P::OwnTokens
                    | P::IngestEvents
                    | P::ReadReporting
                    | P::ReadGuardrails
            ),
        }
    }

    /// Whether a token with this scope could ever do anything for the role. `admin` is for admins, whatever else it opens.
    pub fn has_use_for(&self, scope: TokenScope) -> bool {
        if scope == TokenScope::Admin && *self != Role::Admin {
            return false;
        }
        Permission::ALL.iter().any(|permission| permission.token_scope() == Some(scope) && self.permits(*permission))
    }
}

text_enum!(
    /// What one may want to do. Whose it is done to is a matter of [`Scope`].
    Permission {
        /// See sites, their state and logs.
        ReadSites = "read-sites",
        /// Create, change, start, stop, delete sites.
        WriteSites = "write-sites",
        /// Make a new release of a site live.
        DeploySites = "deploy-sites",
        /// See customers: one's own, or all.
        ReadCustomers = "read-customers",
        /// Change what a customer decides about itself, such as its name.
        EditCustomer = "edit-customer",
        /// Create, suspend and resume customers, set their currency.
        ManageCustomers = "manage-customers",
        /// Note what was done for a customer.
        WriteFollowUps = "write-follow-ups",
        /// See who belongs to a customer or to the house.
        ReadMembers = "read-members",
        /// Invite, remove, change roles.
        WriteMembers = "write-members",
        /// Change one's own profile, password, sessions. Never by token.
        OwnAccount = "own-account",
        /// List, make and revoke one's own API tokens.
        OwnTokens = "own-tokens",
        /// List and revoke the API tokens of others.
        ManageTokens = "manage-tokens",
        /// Send events.
        IngestEvents = "ingest-events",
        /// Read figures and reports.
        ReadReporting = "read-reporting",
        /// See guardrails.
        ReadGuardrails = "read-guardrails",
        /// Change guardrails.
        WriteGuardrails = "write-guardrails",
        /// Read the audit log: one's own customer's, or all of it.
        ReadAudit = "read-audit",
        /// Jobs, outgoing mail, settings.
        OperateHouse = "operate-house",
    }
);

impl Permission {
    /// The scope that an API token needs for it; `None`: no token may.
    pub fn token_scope(self) -> Option<TokenScope> {
        use Permission as P;
        match self {
            P::ReadSites => Some(TokenScope::SitesRead),
            P::WriteSites => Some(TokenScope::SitesWrite),
            P::DeploySites => Some(TokenScope::SitesDeploy),
            P::ReadCustomers => Some(TokenScope::CustomersRead),
            P::EditCustomer | P::ManageCustomers | P::WriteFollowUps => Some(TokenScope::CustomersWrite),
            P::ReadMembers | P::WriteMembers => Some(TokenScope::MembersWrite),
            P::OwnTokens | P::ManageTokens => Some(TokenScope::TokensWrite),
            P::IngestEvents => Some(TokenScope::EventsWrite),
            P::ReadReporting => Some(TokenScope::ReportingRead),
            P::ReadGuardrails => Some(TokenScope::GuardrailsRead),
            P::WriteGuardrails => Some(TokenScope::GuardrailsWrite),
            P::ReadAudit | P::OperateHouse => Some(TokenScope::Admin),
            P::OwnAccount => None,
        }
    }
}

text_enum!(
    /// What an API token may be used for. None includes another.
    TokenScope {
        /// See sites.
        SitesRead = "sites:read",
        /// Create, change, delete sites.
        SitesWrite = "sites:write",
        /// Deploy sites.
        SitesDeploy = "sites:deploy",
        /// See customers.
        CustomersRead = "customers:read",
        /// Change customers, write follow-ups.
        CustomersWrite = "customers:write",
        /// See and change members.
        MembersWrite = "members:write",
        /// See, make and revoke tokens.
        TokensWrite = "tokens:write",
        /// Send events.
        EventsWrite = "events:write",
        /// Read figures and reports.
        ReportingRead = "reporting:read",
        /// See guardrails.
        GuardrailsRead = "guardrails:read",
        /// Change guardrails.
        GuardrailsWrite = "guardrails:write",
        /// Jobs, outgoing mail, settings, the audit log.
        Admin = "admin",
    }
);

/// The scopes of one token: at least one, each once, in order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct TokenScopes(Vec<TokenScope>);

impl TokenScopes {
    /// Takes any number of scopes but none. Field: `scopes`.
    pub fn new(scopes: impl IntoIterator<Item = TokenScope>) -> Result<TokenScopes> {
        let mut scopes: Vec<TokenScope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        match scopes.is_empty() {
            true => Err(Error::invalid("scopes", "Choose at least one scope.")),
            false => Ok(TokenScopes(scopes)),
        }
    }

    /// Parses names separated by spaces or commas. Field: `scopes`.
    pub fn parse(text: &str) -> Result<TokenScopes> {
        let scopes: Vec<TokenScope> = text
            .split([' ', ','])
            .filter(|name| !name.is_empty())
            .map(|name| {
                TokenScope::from_text(name).ok_or_else(|| {
                    let known: Vec<&str> = TokenScope::ALL.iter().map(|scope| scope.as_str()).collect();
                    Error::invalid("scopes", format!("Choose among {}.", known.join(", ")))
                })
            })
            .collect::<Result<_>>()?;
        TokenScopes::new(scopes)
    }

    /// Whether the scope is among them.
    pub fn contains(&self, scope: TokenScope) -> bool {
        self.0.contains(&scope)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = TokenScope> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for TokenScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(TokenScope::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl From<&TokenScopes> for Value {
    fn from(scopes: &TokenScopes) -> Value {
        Value::Text(scopes.to_string())
    }
}

impl FromValue for TokenScopes {
    fn from_value(value: Value) -> Result<TokenScopes> {
        let text = String::from_value(value)?;
        TokenScopes::parse(&text).map_err(|_| Error::internal(format!("stored scopes `{text}` are malformed")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_with_their_customer_or_not_at_all() {
        let customer = CustomerId::random();
        assert_eq!(Role::parse("admin", None).unwrap(), Role::Admin);
        assert_eq!(Role::parse("owner", Some(customer.clone())).unwrap().customer(), Some(&customer));
        for (role, customer) in [("owner", None), ("member", None), ("admin", Some(&customer)), ("root", None), ("", Some(&customer))] {
            assert!(Role::parse(role, customer.cloned()).is_err(), "{role}");
        }
    }

    #[test]
    fn scopes_are_a_set() {
        assert_eq!(TokenScopes::parse("sites:write, sites:read sites:write").unwrap().to_string(), "sites:read sites:write");
        assert!(TokenScopes::parse("").is_err());
        assert!(TokenScopes::parse("sites:read root").is_err());
        let [owner, member] =
            [Standing::Owner, Standing::Member].map(|standing| Role::Customer { customer: CustomerId::random(), standing });
        assert!(Role::Admin.has_use_for(TokenScope::Admin));
        assert!(!owner.has_use_for(TokenScope::Admin));
        assert!(!member.has_use_for(TokenScope::MembersWrite));
    }
}
