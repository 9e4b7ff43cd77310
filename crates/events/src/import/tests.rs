use super::*;

const BERG: &str = "cust_aaaaaaaaaaaa";

fn customers() -> Customers {
    let mut customers = Customers::default();
    for (id, name) in [(BERG, "Berg Studio"), ("cust_bbbbbbbbbbbb", "Twin"), ("cust_cccccccccccc", "twin")] {
        customers.add(&CustomerId::parse(id).unwrap(), name);
    }
    customers
}

/// What a file says, without a writer: all events and problems.
fn read_file(name: &str, content: &[u8], mapping: &[&str]) -> Result<(Vec<NewEvent>, Vec<Problem>)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, content).unwrap();
    let mapping = Mapping::parse(&mapping.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())?;
    let plan = Plan { format: Format::of_file(&file)?, file, mapping, source: Source::parse("import").unwrap(), is_dry_run: true };
    let (send, mut receive) = mpsc::channel(10_000);
    read(&plan, &Calendar::parse("UTC").unwrap(), &customers(), 0, &send)?;
    drop(send);
    let (mut events, mut problems) = (Vec::new(), Vec::new());
    while let Ok(piece) = receive.try_recv() {
        let piece = piece.unwrap();
        events.extend(piece.events);
        problems.extend(piece.problems);
    }
    Ok((events, problems))
}

#[test]
fn columns_are_found_by_their_usual_names() {
    let csv =
        "\u{feff}uuid;Event;timestamp;distinct_id;Customer ID;plan\r\n1;login;2026-07-01T10:00:00Z;ada@x.example;cust_aaaaaaaaaaaa;pro\r\n";
    let (events, problems) = read_file("a.csv", csv.as_bytes(), &[]).unwrap();
    assert_eq!(problems, []);
    let event = &events[0];
    assert_eq!((event.id.as_str(), event.name.as_str(), event.person.as_deref()), ("1", "login", Some("ada@x.example")));
    assert_eq!(event.customer.as_ref().map(CustomerId::as_str), Some(BERG));
    assert_eq!(event.at.rfc3339(), "2026-07-01T10:00:00Z");
    assert_eq!(event.props, r#"{"plan":"pro"}"#);
}

#[test]
fn a_mapping_names_columns_and_constants() {
    let csv = "when,who,company,what\n2026-07-01,u1,berg studio,\"x, \"\"y\"\"\nz\"\n2026-07-02,u2,Twin,y\n";
    let (events, problems) = read_file("a.csv", csv.as_bytes(), &["time=when", "person=who", "customer=company", "name:=opened"]).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].name.as_str(), "opened");
    assert_eq!(events[0].props, r#"{"what":"x, \"y\"\nz"}"#);
    assert_eq!(problems.len(), 1, "two customers have this name: neither is meant");
    assert_eq!((problems[0].line, problems[0].message.as_str()), (4, "there is no customer \"Twin\""));
    let missing = read_file("a.csv", csv.as_bytes(), &["time=whenever"]).unwrap_err().to_string();
    assert!(missing.contains("`whenever`") && missing.contains("`when`"), "{missing}");
    let unknown = read_file("a.csv", csv.as_bytes(), &["time=when"]).unwrap_err().to_string();
    assert!(unknown.contains("name=column"), "{unknown}");
    for bad in ["colour=x", "name", "name:=", "id:=7"] {
        assert!(Mapping::parse(&[bad.to_owned()]).is_err(), "{bad}");
    }
}

#[test]
fn lines_of_json_are_read_and_bad_ones_are_named() {
    let long = format!("{{\"event\":\"login\",\"timestamp\":1,\"x\":\"{}\"}}", "a".repeat(3 << 20));
    let lines = [
        r#"{"event":"feature_used","timestamp":1782892800000,"distinct_id":7,"properties":{"feature":"editor"},"site":"s1"}"#,
        "",
        "not json",
        r#"["login"]"#,
        &long,
        r#"{"event":"login"}"#,
        r#"{"event":"login","timestamp":"2026-07-01","distinct_id":{"a":1}}"#,
        r#"{"event":"login","timestamp":"2026-07-01","properties":"<script>"}"#,
        r#"{"event":"a\u0000b","timestamp":"2026-07-01"}"#,
        r#"{"event":"login","timestamp":"2026-07-01"}"#,
    ];
    let (events, problems) = read_file("a.ndjson", lines.join("\n").as_bytes(), &[]).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].props, r#"{"feature":"editor","site":"s1"}"#);
    assert_eq!(events[0].person.as_deref(), Some("7"));
    let told: Vec<u64> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(told, [3, 4, 5, 6, 7, 8, 9], "{problems:?}");
    assert!(problems[2].message.contains("longer than"), "{problems:?}");
}

#[test]
fn rows_without_an_id_have_the_same_one_each_time_and_another_in_another_file() {
    let ids = |content: &str| {
        let (events, _) = read_file("a.csv", content.as_bytes(), &[]).unwrap();
        events.iter().map(|event| event.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    let first = ids("event,time\nlogin,2026-07-01\nlogin,2026-07-01\n");
    assert_eq!(first, ids("event,time\nlogin,2026-07-01\nlogin,2026-07-01\n"));
    assert_ne!(first[0], first[1], "two like rows are two events");
    assert_ne!(first[0], ids("event,time\nlogin,2026-07-02\n")[0]);
}

#[test]
fn what_was_exported_for_spreadsheets_comes_back_as_it_was() {
    let (events, _) = read_file("a.csv", b"event,time,person\n'=cmd(),2026-07-01,'quoted\n", &[]).unwrap();
    assert_eq!((events[0].name.as_str(), events[0].person.as_deref()), ("=cmd()", Some("'quoted")));
}

#[test]
fn broken_files_are_refused() {
    assert!(read_file("a.csv", b"", &[]).is_err());
    assert!(read_file("a.xls", b"x", &[]).is_err());
    let (events, problems) = read_file("a.csv", b"event,time\nlogin,2026-07-01,more,fields\nlog\xffin,2026-07-01\n", &[]).unwrap();
    assert_eq!((events.len(), problems.len()), (0, 2), "{problems:?}");
    assert_eq!(read_file("a.ndjson", b"", &[]).unwrap(), (vec![], vec![]));
}

#[test]
fn a_quote_that_is_not_closed_takes_no_memory_and_is_named() {
    let csv = format!("event,time\nlogin,2026-07-01\nlogin,\"2026\n{}", "login,2026-07-01\n".repeat(400_000));
    let error = read_file("a.csv", csv.as_bytes(), &[]).unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("quote"), "{error}");
}

#[test]
fn a_preview_shows_the_first_rows_and_what_would_be_taken_for_what() {
    let folder = tempfile::tempdir().unwrap();
    let look = |name: &str, content: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        preview(&file, Format::of_file(&file).unwrap())
    };
    let csv = look("a.csv", &format!("Event,when,User ID\nlogin,1,u1\nx\nlogin,2,{}\na,b,c,d\n", "ü".repeat(200))).unwrap();
    assert_eq!(csv.columns, ["Event", "when", "User ID"]);
    assert_eq!(
        csv.usual.iter().map(|(field, column)| format!("{}={column}", field.as_str())).collect::<Vec<_>>(),
        ["name=Event", "person=User ID"]
    );
    assert_eq!((csv.rows[0].join("|"), csv.rows[1].join("|")), ("login|1|u1".to_owned(), "x||".to_owned()));
    assert_eq!((csv.rows[2][2].chars().count(), csv.rows[3].len()), (81, 1));
    let lines = look("a.ndjson", "{\"event\":\"a\"}\nno\n{\"event\":\"b\",\"time\":5,\"in\":{\"x\":[1]}}\n").unwrap();
    assert_eq!(lines.columns, ["event", "in", "time"]);
    assert_eq!((lines.rows[0].join("|"), lines.rows[2].join("|")), ("a||".to_owned(), r#"b|{"x":[1]}|5"#.to_owned()));
    assert!(look("b.csv", "").is_err());
    // What is not in the file is not looked for.
    let (_, problems) = read_file("a.csv", b"event,time,user\nlogin,2026-07-01,u1\n", &["person="]).unwrap();
    assert_eq!(problems, []);
    assert!(read_file("a.csv", b"event,time\n", &["name="]).is_err());
}
