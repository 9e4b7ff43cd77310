//! What a draft would do: customers scored by the version that scores them now and by the draft, today, with nothing written.

use std::collections::HashMap;

use accounts::CustomerId;
use kit::{Result, Timestamp, sql};
use serde::{Deserialize, Serialize};

use super::assignments::Choice;
use super::besides::{self, Needs};
use super::model::{MOST_DAYS, Rule, VersionNo};
use super::runs::Teller;
use super::unpacked::{Moment, Starts, Unpacked};
use super::{Band, Distribution, Model, scorer};
use crate::Insight;

/// So many customers are named that would change most.
const NAMED: usize = 25;
const PAGE: u32 = 2048;

/// A customer whose score a draft would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// Who.
    pub customer: CustomerId,
    /// What it is called.
    pub name: String,
    /// The score by the version in use.
    pub before: Option<f64>,
    /// And by the draft.
    pub after: Option<f64>,
}

impl Changed {
    /// Whether the band changes, too.
    pub fn changes_band(&self) -> bool {
        self.before.map(Band::of) != self.after.map(Band::of)
    }

    fn distance(&self) -> f64 {
        (self.after.unwrap_or(0.0) - self.before.unwrap_or(0.0)).abs()
    }
}

/// Whose scores a draft would make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Scored {
    /// Everybody's, as if the model were put to use: it scores nobody now.
    #[default]
    AllOnTrial,
    /// Those of the customers whom the model scores now; the others keep theirs and are not shown.
    Own,
}

/// What a draft would do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DryRun {
    /// Whose scores the draft would make: those that its model makes now; of a model that scores nobody yet, all.
    pub scored: Scored,
    /// By the version in use.
    pub before: Distribution,
    /// By the draft.
    pub after: Distribution,
    /// Customers by tens of points, by the version in use.
    pub tens_before: [i64; 10],
    /// And by the draft.
    pub tens_after: [i64; 10],
    /// From which band to which, and how many; only those that change.
    pub moves: Vec<(Option<Band>, Option<Band>, i64)>,
    /// Those who would change most, those who change band first.
    pub changed: Vec<Changed>,
}

/// Scores customers by `rules`, a draft of `model`, beside the versions that score them now.
pub(crate) async fn dry_run(insight: &Insight, model: &str, rules: &[Rule], mut teller: Teller<'_>) -> Result<DryRun> {
    let choice = Choice::read(insight).await?;
    let is_own = choice.scorers().iter().any(|scorer| scorer.model.model == model);
    let draft = insight.scorer_of(Model {
        model: String::new(),
        name: String::new(),
        no: VersionNo(0),
        version: 0,
        rules: rules.to_vec(),
        published_at: Timestamp(0),
        published_by: String::new(),
        note: String::new(),
    });
    let calendar = insight.events().calendar();
    let at = insight.clock().now();
    let now = Moment { day: calendar.day(at), at };
    let names: HashMap<i64, String> = insight.events().features().await?.into_iter().collect();
    let starts = Starts::new(calendar, now.day.plus(-i64::from(MOST_DAYS)), now.day);
    let from = now.day.plus(-choice.reach().max(draft.plan.reach()));
    let (used, wanted) = (choice.needs(), draft.plan.needs());
    let needs = Needs { pulse: used.pulse || wanted.pulse, properties: used.properties || wanted.properties };
    let mut run = DryRun { scored: if is_own { Scored::Own } else { Scored::AllOnTrial }, ..DryRun::default() };
    let mut moves: HashMap<(Option<Band>, Option<Band>), i64> = HashMap::new();
    let mut unpacked = Unpacked::default();
    let mut after: Option<CustomerId> = None;
    loop {
        let last = after.as_ref().map_or("", CustomerId::as_str);
        let page: Vec<(CustomerId, String)> =
            insight.db().all(sql("select id, name from customer where id > $1 order by id limit $2").bind(last).bind(PAGE)).await?;
        let Some((last, _)) = page.last() else { break };
        let looked_at = page.len();
        after = Some(last.clone());
        let ids: Vec<CustomerId> = page.iter().map(|(id, _)| id.clone()).collect();
        let chosen = choice.of(insight.db(), &ids).await?;
        let is_meant = |id: &CustomerId| !is_own || choice.scorer(&chosen, id).model.model == model;
        let (customers, labels): (Vec<CustomerId>, Vec<String>) = page.into_iter().filter(|(id, _)| is_meant(id)).unzip();
        let mut besides = besides::read(insight, &customers, needs).await?;
        for (packed, name) in insight.events().packed(&customers, from, now.day).await?.into_iter().zip(labels) {
            let customer = packed.customer.clone();
            unpacked.fill(packed, besides.remove(&customer).unwrap_or_default(), calendar)?;
            let used = choice.scorer(&chosen, &customer);
            let points = |scorer: &scorer::Scorer| {
                let figures = unpacked.figures(&scorer.plan, &starts, now, &names);
                scorer::total(&scorer.weigh(now.day, unpacked.first_day, &figures))
            };
            run.note(&mut moves, Changed { customer, name, before: points(used), after: points(&draft) });
        }
        teller.add(looked_at).await?;
    }
    run.moves = moves.into_iter().map(|((from, to), number)| (from, to, number)).collect();
    run.moves.sort_by_key(|(from, to, number)| (-number, *from, *to));
    run.keep_named();
    Ok(run)
}

impl DryRun {
    fn note(&mut self, moves: &mut HashMap<(Option<Band>, Option<Band>), i64>, customer: Changed) {
        let (from, to) = (customer.before.map(Band::of), customer.after.map(Band::of));
        self.before.add(from);
        self.after.add(to);
        for (tens, points) in [(&mut self.tens_before, customer.before), (&mut self.tens_after, customer.after)] {
            if let Some(points) = points {
                tens[ten(points)] += 1;
            }
        }
        if from != to {
            *moves.entry((from, to)).or_default() += 1;
        }
        if customer.before != customer.after {
            self.changed.push(customer);
            // Kept short on the way, so that a house of a hundred thousand needs no more room than one of a hundred.
            if self.changed.len() >= 40 * NAMED {
                self.keep_named();
            }
        }
    }

    fn keep_named(&mut self) {
        self.changed.sort_by(|a, b| {
            b.changes_band().cmp(&a.changes_band()).then(b.distance().total_cmp(&a.distance())).then(a.customer.cmp(&b.customer))
        });
        self.changed.truncate(NAMED);
    }
}

/// Which ten a score is in: 0 to below 10, …, 90 to 100.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a score is 0 to 100")]
pub(crate) fn ten(points: f64) -> usize {
    ((points / 10.0) as usize).min(9)
}
