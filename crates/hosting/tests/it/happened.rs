//! What happened to sites, as those read it who count it: over the rows that come with the migrations, on both databases.

use hosting::happened::{self, Kind};
use kit::db::migrations;
use kit::testing::empty_databases;
use kit::{Timestamp, sql};

#[tokio::test]
async fn what_happened_is_told_by_kind_in_its_order_and_within_its_time() {
    for test in empty_databases().await {
        let steps = migrations();
        for (at, step) in steps.iter().enumerate() {
            test.db.migrate(&steps[..=at]).await.unwrap();
            if let Some(sample) = &step.sample {
                test.run_script(sample).await;
            }
        }
        let rows = "
            insert into site_step (operation_id, position, name, state, started_at, finished_at) values
              ('op_000000000000000001', 6, 'build', 'failed', 100, 130);
            insert into site_operation (id, site_id, kind, state, requested_by, created_at, finished_at, service) values
              ('op_0000000000000000r1', 'app_aaaaaaaa', 'restart', 'done', 'Ada', 200, 250, null),
              ('op_0000000000000000r2', 'app_aaaaaaaa', 'restart', 'failed', 'Ada', 300, 350, 'www'),
              ('op_0000000000000000r3', 'app_aaaaaaaa', 'stop', 'done', 'Ada', 300, 350, null);";
        test.run_script(rows).await;
        let all = async |kind, from, to| happened::between(&test.db, kind, Timestamp(from), Timestamp(to), 10).await.unwrap();

        let builds = all(Kind::BuildEnded, 0, 1000).await;
        assert_eq!(builds.len(), 1, "{}", test.name);
        assert_eq!((builds[0].went_well, builds[0].began_at, builds[0].at), (false, Some(Timestamp(100)), Timestamp(130)));
        assert_eq!(all(Kind::BuildStarted, 100, 101).await.len(), 1, "{}", test.name);
        assert!(all(Kind::BuildStarted, 0, 100).await.is_empty(), "{}: the end is not within", test.name);

        let restarts = all(Kind::Restarted, 0, 1000).await;
        let told: Vec<(bool, &str)> = restarts.iter().map(|it| (it.went_well, it.detail.as_str())).collect();
        assert_eq!(told, [(true, "all"), (false, "www")], "{}", test.name);

        let incidents = all(Kind::Failed, 0, 1000).await;
        assert_eq!(incidents.iter().map(|it| it.detail.as_str()).collect::<Vec<_>>(), ["www", "edge"], "{}", test.name);
        let ended = all(Kind::DeployEnded, 0, 1000).await;
        assert_eq!((ended.len(), ended[0].went_well, ended[0].of_what.as_str()), (1, true, "deploy-20250114-154500"), "{}", test.name);
        test.db.execute(sql("update deployment set state = 'cancelled'")).await.unwrap();
        assert!(all(Kind::DeployEnded, 0, 1000).await.is_empty(), "{}: what a person stopped is neither", test.name);
        assert_eq!(all(Kind::DeployStarted, 0, 1000).await.len(), 1, "{}", test.name);
    }
}
