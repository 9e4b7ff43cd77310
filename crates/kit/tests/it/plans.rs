//! The questions that are asked every second are answered by an index on both databases, however full the queue is.

use kit::testing::{TestDb, databases};
use kit::{Db, sql};

/// Question, and the index that must answer it. The texts are those of `kit::jobs`.
const QUESTIONS: &[(&str, &str)] = &[
    ("select id from job where state = 'running' and leased_until < 5 order by leased_until limit 1", "job_leased"),
    ("select id from job where state = 'queued' and run_at <= 5 order by run_at, id limit 1", "job_due"),
    ("select cast(count(*) as bigint) from job where state = 'queued' and run_at <= 5", "job_due"),
    ("select run_at from job where state = 'queued' and run_at <= 5 order by run_at, id limit 1", "job_due"),
    ("delete from job where finished_at < 5 and state = 'done'", "job_finished"),
    ("select id from job where state = 'dead' order by id desc limit 50", "job_by_state"),
    ("select id from job where state = 'dead' and id < 'job_b' order by id desc limit 50", "job_by_state"),
    ("update job set state = 'queued' where state = 'running'", "job_"),
    ("delete from mail where id < 'mail_0'", "mail_pkey|sqlite_autoindex_mail_1"),
];

async fn fill(test: &TestDb) {
    // Many done, many that wait for a far day, few that are due or running.
    let rows = |state: &str, first: u32, last: u32, run_at: &str| {
        let number = match test.name {
            "postgres" => format!("generate_series({first}, {last}) as number(n)"),
            _ => format!(
                "(with recursive number(n) as (select {first} union all select n + 1 from number where n < {last}) select n from number)"
            ),
        };
        format!(
            "insert into job (id, kind, payload, state, run_at, attempts, max_attempts, leased_until, created_at, finished_at)
             select 'job_' || n, 'a', '{{}}', '{state}', {run_at}, 1, 8, case when '{state}' = 'running' then n end, 1,
                    case when '{state}' in ('done', 'dead') then 1000 + n end
             from {number};"
        )
    };
    let script = [
        rows("done", 1, 20_000, "n"),
        rows("queued", 20_001, 40_000, "1000 + n"),
        rows("running", 40_001, 40_020, "n"),
        rows("dead", 40_021, 40_040, "n"),
        "insert into mail (id, recipient, subject, state, attempts, created_at)
         select replace(id, 'job', 'mail'), 'a', 'b', 'sent', 1, 1 from job where state = 'done';"
            .to_owned(),
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
async fn questions_of_the_queue_are_answered_by_their_index() {
    for test in databases().await {
        fill(&test).await;
        for (question, index) in QUESTIONS {
            let plan = plan(&test.db, question).await;
            assert!(index.split('|').any(|index| plan.contains(index)), "{}: {question}\n{plan}", test.name);
            let sorts = plan.contains("TEMP B-TREE") || plan.contains("Sort");
            assert!(!sorts, "{}: {question}\n{plan}", test.name);
        }
    }
}
