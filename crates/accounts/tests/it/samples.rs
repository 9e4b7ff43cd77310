//! The migration's sample rows are rows that this crate reads.

use accounts::{Actor, AuditQuery, CustomerId, CustomerQuery, MemberId, audit, customers, members, tokens};
use kit::sql;

use crate::house::houses;

#[tokio::test]
async fn sample_rows_are_read() {
    for (house, _guard) in houses().await {
        for statement in include_str!("../../../../migrations/samples/0002.sql").split(";\n").filter(|text| !text.trim().is_empty()) {
            house.db.execute(sql(statement)).await.unwrap();
        }
        let cli = Actor::cli();
        let customer = CustomerId::parse("cust_aaaaaaaaaaaa").unwrap();
        let page = customers::list(&house.db, &cli.scope(), &CustomerQuery::default()).await.unwrap();
        assert_eq!(
            page.items.iter().map(|it| (it.members, it.is_suspended())).collect::<Vec<_>>(),
            [(0, true), (1, false)],
            "{}",
            house.on
        );
        assert_eq!(members::of_customer(&house.db, &cli, &customer).await.unwrap()[0].theme, accounts::Theme::Dark);
        assert_eq!(tokens::of_customer(&house.db, &cli, &customer).await.unwrap()[0].scopes.to_string(), "sites:read sites:deploy");
        let rows = audit::list(&house.db, &cli, &AuditQuery::default()).await.unwrap().items;
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].member_id, Some(MemberId::parse("mem_0000000000000000aa").unwrap()));
        // All of it has run out long ago: the session, the reset, the link, two invitations and the counter.
        assert_eq!(accounts::sweep(&house.db, &house.clock).await.unwrap(), 6);
    }
}
