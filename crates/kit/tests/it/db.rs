//! Values, queries, errors and copies on both databases.

use std::os::unix::fs::PermissionsExt;

use kit::db::{FromRow, Row, Value};
use kit::testing::{databases, empty_databases, postgres, sqlite};
use kit::{Db, Error, Result, Timestamp, from_row, sql, text_enum};

text_enum!(
    /// A state.
    Mood {
        /// Good.
        Glad = "glad",
        /// Bad.
        Sad = "sad",
    }
);

#[derive(Debug, PartialEq)]
struct Thing {
    id: i64,
    flag: Option<bool>,
    whole: Option<i64>,
    ratio: Option<f64>,
    words: Option<String>,
    bytes: Option<Vec<u8>>,
    mood: Option<Mood>,
    seen_at: Option<Timestamp>,
}

from_row!(Thing { id, flag, whole, ratio, words, bytes, mood, seen_at });

const THING: &str = "create table thing (
    id bigint not null primary key,
    flag boolean,
    whole bigint,
    ratio double precision,
    words text,
    bytes bytea,
    mood text,
    seen_at bigint
)";

async fn insert(db: &Db, thing: &Thing) -> Result<u64> {
    db.execute(
        sql("insert into thing (id, flag, whole, ratio, words, bytes, mood, seen_at) values ($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(thing.id)
            .bind(thing.flag)
            .bind(thing.whole)
            .bind(thing.ratio)
            .bind(thing.words.clone())
            .bind(thing.bytes.clone())
            .bind(thing.mood)
            .bind(thing.seen_at),
    )
    .await
}

async fn things(db: &Db) -> Vec<Thing> {
    db.all(sql("select id, flag, whole, ratio, words, bytes, mood, seen_at from thing order by id")).await.unwrap()
}

fn empty(id: i64) -> Thing {
    Thing { id, flag: None, whole: None, ratio: None, words: None, bytes: None, mood: None, seen_at: None }
}

#[tokio::test]
async fn lower_knows_all_alphabets_alike() {
    for test in databases().await {
        for (text, lower) in
            [("Ärzte ÉTÉ", "ärzte été"), ("ΑΘΗΝΑ", "αθηνα"), ("ЖУК №7", "жук №7"), ("名前 🌱", "名前 🌱"), ("straße", "straße")]
        {
            let query = sql("select lower(cast($1 as text)), lower(cast(null as text)) is null").bind(text);
            let found: (String, bool) = test.db.one(query).await.unwrap();
            assert_eq!(found, (lower.to_owned(), true), "{}", test.name);
        }
        let in_transaction: (String,) = test.db.write(async |tx| tx.one(sql("select lower('Ö')")).await).await.unwrap();
        assert_eq!(in_transaction.0, "ö", "{}: the writer does, too", test.name);
    }
}

#[tokio::test]
async fn lists_hold_what_is_bound_and_an_empty_one_holds_nothing() {
    for test in databases().await {
        test.run_script("create table word (text text not null)").await;
        for word in ["one", "two", "it's $1", "null"] {
            test.db.execute(sql("insert into word (text) values ($1)").bind(word)).await.unwrap();
        }
        let among = async |words: &[&str]| {
            let query =
                sql("select cast(count(*) as bigint) from word where text <> $1 and text in").bind("two").list(words).and("and 1 = 1");
            test.db.one::<(i64,)>(query).await.unwrap().0
        };
        assert_eq!([among(&["one", "two", "it's $1"]).await, among(&["three"]).await, among(&[]).await], [2, 0, 0], "{}", test.name);
    }
}

#[tokio::test]
async fn every_type_comes_back_as_it_was_stored() {
    let stored = [
        empty(1),
        Thing {
            id: 2,
            flag: Some(true),
            whole: Some((1 << 53) + 1),
            ratio: Some(0.1),
            words: Some("Zoë said: 'it''s $1 -- ☃' \\ \u{7f}".to_owned()),
            bytes: Some((0..=255).collect()),
            mood: Some(Mood::Sad),
            seen_at: Some(Timestamp(1_700_000_000_123)),
        },
        Thing {
            id: 3,
            flag: Some(false),
            whole: Some(i64::MIN),
            ratio: Some(f64::NEG_INFINITY),
            words: Some(String::new()),
            bytes: Some(Vec::new()),
            mood: Some(Mood::Glad),
            seen_at: Some(Timestamp(-1)),
        },
        Thing { whole: Some(i64::MAX), ratio: Some(3.0), ..empty(4) },
    ];
    for test in empty_databases().await {
        test.db.execute(sql(THING)).await.unwrap();
        for thing in &stored {
            assert_eq!(insert(&test.db, thing).await.unwrap(), 1, "{}", test.name);
        }
        assert_eq!(things(&test.db).await, stored, "{}", test.name);
        // The same statement with a value where there was a null, and the other way round: types must not stick to it.
        let found: Vec<(i64,)> = test
            .db
            .all(sql("select id from thing where ratio = $1 and words = $2").bind(Some(0.1)).bind(stored[1].words.clone()))
            .await
            .unwrap();
        assert_eq!(found, [(2,)], "{}", test.name);
    }
}

#[tokio::test]
async fn what_one_database_would_refuse_or_change_is_refused_on_both() {
    for test in empty_databases().await {
        test.db.execute(sql(THING)).await.unwrap();
        let nul = Thing { words: Some("a\0b".to_owned()), ..empty(1) };
        let error = insert(&test.db, &nul).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)) && error.to_string().contains("NUL"), "{}: {error:?}", test.name);
        let nan = Thing { ratio: Some(f64::NAN), ..empty(1) };
        assert!(matches!(insert(&test.db, &nan).await.unwrap_err(), Error::Invalid(_)), "{}", test.name);
        let error = test.db.all::<(i64,)>(sql("select id from thing where words = $1").bind("\0")).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{}: {error:?}", test.name);
        assert_eq!(test.count("select cast(count(*) as bigint) from thing").await, 0);
        insert(&test.db, &empty(1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_type_is_an_error_that_names_the_column_and_not_the_value() {
    for test in empty_databases().await {
        test.db.execute(sql(THING)).await.unwrap();
        insert(&test.db, &Thing { words: Some("hunter2".to_owned()), ..empty(1) }).await.unwrap();
        let error = test.db.one::<(i64,)>(sql("select words from thing")).await.unwrap_err().to_string();
        assert!(error.contains("a text where an integer was expected") && !error.contains("hunter2"), "{error}");
        let error = test.db.one::<(i64,)>(sql("select id from thing where id = 2")).await.unwrap_err().to_string();
        assert!(error.contains("no row where one must be"), "{error}");
        let missing: Result<Thing> = test.db.one(sql("select id from thing")).await;
        assert!(missing.unwrap_err().to_string().contains("no column `flag`"));
        let error = test.db.all::<(i64,)>(sql("select nothing from nowhere")).await.unwrap_err();
        assert!(error.to_string().contains("select nothing from nowhere"), "{error}");
        assert!(!error.public_message().contains("nowhere"));
    }
    // PostgreSQL alone checks types of arguments; its complaint must not quote them.
    let test = postgres().await;
    let error = test.db.all::<(i64,)>(sql("select cast($1 as bigint)").bind("hunter2")).await.unwrap_err().to_string();
    assert!(error.contains("cannot bind a text") && !error.contains("hunter2"), "{error}");
    assert!(!format!("{:?}", sql("select $1").bind("hunter2")).contains("hunter2"));
}

#[tokio::test]
async fn an_upsert_adds_up() {
    for test in empty_databases().await {
        test.db.execute(sql("create table visit (day bigint primary key, hits bigint not null)")).await.unwrap();
        for _ in 0..3 {
            let touched = test
                .db
                .execute(
                    sql("insert into visit (day, hits) values ($1, $2)
                         on conflict (day) do update set hits = visit.hits + excluded.hits")
                    .bind(7)
                    .bind(5),
                )
                .await
                .unwrap();
            assert_eq!(touched, 1);
        }
        assert_eq!(test.count("select hits from visit").await, 15, "{}", test.name);
        assert_eq!(test.count("select cast(sum(hits) as bigint) from visit").await, 15, "{}", test.name);
        let sum = sql("select coalesce(sum(cast(hits as double precision)), 0.0) from visit where day = $1");
        assert_eq!(test.db.one::<(f64,)>(sum.clone().bind(1)).await.unwrap(), (0.0,), "{}", test.name);
        assert_eq!(test.db.one::<(f64,)>(sum.bind(7)).await.unwrap(), (15.0,), "{}", test.name);
    }
}

#[tokio::test]
async fn many_rows_go_in_at_once_or_not_at_all() {
    for test in empty_databases().await {
        test.db.execute(sql(THING)).await.unwrap();
        let insert = || sql("insert into thing (id, ratio, words) values ($1, $2, $3)");
        let rows = |ids: std::ops::Range<i64>| ids.map(|id| vec![id.into(), None::<f64>.into(), "a".into()]).collect::<Vec<Vec<Value>>>();
        let touched = test.db.write(async |tx| tx.execute_each(insert(), rows(0..1200)).await).await.unwrap();
        assert_eq!((touched, things(&test.db).await.len()), (1200, 1200), "{}", test.name);
        let clash = test.db.write(async |tx| tx.execute_each(insert(), [rows(1200..1900), rows(7..8), rows(1900..2000)].concat()).await);
        assert!(matches!(clash.await, Err(Error::Conflict(_))));
        let nul = test.db.write(async |tx| tx.execute_each(insert(), vec![vec![1.into(), Value::Null, "\0".into()]]).await).await;
        assert!(matches!(nul, Err(Error::Invalid(_))));
        assert_eq!(test.db.write(async |tx| tx.execute_each(insert(), Vec::new()).await).await.unwrap(), 0);
        assert_eq!(things(&test.db).await.len(), 1200, "{}", test.name);
    }
}

#[tokio::test]
async fn an_optional_filter_and_a_keyset_page_work_on_both() {
    for test in empty_databases().await {
        test.db.execute(sql(THING)).await.unwrap();
        for id in 1..=5 {
            insert(&test.db, &Thing { words: Some(if id % 2 == 0 { "even" } else { "odd" }.to_owned()), ..empty(id) }).await.unwrap();
        }
        let page = async |words: Option<&str>, before: i64| -> Vec<(i64,)> {
            test.db
                .all(
                    sql("select id from thing where (cast($1 as text) is null or words = $1)")
                        .and("and id < $2 order by id desc limit 2")
                        .bind(words)
                        .bind(before),
                )
                .await
                .unwrap()
        };
        assert_eq!(page(None, 5).await, [(4,), (3,)], "{}", test.name);
        assert_eq!(page(Some("odd"), 5).await, [(3,), (1,)], "{}", test.name);
    }
}

#[tokio::test]
async fn a_broken_constraint_is_a_conflict() {
    for test in empty_databases().await {
        test.db.execute(sql("create table parent (id bigint primary key, name text not null unique)")).await.unwrap();
        test.db.execute(sql("create table child (id bigint primary key, parent_id bigint not null references parent (id))")).await.unwrap();
        test.db.execute(sql("insert into parent values (1, 'a')")).await.unwrap();
        for text in [
            "insert into parent values (2, 'a')",
            "insert into parent values (1, 'b')",
            "insert into parent values (2, null)",
            "insert into child values (1, 7)",
        ] {
            let error = test.db.execute(sql(text)).await.unwrap_err();
            assert!(matches!(error, Error::Conflict(_)), "{}: {text}: {error:?}", test.name);
        }
        assert_eq!(test.count("select cast(count(*) as bigint) from parent").await, 1);
    }
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_an_error_and_no_panic() {
    for test in databases().await {
        let few = test.db.all::<(i64,)>(sql("select cast($1 as bigint) + cast($2 as bigint)").bind(1)).await;
        assert!(matches!(few.unwrap_err(), Error::Internal(_)), "{}", test.name);
        let many = test.db.all::<(i64,)>(sql("select cast($1 as bigint)").bind(1).bind(2)).await;
        assert!(matches!(many.unwrap_err(), Error::Internal(_)), "{}", test.name);
        test.db.ping().await.unwrap();
    }
}

struct Bomb;

impl FromRow for Bomb {
    fn from_row(_: &Row<'_>) -> Result<Bomb> {
        panic!("a row that explodes")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_while_reading_rows_leaves_every_connection_usable() {
    for test in databases().await {
        for _ in 0..10 {
            let db = test.db.clone();
            let read = tokio::spawn(async move { db.all::<Bomb>(sql("select cast(1 as bigint)")).await.map(|_| ()) });
            // SQLite reads on another thread and reports it; PostgreSQL's rows are read here.
            assert!(!matches!(read.await, Ok(Ok(()))), "{}", test.name);
            let db = test.db.clone();
            let write =
                tokio::spawn(async move { db.write(async |tx| tx.all::<Bomb>(sql("select cast(1 as bigint)")).await).await.map(|_| ()) });
            assert!(!matches!(write.await, Ok(Ok(()))), "{}", test.name);
        }
        test.db.ping().await.unwrap();
        test.db.execute(sql("delete from job")).await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_is_whole_private_and_made_while_the_database_is_written() {
    let test = sqlite().await;
    let folder = test.folder().unwrap().to_owned();
    let mode = |name: &str| std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
    for file in ["innkeeper.db", "innkeeper.db-wal"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    let row = || sql("insert into job_schedule (name, next_at, last_at) values ($1, 1, 1)");
    test.db.execute(row().bind("kept")).await.unwrap();
    // What an interrupted copy left behind does not stand in the way.
    std::fs::write(folder.join("copy.db.part"), b"half").unwrap();
    let copied = test
        .db
        .write(async |tx| {
            tx.execute(row().bind("open")).await?;
            test.db.back_up_to(&folder.join("copy.db")).await
        })
        .await;
    copied.unwrap();
    assert_eq!(mode("copy.db"), 0o600);
    assert!(!folder.join("copy.db.part").exists());
    let copy = Db::open_sqlite(&folder.join("copy.db")).unwrap();
    let names: Vec<(String,)> = copy.all(sql("select name from job_schedule")).await.unwrap();
    assert_eq!(names, [("kept".to_owned(),)]);
    let again = test.db.back_up_to(&folder.join("copy.db")).await.unwrap_err();
    assert!(matches!(again, Error::Conflict(_)), "{again:?}");
    let nowhere = test.db.back_up_to(&folder.join("no/such/folder.db")).await.unwrap_err();
    assert!(nowhere.to_string().contains("copying the database"), "{nowhere}");

    let refused = postgres().await.db.back_up_to(&folder.join("other.db")).await.unwrap_err();
    assert!(refused.to_string().contains("pg_dump"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_said_to_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("innkeeper.db");
    std::fs::write(&path, "this is a letter and not a database at all, whatever it is called".repeat(100)).unwrap();
    let error = match Db::open_sqlite(&path) {
        Ok(db) => db.ping().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    let error = Db::open_sqlite(&folder.path().join("no/such/folder.db")).map(|_| ()).unwrap_err();
    assert!(error.public_message().contains("no/such/folder.db"), "{error:?}");
}

#[tokio::test]
async fn an_unreachable_or_refusing_postgres_is_named() {
    let error = Db::open_postgres("postgres://innkeeper@127.0.0.1:1/innkeeper", 1).await.map(|_| ()).unwrap_err();
    assert!(matches!(&error, Error::Unavailable { message, .. } if message.contains("does not answer")), "{error:?}");
    let test = postgres().await;
    let url = test.postgres_url().unwrap().replace("test_", "absent_");
    let error = Db::open_postgres(&url, 1).await.map(|_| ()).unwrap_err();
    assert!(error.public_message().contains("does not exist"), "{error:?}");
    let error = Db::open_postgres(&format!("{}sslmode=require", test.postgres_url().unwrap()), 1).await.map(|_| ()).unwrap_err();
    assert!(error.public_message().contains("offers no TLS"), "{error:?}");
    let error = Db::open_postgres("not an address", 1).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
}

#[test]
fn values_take_what_slices_have() {
    assert_eq!(Value::from(Some(3_u32)), Value::Int(3));
    assert_eq!(Value::from(None::<&str>), Value::Null);
    assert_eq!(Value::from(Mood::Glad), Value::Text("glad".to_owned()));
    assert_eq!(Value::from(serde_json::json!({"a": [1]})), Value::Text(r#"{"a":[1]}"#.to_owned()));
}

#[tokio::test]
async fn a_database_knows_its_size_and_connections() {
    for test in kit::testing::databases().await {
        let vitals = kit::db::dialect::vitals(&test.db).await.unwrap();
        assert!(vitals.bytes > 4096, "{}: {vitals:?}", test.name);
        match vitals.connections {
            Some((used, most)) => assert!(test.name == "postgres" && used >= 1 && used <= most, "{vitals:?}"),
            None => assert_eq!(test.name, "sqlite"),
        }
    }
}

#[tokio::test]
async fn many_rows_go_in_at_once_with_nulls_and_conflicts() {
    use kit::db::Value;
    use kit::db::dialect::{Column, insert_rows};
    for test in empty_databases().await {
        test.run_script("create table thing (no bigint primary key, name text, body bytea, uses bigint not null);").await;
        let rows = |first: i64| -> Vec<Vec<Value>> {
            (first..first + 1000)
                .map(|no| vec![no.into(), (no % 2 == 0).then(|| format!("it's {no}")).into(), vec![0u8, 255].into(), 1i64.into()])
                .collect()
        };
        for first in [0, 500] {
            let count = test
                .db
                .write(async |tx| {
                    let into = "thing (no, name, body, uses)";
                    let then = "on conflict (no) do update set uses = thing.uses + excluded.uses";
                    insert_rows(&tx, into, &[Column::Int, Column::Text, Column::Blob, Column::Int], then, rows(first)).await
                })
                .await
                .unwrap();
            assert_eq!(count, 1000);
        }
        let (rows, nulls, uses): (i64, i64, i64) = test
            .db
            .one(sql(
                "select cast(count(*) as bigint), cast(sum(case when name is null then 1 else 0 end) as bigint), cast(sum(uses) as bigint)
                      from thing",
            ))
            .await
            .unwrap();
        assert_eq!((rows, nulls, uses), (1500, 750, 2000), "{}", test.name);
        let nul = test
            .db
            .write(async |tx| {
                insert_rows(&tx, "thing (no, name)", &[Column::Int, Column::Text], "", vec![vec![1i64.into(), "a\0".into()]]).await
            })
            .await;
        assert!(nul.is_err());
    }
}
