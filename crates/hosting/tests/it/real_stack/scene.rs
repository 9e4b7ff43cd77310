//! A site in the books whose containers the test makes by itself: for what no template does. Needs Docker, and no edge.

use std::time::Duration;

use accounts::Actor;
use hosting::logs::{self, Recent, Wanted};
use hosting::probes;
use hosting::sites::{Site, SiteState};
use testkit::EngineGate;
use tokio_util::sync::CancellationToken;

use super::docker;
use crate::house::{House, small_house};

/// Carried by the containers of these tests, so that those of a run that failed can be found.
const OURS: &str = "innkeeper.test=scene";
/// A secret that only the containers' environment tells of, as an adopted one's.
pub const OWN: &str = "market day";

/// The site, and the watch over it.
pub struct Scene {
    pub house: House,
    pub site: Site,
    stop: CancellationToken,
}

impl Scene {
    /// A site in the books whose containers the test makes, and the board that watches them.
    pub async fn begin() -> Scene {
        Scene::behind(None).await
    }

    /// The same with Docker behind a gate.
    pub async fn behind(gate: Option<&EngineGate>) -> Scene {
        remove().await;
        let house = small_house().await;
        let (customer, actor) = house.customer("ada").await;
        let site = house.create(&actor, &customer, "ada").await.unwrap();
        let site = house.settle(&site.id, SiteState::Active).await;
        if let Some(gate) = gate {
            house.hosting.runtime.connect_to(gate.socket()).unwrap();
        }
        let stop = CancellationToken::new();
        tokio::spawn(probes::watch(house.hosting.clone(), stop.clone()));
        Scene { house, site, stop }
    }

    /// The password of its database.
    pub fn password(&self) -> String {
        self.site.open_secrets(&self.house.hosting.key).unwrap().db_password
    }

    /// Starts a container of a service: `more` are options of `docker run`, `script` is what its shell does.
    pub async fn run(&self, service: &str, more: &[&str], script: &str) {
        let labels = [
            OURS.to_owned(),
            format!("innkeeper.site={}", self.site.id),
            format!("innkeeper.service={service}"),
            format!("innkeeper.instance={}", self.house.hosting.edge.project),
        ];
        let (name, password) = (self.site.container(service), format!("P={}", self.password()));
        let mut args = vec!["run", "--detach", "--pull", "never", "--network", "none", "--name", &name, "--env", &password];
        for label in &labels {
            args.extend(["--label", label]);
        }
        let own = format!("ADOPTED_DB_PASSWORD={OWN}");
        args.extend(["--env", &own]);
        args.extend(more);
        args.extend(["debian:12-slim", "sh", "-c", script]);
        docker(&args).await;
    }

    /// The last lines.
    pub async fn recent(&self, wanted: Wanted) -> kit::Result<Recent> {
        logs::recent(&self.house.hosting, &Actor::cli().scope(), &self.site.id, &wanted).await
    }

    /// Waits until the board knows so many containers.
    pub async fn until_seen(&self, containers: usize) {
        for _ in 0..100 {
            let health = self.house.hosting.health(&self.site);
            if self.house.hosting.board.unreachable().is_none()
                && health.services.iter().filter(|it| it.container.is_some()).count() == containers
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the board does not see the containers: {:?}", self.house.hosting.health(&self.site));
    }

    /// Nothing of it is left.
    pub async fn end(self) {
        self.stop.cancel();
        remove().await;
    }
}

async fn remove() {
    let old = docker(&["ps", "--all", "--quiet", "--filter", &format!("label={OURS}")]).await;
    let ids: Vec<&str> = old.split_whitespace().collect();
    if !ids.is_empty() {
        docker(&[["rm", "--force", "--volumes"].as_slice(), &ids].concat()).await;
    }
}
