//! Single containers through the Engine API: what they are, what happens to them, and restarting them.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, EventMessage};
use bollard::query_parameters::{
    EventsOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder, RenameContainerOptionsBuilder,
    RestartContainerOptionsBuilder,
};
use futures_util::{Stream, StreamExt};
use kit::{Error, Result};

use super::{Runtime, unreachable_engine};

/// How long one question to the engine may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a container may take to end before it is killed, in seconds.
const GRACE_SECONDS: i32 = 10;
/// What can change how a container is. Health checks also make an event for each of their processes, which nobody needs.
const EVENTS: &[&str] = &["start", "die", "oom", "pause", "unpause", "destroy", "rename", "health_status"];

/// A container as a list shows it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Docker's id.
    pub id: String,
    /// Its name, without the slash.
    pub name: String,
    /// Its labels.
    pub labels: HashMap<String, String>,
}

impl Runtime {
    /// All containers with `label`, or all of the host; also those that do not run.
    pub async fn containers(&self, label: Option<&str>) -> Result<Vec<Listed>> {
        let filters: HashMap<String, Vec<String>> = label.iter().map(|label| ("label".to_owned(), vec![(*label).to_owned()])).collect();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let found = within(self.engine()?.list_containers(Some(options))).await?;
        let listed = found.into_iter().filter_map(|container| {
            let name = container.names.and_then(|names| names.into_iter().next()).unwrap_or_default();
            Some(Listed { id: container.id?, name: name.trim_start_matches('/').to_owned(), labels: container.labels.unwrap_or_default() })
        });
        Ok(listed.collect())
    }

    /// Everything about one container, by id or name; `None` when there is no such container.
    pub async fn inspect(&self, container: &str) -> Result<Option<ContainerInspectResponse>> {
        let asked = tokio::time::timeout(PATIENCE, self.engine()?.inspect_container(container, None::<InspectContainerOptions>)).await;
        match asked.map_err(|_| slow())? {
            Ok(found) => Ok(Some(found)),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(unreachable_engine(error)),
        }
    }

    /// What happens to containers from now on, until the engine goes away.
    pub fn events(&self) -> Result<impl Stream<Item = Result<EventMessage>> + use<>> {
        let filters = HashMap::from([("type", vec!["container"]), ("event", EVENTS.to_vec())]);
        let options = EventsOptionsBuilder::default().filters(&filters).build();
        // The stream owns its connection; the handle is cheap to copy.
        let engine = self.engine()?.clone();
        Ok(engine.events(Some(options)).map(|event| event.map_err(unreachable_engine)))
    }

    /// Restarts one container with the image and settings it has; also one that does not run.
    pub async fn restart(&self, container: &str) -> Result<()> {
        let options = RestartContainerOptionsBuilder::default().t(GRACE_SECONDS).build();
        let limit = Duration::from_secs(GRACE_SECONDS.unsigned_abs().into()) + Duration::from_secs(30);
        let asked = tokio::time::timeout(limit, self.engine()?.restart_container(container, Some(options))).await;
        match asked.map_err(|_| slow())? {
            Ok(()) => Ok(()),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Err(Error::not_found("the container")),
            Err(bollard::errors::Error::DockerResponseServerError { message, .. }) => {
                Err(Error::conflict(format!("Docker could not restart the container: {message}")))
            }
            Err(error) => Err(unreachable_engine(error)),
        }
    }

    /// Gives a container another name; the networks it is in know it at once.
    pub async fn rename(&self, container: &str, name: &str) -> Result<()> {
        let options = RenameContainerOptionsBuilder::default().name(name).build();
        match within(self.engine()?.rename_container(container, options)).await {
            // It has the name by now: somebody else who was about the same thing gave it.
            Err(Error::Conflict(why)) if why.contains("the same name as its current name") => Ok(()),
            outcome => outcome,
        }
    }

    /// Lets a frozen container go on; one that is not frozen is left alone.
    pub async fn unpause(&self, container: &str) -> Result<()> {
        match within(self.engine()?.unpause_container(container)).await {
            // "is not paused": what was wanted.
            Err(Error::Conflict(_)) => Ok(()),
            other => other,
        }
    }
}

async fn within<T>(question: impl Future<Output = Result<T, bollard::errors::Error>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, question).await.map_err(|_| slow())? {
        Ok(answer) => Ok(answer),
        // The engine answered: it is there, and says no.
        Err(bollard::errors::Error::DockerResponseServerError { message, .. }) => {
            Err(Error::conflict(format!("Docker refused: {message}")))
        }
        Err(error) => Err(unreachable_engine(error)),
    }
}

fn slow() -> Error {
    Error::unavailable("Docker takes too long to answer")
}
