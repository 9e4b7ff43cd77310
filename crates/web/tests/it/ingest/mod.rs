//! Events as they are sent: by our own format, by others', by the real clients; and the pages that show them.

mod cloudevents;
mod disk;
mod doors;
mod files;
mod limits;
mod native;
mod pages;
mod sdks;

use accounts::{CustomerId, Role, Scope};
use events::{Event, Filter};
use web::testing::{TestApp, TestMember};

/// A house with a customer, and keys: of an admin, and of the customer's owner.
struct House {
    test: TestApp,
    customer: CustomerId,
    owner: TestMember,
    admin: TestMember,
    key: String,
    own_key: String,
}

impl House {
    async fn open() -> House {
        House::over(TestApp::start().await).await
    }

    async fn over(test: TestApp) -> House {
        let customer = test.customer("Atelier Nord").await;
        let owner = test.owner_without_password(&customer).await;
        let admin = test.passwordless(Role::Admin).await;
        let key = test.token(&admin, "events:write").await;
        let own_key = test.token(&owner, "events:write").await;
        House { test, customer, owner, admin, key, own_key }
    }

    /// All events, oldest first.
    async fn events(&self) -> Vec<Event> {
        let mut all = self.test.app.events.list(&Scope::house_of_job(), &Filter::default(), 10_000).await.unwrap();
        all.sort_by_key(|event| event.seq);
        all
    }

    async fn names(&self) -> Vec<String> {
        self.events().await.into_iter().map(|event| event.name).collect()
    }

    /// What was complained about: kind, source, name, how many.
    async fn complaints(&self) -> Vec<String> {
        let app = &self.test.app;
        let warnings = events::warnings::Warnings::new(app.db.clone(), app.clock.clone(), app.events.calendar().clone());
        // The app's own list writes what waits when a page asks for it.
        let page = self.test.get("/admin/ingestion").by(&self.admin).send().await;
        assert_eq!(page.status, 200);
        let day = app.events.calendar().day(app.clock.now());
        let listed = warnings.list(day, 100).await.unwrap();
        let mut lines: Vec<String> = listed
            .iter()
            .map(|it| format!("{} {} {} {}", it.trouble, it.source, if it.name.is_empty() { "-" } else { &it.name }, it.events))
            .collect();
        lines.sort();
        lines
    }
}
