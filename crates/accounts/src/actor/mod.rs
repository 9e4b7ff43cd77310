//! Who asks, how far they reach, and what they may do.
//!
//! [`Actor`] and [`Scope`] have private fields and no public constructor that takes a role or a customer: holding one
//! is the proof of having been authenticated. The table of permissions is [`Role::permits`]; an API token narrows it.

mod roles;

use std::net::IpAddr;

use kit::{Error, Result, Timestamp};

use crate::{Client, CustomerId, Email, MemberId, PersonName, SessionId, Theme, TokenId};
pub use roles::{Permission, Role, Standing, TokenScope, TokenScopes};

/// By what means an actor was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// A cookie.
    Session(SessionId),
    /// An API token, which narrows what its member may do.
    Token {
        /// Which.
        id: TokenId,
        /// What it may be used for.
        scopes: TokenScopes,
        /// When it ends; what it makes must not outlive it.
        expires_at: Option<Timestamp>,
    },
    /// A password sent with a request by Git, which knows no cookies: reads and deploys sites, nothing else.
    Password,
    /// A secret that a slice keeps for one thing of a customer, such as a deploy token of a site.
    Key {
        /// Its id.
        id: String,
        /// All that it may.
        permissions: Vec<Permission>,
    },
    /// A one-time link or a sign-in form, for the one thing that it does.
    Link,
    /// A job, in the name of the house.
    Job,
    /// The command line on the machine itself.
    Cli,
}

impl How {
    /// The stored name.
    pub fn as_str(&self) -> &'static str {
        match self {
            How::Session(_) => "session",
            How::Token { .. } => "token",
            How::Password => "password",
            How::Key { .. } => "key",
            How::Link => "link",
            How::Job => "job",
            How::Cli => "cli",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Actor {
    member: Option<MemberId>,
    name: String,
    email: Option<Email>,
    role: Role,
    theme: Theme,
    how: How,
    ip: Option<IpAddr>,
}

/// What is known of a member at the moment of recognising them.
pub(crate) struct Recognised {
    pub id: MemberId,
    pub name: PersonName,
    pub email: Email,
    pub role: Role,
    pub theme: Theme,
}

impl Actor {
    /// Whoever sits at the machine's command line; may do everything.
    pub fn cli() -> Actor {
        Actor::of_the_house("command line".to_owned(), How::Cli)
    }

    /// A job or reconciler, named by its kind; may do everything. For what happens without anyone asking.
    pub fn job(kind: &'static str) -> Actor {
        Actor::of_the_house(format!("job {kind}"), How::Job)
    }

    /// Whoever holds a secret that a slice keeps for one thing of a customer. The slice has compared the secret, and sees to it that
    /// the actor reaches nothing but that thing.
    pub fn of_key(name: String, customer: CustomerId, id: String, permissions: Vec<Permission>, client: &Client) -> Actor {
        Actor {
            member: None,
            name,
            email: None,
            role: Role::Customer { customer, standing: Standing::Member },
            theme: Theme::System,
            how: How::Key { id, permissions },
            ip: Some(client.ip),
        }
    }

    fn of_the_house(name: String, how: How) -> Actor {
        Actor { member: None, name, email: None, role: Role::Admin, theme: Theme::System, how, ip: None }
    }

    pub(crate) fn recognised(member: Recognised, how: How, ip: IpAddr) -> Actor {
        Actor {
            member: Some(member.id),
            name: member.name.to_string(),
            email: Some(member.email),
            role: member.role,
            theme: member.theme,
            how,
            ip: Some(ip),
        }
    }

    /// The member; the command line and jobs are none.
    pub fn member_id(&self) -> Option<&MemberId> {
        self.member.as_ref()
    }

    /// What to call them.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Their address.
    pub fn email(&self) -> Option<&Email> {
        self.email.as_ref()
    }

    /// What they are to the house.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// The customer whom they belong to.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.role.customer()
    }

    /// How they like pages to look.
    pub fn theme(&self) -> Theme {
        self.theme
    }

    /// By what means they were recognised.
    pub fn how(&self) -> &How {
        &self.how
    }

    /// Where they ask from.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// How far they reach: their customer, or the whole house.
    pub fn scope(&self) -> Scope {
        Scope(match &self.role {
            Role::Customer { customer, .. } => Reach::Customer(customer.clone()),
            Role::Concierge | Role::Admin => Reach::House,
        })
    }

    /// Passes when their role has the permission and, with an API token, the token has its scope.
    pub fn may(&self, permission: Permission) -> Result<()> {
        match &self.how {
            How::Link => return Err(Error::forbidden("Please sign in first.")),
            How::Password if !matches!(permission, Permission::ReadSites | Permission::DeploySites) => {
                return Err(Error::forbidden("This cannot be done with a password alone. Please sign in."));
            }
            How::Key { permissions, .. } if !permissions.contains(&permission) => {
                return Err(Error::forbidden("This token may not do that."));
            }
            How::Token { scopes, .. } => match permission.token_scope() {
                None => return Err(Error::forbidden("This cannot be done with an API token. Please sign in.")),
                Some(scope) if !scopes.contains(scope) => {
                    return Err(Error::forbidden(format!("This API token lacks the scope {scope}.")));
                }
                Some(_) => {}
            },
            How::Session(_) | How::Password | How::Key { .. } | How::Job | How::Cli => {}
        }
        match self.role.permits(permission) {
            true => Ok(()),
            false => Err(Error::forbidden("Your role does not allow this.")),
        }
    }

    /// Whether [`may`](Actor::may) passes: to leave out of a page what would be refused.
    pub fn can(&self, permission: Permission) -> bool {
        self.may(permission).is_ok()
    }

    /// Passes for oneself by a session: what is one's own stays out of reach of tokens.
    pub(crate) fn is_in_person(&self, member: &MemberId) -> bool {
        self.member.as_ref() == Some(member) && matches!(self.how, How::Session(_))
    }
}

/// How far an actor reaches: one customer, or the whole house. Every query on customers' data takes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope(Reach);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    Customer(CustomerId),
    House,
}

impl Scope {
    /// The whole house, for jobs and reconcilers alone: a request's scope is its actor's.
    pub fn house_of_job() -> Scope {
        Scope(Reach::House)
    }

    /// For SQL: `(cast($1 as text) is null or customer_id = $1)`.
    pub fn customer_filter(&self) -> Option<&CustomerId> {
        match &self.0 {
            Reach::Customer(customer) => Some(customer),
            Reach::House => None,
        }
    }

    /// Whether it is the whole house.
    pub fn is_house(&self) -> bool {
        self.0 == Reach::House
    }

    /// Passes when the customer is within reach; otherwise the customer does not exist for the one who asks.
    pub fn allows(&self, customer: &CustomerId) -> Result<()> {
        match &self.0 {
            Reach::House => Ok(()),
            Reach::Customer(own) if own == customer => Ok(()),
            Reach::Customer(_) => Err(Error::not_found("the customer")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use kit::Clock;

    use super::*;

    fn actor(role: Role, how: How) -> Actor {
        let member = Recognised {
            id: MemberId::new(&Clock::System),
            name: PersonName::parse("Ada").unwrap(),
            email: Email::parse("ada@example.test").unwrap(),
            role,
            theme: Theme::System,
        };
        Actor::recognised(member, how, Ipv4Addr::LOCALHOST.into())
    }

    fn session() -> How {
        How::Session(SessionId::new(&Clock::System))
    }

    fn token(scopes: &str) -> How {
        How::Token { id: TokenId::new(&Clock::System), scopes: TokenScopes::parse(scopes).unwrap(), expires_at: None }
    }

    fn of_customer(standing: Standing) -> Role {
        Role::Customer { customer: CustomerId::random(), standing }
    }

    /// Kept beside the README's table on purpose: one of them alone cannot be changed by accident.
    #[test]
    fn permissions_are_those_of_the_table() {
        let table = [
            ("read-sites", "acom"),
            ("write-sites", "aom"),
            ("deploy-sites", "aom"),
            ("read-customers", "acom"),
            ("edit-customer", "ao"),
            ("manage-customers", "a"),
            ("write-follow-ups", "ac"),
            ("read-members", "ao"),
            ("write-members", "ao"),
            ("own-account", "acom"),
            ("own-tokens", "acom"),
            ("manage-tokens", "ao"),
            ("ingest-events", "aom"),
            ("read-reporting", "acom"),
            ("read-guardrails", "acom"),
            ("write-guardrails", "ao"),
            ("read-audit", "ao"),
            ("operate-house", "a"),
        ];
        assert_eq!(table.len(), Permission::ALL.len());
        for (name, who) in table {
            let permission = Permission::from_text(name).unwrap();
            for (letter, role) in
                [('a', Role::Admin), ('c', Role::Concierge), ('o', of_customer(Standing::Owner)), ('m', of_customer(Standing::Member))]
            {
                assert_eq!(role.permits(permission), who.contains(letter), "{name} {letter}");
                assert_eq!(actor(role, session()).can(permission), who.contains(letter), "{name} {letter}");
            }
        }
    }

    #[test]
    fn a_token_gives_what_its_scope_names_and_nothing_more_than_its_member_has() {
        for scope in TokenScope::ALL {
            for permission in Permission::ALL {
                let matches = permission.token_scope() == Some(*scope);
                assert_eq!(actor(Role::Admin, token(scope.as_str())).can(*permission), matches, "{scope} {permission}");
                let member = of_customer(Standing::Member);
                let expected = matches && member.permits(*permission);
                assert_eq!(actor(member, token(scope.as_str())).can(*permission), expected, "{scope} {permission}");
            }
        }
    }

    #[test]
    fn a_link_may_nothing_and_the_command_line_everything() {
        for permission in Permission::ALL {
            assert!(!actor(Role::Admin, How::Link).can(*permission));
            assert!(Actor::cli().can(*permission));
        }
    }

    #[test]
    fn a_password_and_a_key_open_only_what_they_are_for() {
        let client = Client::new(Ipv4Addr::LOCALHOST.into(), "git/2");
        let key = Actor::of_key("CI".to_owned(), CustomerId::random(), "stk_1".to_owned(), vec![Permission::ReadSites], &client);
        let password = actor(Role::Admin, How::Password);
        for permission in Permission::ALL {
            assert_eq!(key.can(*permission), *permission == Permission::ReadSites, "{permission}");
            let of_git = matches!(permission, Permission::ReadSites | Permission::DeploySites);
            assert_eq!(password.can(*permission), of_git, "{permission}");
        }
        let concierge = actor(Role::Concierge, How::Password);
        assert!(concierge.can(Permission::ReadSites) && !concierge.can(Permission::DeploySites));
        assert!(!key.scope().is_house());
    }

    #[test]
    fn scope_of_a_customer_knows_no_other() {
        let own = CustomerId::random();
        let scope = actor(Role::Customer { customer: own.clone(), standing: Standing::Owner }, session()).scope();
        assert!(scope.allows(&own).is_ok());
        assert!(matches!(scope.allows(&CustomerId::random()), Err(Error::NotFound(_))));
        assert_eq!(scope.customer_filter(), Some(&own));
        assert!(Actor::cli().scope().is_house());
    }
}
