//! What is asked four times a minute is answered by an index on both databases, however long the history is.

use kit::testing::{TestDb, databases};
use kit::{Db, sql};

/// Question, and the index that must answer it. The texts are those of the stores, with figures instead of placeholders.
const QUESTIONS: &[(&str, &str)] = &[
    ("select id from alert where ended_at is null order by fired_at, id", "alert_open"),
    (
        "select id from alert where told_at is not null and told_end_at is null and ended_at is not null order by ended_at, id limit 500",
        "alert_end_untold",
    ),
    ("select id from alert where rule_id = 'rule_7' order by id desc limit 10", "alert_by_rule"),
    (
        "select at from metric_sample where metric = 'disk_free' and at > 5 and at <= 9 order by at",
        "metric_sample_pkey|sqlite_autoindex_metric_sample_1",
    ),
    ("select id from alert_message where id < 'amsg_5' order by id desc limit 50", "alert_message_pkey|sqlite_autoindex_alert_message_1"),
    ("select site_id from incident where ended_at > 19990 and started_at <= 20000 and ended_at > started_at", "incident_by_end"),
    ("select site_id from incident where ended_at is null and started_at <= 20000", "incident_lasting"),
    ("select site_id from deployment where started_at > 19990 and created_at <= 20000", "deployment_by_start"),
    ("select site_id from deployment where finished_at > 19990 and started_at is null and created_at <= 20000", "deployment_by_end"),
    (
        "select site_id from deployment where state in ('queued', 'running') and state = 'queued' and created_at <= 20000",
        "deployment_in_work",
    ),
];

async fn fill(test: &TestDb) {
    let numbers = match test.name {
        "postgres" => "generate_series(1, 20000) as number(n)",
        _ => "(with recursive number(n) as (select 1 union all select n + 1 from number where n < 20000) select n from number)",
    };
    let script = [
        "insert into customer (id, name, name_folded, currency, created_at) values ('cust_a', 'a', 'a', 'EUR', 1);
         insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets, owner_email,
                           certificate_state, certificate_attempt, created_at, updated_at)
         values ('app_a', 'cust_a', 'portfolio', 'a', 'a.test', 'active', '1', 'r', 1, '', 'a@b.test', 'none', 0, 1, 1);"
            .to_owned(),
        format!(
            "insert into alert (id, rule_name, metric, severity, cause, labels, fired_at, ended_at, evidence, told_at, told_end_at)
             select 'alert_' || n, 'a', 'sites_down', 'warning', 'over', '{{}}', n, n + 1, '{{}}', n, n + 1 from {numbers};"
        ),
        format!(
            "insert into alert_message (id, channel_name, kind, subject, body, target, state, attempts, created_at)
             select 'amsg_' || n, 'a', 'firing', 'a', '{{}}', 'a', 'delivered', 1, n from {numbers};"
        ),
        format!("insert into metric_sample (metric, at, value) select 'disk_free', n, 1.0 from {numbers};"),
        format!(
            "insert into incident (id, site_id, service, state, cause, started_at, ended_at)
             select 'inc_' || n, 'app_a', 'www', 'error', 'died', n, n + 1 from {numbers};"
        ),
        format!(
            "insert into deployment (id, site_id, kind, state, branch, commit_hash, subject, author, requested_by, environment_version, created_at,
                                     started_at, finished_at)
             select 'deploy-' || n, 'app_a', 'push', 'success', '', '', '', '', '', 0, n, n, n + 1 from {numbers};"
        ),
        "analyze".to_owned(),
    ];
    test.run_script(&script.concat()).await;
}

async fn plan(db: &Db, question: &'static str) -> String {
    if db.is_postgres() {
        // One row in a small table is read as a whole even when there is an index.
        db.write(async |tx| {
            tx.execute(sql("set local enable_seqscan = off")).await?;
            let lines: Vec<(String,)> = tx.all(sql("explain").and(question)).await?;
            Ok(lines.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("\n"))
        })
        .await
        .unwrap()
    } else {
        let lines: Vec<(i64, i64, i64, String)> = db.all(sql("explain query plan").and(question)).await.unwrap();
        lines.into_iter().map(|line| line.3).collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test]
async fn questions_are_answered_by_their_index() {
    for test in databases().await {
        fill(&test).await;
        for (question, index) in QUESTIONS {
            let plan = plan(&test.db, question).await;
            assert!(index.split('|').any(|index| plan.contains(index)), "{}: {question}\n{plan}", test.name);
        }
    }
}
