//! Funnels and cohorts for programs: the same questions as on the pages.

use axum::extract::State;
use events::Day;
use insight::funnel::stages::{self, Kind, StageDay, WEEK};
use insight::funnel::{self, Rate, Value};
use insight::retention::{self, Cell};
use kit::Error;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::List;
use crate::app::App;
use crate::extract::{Json, Query};
use crate::operator::{CohortsAsked, funnel_question};
use crate::respond::Answer;
use crate::routes::Caller;

/// Which funnel of the house.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `snapshot` (who did a step within the days; if nothing is said) or `cohort` (how far those got who came within them).
    kind: Option<String>,
    /// So many past days, today included, 1 to 400; 30 if not said.
    days: Option<i64>,
    /// Figures of each day (`1`; if nothing is said) or of the seven that end with it (`7`).
    span: Option<i64>,
}

/// People in each stage.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelDay {
    /// The day, or the last of seven.
    #[schema(example = "2026-11-20")]
    day: String,
    visitors: i64,
    requests: i64,
    emails: i64,
    verified: i64,
    builds: i64,
    deployed: i64,
    /// Its days, and the window of a cohort, are over.
    is_final: bool,
    computed_at: String,
}

impl From<StageDay> for FunnelDay {
    fn from(day: StageDay) -> FunnelDay {
        let [visitors, requests, emails, verified, builds, deployed] = day.people;
        FunnelDay {
            day: day.day.iso(),
            visitors,
            requests,
            emails,
            verified,
            builds,
            deployed,
            is_final: day.is_final,
            computed_at: day.computed_at.rfc3339(),
        }
    }
}

/// Shows the funnel of the house by day, oldest first.
///
/// Days that were not worked out are missing.
#[utoipa::path(get, path = "/api/funnel", tag = "Funnels", params(Which),
    responses((status = 200, description = "All of them", body = List<FunnelDay>)))]
pub async fn of_house(State(app): State<App>, Query(which): Query<Which>) -> Answer<Json<List<FunnelDay>>> {
    let kind = match which.kind.as_deref() {
        None | Some("snapshot") => Kind::Snapshot,
        Some("cohort") => Kind::Cohort,
        _ => return Err(Error::invalid("kind", "must be `snapshot` or `cohort`").into()),
    };
    let days = which.days.unwrap_or(30);
    if !(1..=400).contains(&days) {
        return Err(Error::invalid("days", "must be 1 to 400").into());
    }
    let span = match which.span.unwrap_or(1) {
        span @ (1 | WEEK) => span,
        _ => return Err(Error::invalid("span", "must be 1 or 7").into()),
    };
    let today = app.events.calendar().day(app.clock.now());
    let found = stages::days(&app.insight, kind, span, today.plus(1 - days), today).await?;
    Ok(Json(List { items: found.into_iter().map(FunnelDay::from).collect(), next: None }))
}

/// A day to be worked out anew.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecalculateFunnel {
    #[schema(example = "2026-11-20")]
    day: String,
}

/// Works out one day of the house's funnel anew.
///
/// For a day that is over and of which events came late: days that are not over are kept fresh.
#[utoipa::path(post, path = "/api/funnel/recalculate", tag = "Funnels", request_body = RecalculateFunnel,
    responses((status = 200, description = "The day as a snapshot", body = FunnelDay)))]
pub async fn recalculate(State(app): State<App>, Json(body): Json<RecalculateFunnel>) -> Answer<Json<FunnelDay>> {
    let today = app.events.calendar().day(app.clock.now());
    let day = Day::parse(&body.day).filter(|day| *day <= today && *day > today.plus(-4000));
    let day = day.ok_or_else(|| Error::invalid("day", "must be a day that has begun, such as 2026-11-20"))?;
    stages::run(&app.insight, day).await?;
    let found = stages::days(&app.insight, Kind::Snapshot, 1, day, day).await?.pop();
    Ok(Json(found.ok_or_else(|| Error::internal("a day that was worked out is not there"))?.into()))
}

/// How a funnel went.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelAnswer {
    from: String,
    to: String,
    time_zone: String,
    as_of: String,
    /// Who entered less than a window ago and may still get further.
    still_converting: u64,
    steps: Vec<FunnelStep>,
    days: Vec<FunnelEntryDay>,
    /// The values of the most people, when a breakdown was asked for.
    values: Vec<FunnelValue>,
    /// So many further values are not told.
    more_values: usize,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelStep {
    name: String,
    /// Whether such an event ever came in.
    is_known: bool,
    people: u64,
    of_first: Option<FunnelRate>,
    of_previous: Option<FunnelRate>,
    /// From the step before: half of them took at most so long.
    median_ms: Option<u64>,
    /// And nine tenths.
    p90_ms: Option<u64>,
}

/// A share, and the range in which it lies with 95 %.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelRate {
    share: f64,
    low: f64,
    high: f64,
}

impl From<Rate> for FunnelRate {
    fn from(Rate { share, low, high }: Rate) -> FunnelRate {
        FunnelRate { share, low, high }
    }
}

/// Those who entered on one day.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelEntryDay {
    day: String,
    entered: u64,
    finished: u64,
    still_converting: bool,
}

/// Those of one value.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelValue {
    /// `null` for those without the property.
    value: Option<String>,
    /// The step that gives the value was not reached.
    not_reached: bool,
    /// In the order of the steps.
    people: Vec<u64>,
}

/// Answers a funnel over any events.
///
/// The query is that of the page *Custom funnels*: what its address holds behind the question mark works here, too.
#[utoipa::path(get, path = "/api/funnels/answer", tag = "Funnels",
    params(
        ("step1" = String, Query, description = "Name of an event; several with `|` between them. Up to `step10`", example = "visit | $pageview"),
        ("step2" = String, Query, description = "The second step", example = "request"),
        ("order" = Option<String>, Query, description = "`ordered`, `strict` or `any`"),
        ("window" = Option<u32>, Query, description = "Hours from the first step to the last; 336 if not said"),
        ("days" = Option<u32>, Query, description = "Who entered within so many days; 30 if not said"),
        ("from" = Option<String>, Query, description = "Or from this day"),
        ("to" = Option<String>, Query, description = "To this one"),
        ("who" = Option<String>, Query, description = "`people` or `customers`"),
        ("by" = Option<String>, Query, description = "A property to break down by"),
        ("of" = Option<String>, Query, description = "Whose value counts: `first`, `last`, `all` or the number of a step"),
    ),
    responses((status = 200, description = "How it went", body = FunnelAnswer)))]
pub async fn answer(
    State(app): State<App>,
    Caller(actor): Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer<Json<FunnelAnswer>> {
    let question = funnel_question(pairs)?;
    let found = funnel::ask(&app.insight, &actor, &question).await?;
    Ok(Json(FunnelAnswer {
        from: found.from.iso(),
        to: found.to.iso(),
        time_zone: app.events.calendar().zone_name().to_owned(),
        as_of: found.as_of.rfc3339(),
        still_converting: found.converting,
        steps: found
            .steps
            .iter()
            .map(|step| FunnelStep {
                name: step.name.clone(),
                is_known: step.is_known,
                people: step.people,
                of_first: step.of_first.map(FunnelRate::from),
                of_previous: step.of_previous.map(FunnelRate::from),
                median_ms: step.median_ms,
                p90_ms: step.p90_ms,
            })
            .collect(),
        days: found
            .days
            .iter()
            .map(|day| FunnelEntryDay {
                day: day.day.iso(),
                entered: day.entered,
                finished: day.finished,
                still_converting: day.is_converting,
            })
            .collect(),
        values: found
            .values
            .iter()
            .map(|row| FunnelValue {
                value: if let Value::Word(word) = &row.value { Some(word.clone()) } else { None },
                not_reached: row.value == Value::NotReached,
                people: row.people.clone(),
            })
            .collect(),
        more_values: found.more_values,
    }))
}

/// Who came back.
#[derive(Debug, Serialize, ToSchema)]
pub struct Cohorts {
    time_zone: String,
    as_of: String,
    /// Oldest first.
    cohorts: Vec<CohortOfWeek>,
    /// Over all people of the weeks that are over; `null` while none is.
    weighted_means: Vec<Option<f64>>,
    /// The mean of the cohorts' shares.
    simple_means: Vec<Option<f64>>,
}

/// Those who began in one week.
#[derive(Debug, Serialize, ToSchema)]
pub struct CohortOfWeek {
    /// The first day of the week.
    #[schema(example = "2026-11-16")]
    monday: String,
    size: u64,
    converted: u64,
    weeks: Vec<CohortWeek>,
}

/// One week of a cohort.
#[derive(Debug, Serialize, ToSchema)]
pub struct CohortWeek {
    /// `final`, `partial` (not over) or `future`.
    state: &'static str,
    /// How many came back; `null` in the future.
    back: Option<u64>,
}

/// Shows weekly cohorts: who came back in the weeks after their first start event, and who converted.
#[utoipa::path(get, path = "/api/cohorts", tag = "Funnels",
    params(
        ("start" = Option<String>, Query, description = "The first of these events begins week 0; `request` if not said"),
        ("back" = Option<String>, Query, description = "Coming back is one of these; anything that a person did if not said"),
        ("goal" = Option<String>, Query, description = "Converting is one of these; `deploy_succeeded` if not said"),
        ("weeks" = Option<u32>, Query, description = "Up to this week, 1 to 12; 4 if not said"),
        ("later" = Option<String>, Query, description = "`yes`: coming back in a later week counts for the weeks before, too"),
        ("who" = Option<String>, Query, description = "`people` or `customers`"),
    ),
    responses((status = 200, description = "The cohorts", body = Cohorts)))]
pub async fn cohorts(State(app): State<App>, Caller(actor): Caller, Query(asked): Query<CohortsAsked>) -> Answer<Json<Cohorts>> {
    let found = retention::ask(&app.insight, &actor, &asked.question()?).await?;
    let week = |cell: &Cell| match *cell {
        Cell::Final(back) => CohortWeek { state: "final", back: Some(back) },
        Cell::Partial(back) => CohortWeek { state: "partial", back: Some(back) },
        Cell::Future => CohortWeek { state: "future", back: None },
    };
    Ok(Json(Cohorts {
        time_zone: app.events.calendar().zone_name().to_owned(),
        as_of: found.as_of.rfc3339(),
        cohorts: found
            .cohorts
            .iter()
            .map(|cohort| CohortOfWeek {
                monday: cohort.monday.iso(),
                size: cohort.size,
                converted: cohort.converted,
                weeks: cohort.cells.iter().map(week).collect(),
            })
            .collect(),
        weighted_means: found.means.iter().map(|mean| mean.weighted.map(|rate| rate.share)).collect(),
        simple_means: found.means.iter().map(|mean| mean.simple).collect(),
    }))
}
